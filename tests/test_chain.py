"""The interchange test on networks whose graph is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from builders import hooks_of
from torch import Tensor, nn

from infoplane.errors import InputError
from infoplane.hooks.certificates.comparing import same
from infoplane.hooks.chain import interchange
from infoplane.types import Chain


def _x(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def _chain(build: Callable[[], nn.Module], x: object, layers: object, **options: object) -> Chain:
    torch.manual_seed(0)
    chain = interchange(build(), x, layers, **options)  # type: ignore[arg-type]
    assert chain.reason == "", chain.reason
    return chain


def test_a_layer_is_no_pair_with_itself() -> None:
    layers = ["0", "1", "2"]
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
    chain = _chain(lambda: net, _x(20, 4), layers)
    assert (chain.count("cut"), chain.count("no-path")) == (3, 3)


class ResBlock(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(d, d), nn.ReLU(inplace=True), nn.Linear(d, d)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.fc2(self.act(self.fc1(x)))


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.blocks, self.head = (
            nn.Linear(6, 8),
            nn.Sequential(ResBlock(8), ResBlock(8)),
            nn.Linear(8, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(x)))


def test_every_pair_of_a_plain_mlp_is_cut_and_nothing_flows_back() -> None:
    chain = _chain(
        lambda: nn.Sequential(
            nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 6), nn.ReLU(inplace=True), nn.Linear(6, 2)
        ),
        _x(32, 5),
        "all",
    )
    names = chain.layers
    assert names == ("0", "1", "2", "3", "4")
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            assert chain.relation(a, b) == ("cut" if i <= j else "no-path"), (a, b)


class Odd(nn.Module):
    """The logarithm, of rectified values for ``inf``: some of its values are NaN or minus infinity,
    the others move with the input.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        return torch.log(torch.relu(x) if self.kind == "inf" else x)


@pytest.mark.parametrize("kind", ["inf", "nan"])
def test_values_that_are_no_numbers_are_neither_noise_nor_a_bypass(kind: str) -> None:
    chain = _chain(lambda: nn.Sequential(nn.Linear(3, 8), Odd(kind), nn.Tanh()), _x(64, 3), "all")
    for i, a in enumerate(chain.layers):
        for j, b in enumerate(chain.layers):
            assert chain.relation(a, b) == ("cut" if i <= j else "no-path"), (a, b)
    assert chain.shared_noise == ()


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan])
def test_what_differs_beside_an_infinity_differs(odd: float) -> None:
    a = torch.tensor([1.0, 2.0, odd])
    assert same(a, a.clone(), 1e-5) and same(a, a + torch.tensor([1e-6, 0.0, 0.0]), 1e-5)
    assert not same(a, torch.tensor([1.0, 2.1, odd]), 1e-5)
    for other in (np.inf, -np.inf, np.nan, 0.0):
        assert same(a, torch.tensor([1.0, 2.0, other]), 1e-5) == (
            other == odd or (np.isnan(odd) and np.isnan(other))
        )
    assert (
        not same(a, a[:2], 1e-5)
        and same(a.double(), a, 1e-5)
        and same(torch.empty(0), torch.empty(0).double(), 1e-5)
    )


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint16, torch.int64, torch.float16, torch.float8_e4m3fn]
)
def test_layers_of_every_dtype_are_compared(dtype: torch.dtype) -> None:
    a, b = torch.tensor([0, 1, 1]).to(dtype), torch.tensor([0, 1, 0]).to(dtype)
    assert same(a, a.clone(), 1e-5) and not same(a, b, 1e-5)
    assert same(a, a.double(), 1e-5) and not same(a.double(), b, 1e-5)


def test_a_branch_inside_a_residual_block_is_bypassed_and_block_outputs_cut() -> None:
    chain = _chain(
        ResNet, _x(32, 6), ["stem", "blocks.0.fc1", "blocks.0", "blocks.1.act", "blocks.1", "head"]
    )
    assert chain.relation("stem", "blocks.0.fc1") == chain.relation("stem", "head") == "cut"
    assert (
        chain.relation("blocks.0", "blocks.1")
        == chain.relation("blocks.1", "head")
        == chain.relation("blocks.0", "blocks.1.act")
        == "cut"
    )
    assert (
        chain.relation("blocks.0.fc1", "blocks.0")
        == chain.relation("blocks.0.fc1", "head")
        == "partial"
    )
    assert chain.relation("blocks.1.act", "head") == "partial"
    assert chain.relation("blocks.1", "blocks.0") == "no-path"


class DenseLayer(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(d, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, torch.relu(self.conv(x))], 1)


class DenseNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.d1, self.d2, self.head = (
            nn.Conv1d(3, 4, 1),
            DenseLayer(4),
            DenseLayer(6),
            nn.Linear(8, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.d2(self.d1(self.stem(x))).mean(2))


def test_new_features_of_a_dense_block_are_partial_and_its_concatenations_cut() -> None:
    chain = _chain(DenseNet, _x(16, 3, 5), ["stem", "d1.conv", "d1", "d2.conv", "d2", "head"])
    assert (
        chain.relation("d1", "d2")
        == chain.relation("d1", "d2.conv")
        == chain.relation("d2", "head")
        == chain.relation("stem", "head")
        == "cut"
    )
    assert (
        chain.relation("d1.conv", "d1")
        == chain.relation("d1.conv", "d2.conv")
        == chain.relation("d2.conv", "head")
        == "partial"
    )


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.pool, self.mid, self.up, self.merge = (
            nn.Conv2d(1, 3, 3, padding=1),
            nn.MaxPool2d(2),
            nn.Conv2d(3, 4, 3, padding=1),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(7, 1, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        skip = torch.relu(self.down(x))
        return self.merge(torch.cat([skip, self.up(torch.tanh(self.mid(self.pool(skip))))], 1))


def test_the_bottleneck_of_a_u_net_is_bypassed_by_its_skip() -> None:
    chain = _chain(UNet, _x(16, 1, 8, 8), ["down", "pool", "mid", "up", "merge"])
    assert (
        chain.relation("down", "merge")
        == chain.relation("down", "mid")
        == chain.relation("pool", "mid")
        == chain.relation("mid", "up")
        == "cut"
    )
    assert (
        chain.relation("mid", "merge")
        == chain.relation("pool", "merge")
        == chain.relation("up", "merge")
        == "partial"
    )


class Tapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.tap, self.out = (
            nn.Linear(4, 4),
            nn.Linear(4, 4),
            nn.Linear(4, 4),
            nn.Linear(4, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.a(x))
        self.side = self.tap(hidden)  # seen by nobody
        return self.out(torch.tanh(self.b(hidden)))


def test_a_side_tap_has_no_path_to_the_rest() -> None:
    chain = _chain(Tapped, _x(20, 4), ["a", "b", "tap", "out"])
    assert (
        chain.relation("tap", "out")
        == chain.relation("b", "tap")
        == chain.relation("tap", "b")
        == "no-path"
    )
    assert chain.relation("a", "tap") == chain.relation("a", "out") == "cut"


def test_a_transformer_is_cut_at_blocks_and_partial_inside_them() -> None:
    def build() -> nn.Module:
        return nn.Sequential(
            nn.Embedding(20, 8),
            *[
                nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.1)
                for _ in range(2)
            ],
            nn.Linear(8, 3),
        )

    chain = _chain(
        build,
        torch.randint(0, 20, (16, 5), generator=torch.Generator().manual_seed(1)),
        ["0", "1.self_attn", "1.linear2", "1", "2", "3"],
    )
    assert (
        chain.relation("0", "1")
        == chain.relation("1", "2")
        == chain.relation("1", "3")
        == chain.relation("0", "1.self_attn")
        == "cut"
    )
    assert (
        chain.relation("1.self_attn", "1")
        == chain.relation("1.linear2", "1")
        == chain.relation("1.self_attn", "3")
        == "partial"
    )


class Independent(nn.Module):
    def __init__(self, tied: bool) -> None:
        super().__init__()
        self.a, self.b, self.c, self.tied = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 2), tied

    def forward(self, x: Tensor) -> Tensor:
        first = torch.bernoulli(torch.full((len(x), 8), 0.5))
        hidden = self.b(torch.tanh(self.a(x)) * first)
        return self.c(
            torch.tanh(hidden)
            * (first if self.tied else torch.bernoulli(torch.full((len(x), 8), 0.5)))
        )


def test_a_tied_dropout_mask_is_found_as_shared_noise_and_independent_masks_are_not() -> None:
    layers = ["a", "b", "c"]
    tied, free = (
        _chain(lambda: Independent(True), _x(32, 6), layers),
        _chain(lambda: Independent(False), _x(32, 6), layers),
    )
    assert free.shared_noise == ()
    assert ("b", "c") in tied.shared_noise
    assert free.relation("a", "c") == free.relation("b", "c") == "cut"


def test_dropout_in_training_mode_shares_no_noise() -> None:
    chain = _chain(
        lambda: nn.Sequential(
            nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 2)
        ),
        _x(32, 6),
        "all",
        mode="train",
    )
    assert chain.shared_noise == ()
    assert chain.relation("1", "4") == "cut"


def test_batch_statistics_in_training_mode_are_shared_noise_and_in_eval_mode_are_none() -> None:
    def build() -> nn.Module:
        return nn.Sequential(
            nn.Linear(6, 8),
            nn.BatchNorm1d(8),
            nn.Tanh(),
            nn.Linear(8, 8),
            nn.BatchNorm1d(8),
            nn.Linear(8, 2),
        )

    assert ("1", "5") in _chain(build, _x(64, 6), "all", mode="train").shared_noise
    assert _chain(build, _x(64, 6), "all").shared_noise == ()


def test_a_recurrent_cell_is_cut_call_by_call_only_where_no_later_input_enters() -> None:
    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.out = nn.GRUCell(3, 5), nn.Linear(5, 2)

        def forward(self, x: Tensor) -> Tensor:
            h = torch.zeros(len(x), 5)
            for t in range(3):
                h = self.cell(x[:, t], h)
            return self.out(h)

    chain = _chain(Loop, _x(16, 3, 3), ["cell", "out"])
    assert chain.layers == ("cell#0", "cell#1", "cell#2", "out")
    assert chain.relation("cell#2", "out") == "cut"
    assert (
        chain.relation("cell#0", "cell#1") == chain.relation("cell#0", "out") == "partial"
    )  # x_1 enters behind it
    assert chain.relation("cell#2", "cell#0") == "no-path"


def test_the_input_of_a_module_is_a_site_of_the_chain() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(4, 5), nn.Linear(5, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc2(torch.tanh(self.fc1(x)))

    chain = _chain(Functional, _x(16, 4), ["fc1", "fc2:input", "fc2"])
    assert chain.relation("fc1", "fc2:input") == chain.relation("fc2:input", "fc2") == "cut"


def test_a_layer_that_is_constant_on_the_probe_is_unknown_with_a_reason() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    with torch.no_grad():
        net[0].bias.fill_(-1e3)
    chain = interchange(net, _x(16, 4), "all")
    assert "['1', '2'] gave the same output for all test rows" in chain.reason
    assert chain.relation("0", "1") == "unknown"


def test_a_network_that_cannot_run_gets_an_unknown_chain_with_the_error_as_reason() -> None:
    calls: list[int] = []  # outside the network, where nothing is put back

    class Fragile(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            calls.append(1)
            if len(calls) > 2:
                raise ValueError("third forward")
            return self.b(self.a(x))

    chain = interchange(Fragile(), _x(8, 3), "all")
    assert "third forward" in chain.reason and chain.relation("a", "b") == "unknown"


class CollectedByHooks(nn.Module):
    """Its head reads what a hook of its own collected of the first layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(6, 5), nn.Linear(5, 5), nn.Linear(5, 3)
        self.collected: list[Tensor] = []
        self.first.register_forward_hook(self.collect)

    def collect(self, layer: nn.Module, args: object, output: Tensor) -> None:
        self.collected.append(output)

    def forward(self, x: Tensor) -> Tensor:
        self.collected = []
        self.second(self.first(x))
        return self.head(self.collected[0])  # type: ignore[no-any-return]


def test_what_a_hook_of_the_network_collects_is_exchanged_with_the_layer() -> None:
    chain = _chain(CollectedByHooks, _x(32, 6), ["first", "second", "head"])
    assert chain.relation("first", "head") == "cut"
    assert chain.relation("second", "head") == "no-path"


def test_one_row_is_refused() -> None:
    with pytest.raises(InputError, match="at least two probe rows"):
        interchange(nn.Linear(2, 2), _x(1, 2), "all")


def test_the_test_leaves_no_hook_and_no_random_number_behind() -> None:
    net = ResNet()
    before = torch.get_rng_state()
    interchange(net, _x(16, 6))
    assert torch.equal(before, torch.get_rng_state())
    assert not any(hooks_of(net))


def test_the_cost_is_one_forward_per_layer_and_a_few() -> None:
    net, count = ResNet(), []
    net.register_forward_pre_hook(lambda m, a: count.append(1))
    chain = interchange(net, _x(16, 6), "all")
    assert (
        len(count) <= len(chain.layers) + 9
    )  # two surveys, x, x', noise, company, last bits, neighbours


class Graph(nn.Module):
    """A network with any graph: node v is a linear layer of its parents side by side, squashed;
    parent -1 is the input.
    """

    def __init__(self, parents: list[list[int]]) -> None:
        super().__init__()
        self.parents = parents
        self.nodes = nn.ModuleList(
            [nn.Sequential(nn.Linear(4 * len(p), 4), nn.Tanh()) for p in parents]
        )

    def forward(self, x: Tensor) -> Tensor:
        values = {-1: x}
        for v, parents in enumerate(self.parents):
            values[v] = self.nodes[v](torch.cat([values[p] for p in parents], 1))
        return values[len(self.parents) - 1]


def _reached(parents: list[list[int]], start: int, without: int | None = None) -> set[int]:
    """Nodes on a directed path from ``start`` that avoids ``without``."""
    reached = {start}
    for v, mine in enumerate(parents):
        if v != without and reached & set(mine):
            reached.add(v)
    return reached


@pytest.mark.parametrize("seed", range(12))
def test_the_matrix_of_any_graph_is_that_of_its_paths(seed: int) -> None:
    """i cuts X from j when every path from the input to j passes i; no path when none leads from i
    to j; else i is bypassed.
    """
    rng = np.random.default_rng(seed)
    parents = [
        sorted({int(p) for p in rng.integers(-1 if v < 3 else 0, v, size=2)} if v else {-1})
        for v in range(7)
    ]
    chain = _chain(lambda: Graph(parents), _x(32, 4), [f"nodes.{v}" for v in range(7)])
    for i in range(7):
        around, after = _reached(parents, -1, without=i), _reached(parents, i)
        for j in range(7):
            want = "cut" if i == j or j not in around else "partial" if j in after else "no-path"
            assert chain.relation(f"nodes.{i}", f"nodes.{j}") == want, (parents, i, j)


def test_both_inputs_of_cross_attention_are_partial_to_a_decoder() -> None:
    def build() -> nn.Module:
        return nn.TransformerDecoder(
            nn.TransformerDecoderLayer(8, 2, 16, batch_first=True, dropout=0.0), 2
        )

    chain = _chain(
        build,
        ((_x(16, 5, 8), torch.flip(_x(16, 4, 8), [0]) + 1), None),
        ["layers.0", "layers.1.multihead_attn", "layers.1"],
    )
    assert chain.relation("layers.0", "layers.1") == "partial"  # the memory enters behind it
    assert chain.relation("layers.1.multihead_attn", "layers.1") == "partial"
    assert chain.relation("layers.1", "layers.0") == "no-path"
