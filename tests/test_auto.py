"""`layers="auto"` follows its rule on networks that each need one part of it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import hooks_of
from torch import Tensor, nn

import infoplane as ip
from infoplane.errors import UnsupportedOutput
from infoplane.hooks.chain import interchange
from infoplane.hooks.choice.tracing import trace
from infoplane.hooks.replay import replay

ROWS = 24


def _x(*shape: int) -> Tensor:
    return torch.randn(ROWS, *shape, generator=torch.Generator().manual_seed(1))


def _ids(words: int, length: int) -> Tensor:
    return torch.randint(0, words, (ROWS, length), generator=torch.Generator().manual_seed(1))


def _attach(network: nn.Module, x: object, to: Path) -> ip.Recorder:
    recorder = ip.Recorder(network, probe=x, to=to / "run", verbose=False, chain=False)
    recorder.open().close()
    return recorder


class Net(nn.Module):
    """Parts by name, and what to do with them."""

    def __init__(self, run: Callable[[Net, Tensor], Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


def _block(width: int = 8) -> nn.Module:
    return Net(
        lambda net, x: net.down(torch.tanh(net.up(x))),
        up=nn.Linear(width, 16),
        down=nn.Linear(16, width),
    )


def _in_turn(net: Net, x: Tensor) -> Tensor:
    for part in net.children():
        x = part(x)
    return x


def test_a_table_of_positions_is_left_out(tmp_path: Path) -> None:
    def run(net: Net, ids: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1]).expand(len(ids), -1)
        return net.out(net.places(places) + net.words(ids))

    net = Net(run, places=nn.Embedding(9, 8), words=nn.Embedding(30, 8), out=nn.Linear(8, 2))
    assert _attach(net, _ids(30, 5), tmp_path).layers == ("words", "out")


def test_what_nobody_reads_is_left_out_and_said(tmp_path: Path) -> None:
    def run(net: Net, x: Tensor) -> Tensor:
        hidden = torch.tanh(net.first(x))
        net.pooler(hidden)
        return net.out(hidden)

    net = Net(run, first=nn.Linear(5, 8), pooler=nn.Linear(8, 8), out=nn.Linear(8, 2))
    recorder = _attach(net, _x(5), tmp_path)
    assert recorder.layers == ("first", "out")
    assert "'pooler' is left out: nothing leads from it to the output" in recorder.describe()


def test_a_block_that_exists_once_is_a_block(tmp_path: Path) -> None:
    class One(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers, self.out = nn.ModuleList([_block()]), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.layers[0](x))  # type: ignore[no-any-return]

    assert _attach(One(), _x(8), tmp_path).layers == ("layers.0", "out")


def test_a_shared_block_is_taken_call_by_call(tmp_path: Path) -> None:
    net = Net(
        lambda net, x: net.out(net.block(net.block(net.block(x)))),
        block=_block(),
        out=nn.Linear(8, 2),
    )
    assert _attach(net, _x(8), tmp_path).layers == ("block#0", "block#1", "block#2", "out")


def _adding(net: Net, x: Tensor) -> Tensor:
    x = torch.relu(net.first(x))
    x = x + torch.tanh(net.a(x))
    x += torch.tanh(net.b(x))
    return net.out(x)  # type: ignore[no-any-return]


def _functional_residual() -> nn.Module:
    return Net(
        _adding,
        first=nn.Linear(5, 8),
        a=nn.Linear(8, 8),
        b=nn.Linear(8, 8),
        out=nn.Linear(8, 2),
    )


def test_sums_outside_of_modules_are_taken_and_not_their_branches(tmp_path: Path) -> None:
    recorder = _attach(_functional_residual(), _x(5), tmp_path)
    assert recorder.layers == ("first", "b:input", "out:input", "out")


def test_the_stream_has_the_bits_of_the_sum(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, x = _functional_residual(), _x(5)
    _attach(net, x, tmp_path)
    with torch.no_grad():
        stream = torch.relu(net.first(x))
        stream = stream + torch.tanh(net.a(stream))
    assert np.array_equal(ip.open_archive(tmp_path / "run").z(0, "b:input"), stream.numpy())


def test_functional_residual_sums_have_a_certified_chain(tmp_path: Path) -> None:
    torch.manual_seed(0)
    chain = interchange(_functional_residual(), _x(5))
    assert all(chain.matrix[i][j] == "cut" for i in range(4) for j in range(i + 1, 4))


def test_a_skip_around_the_whole_network_is_no_branch(tmp_path: Path) -> None:
    net = Net(
        lambda net, x: x + net.c(torch.tanh(net.b(torch.tanh(net.a(x))))),
        a=nn.Linear(8, 6),
        b=nn.Linear(6, 4),
        c=nn.Linear(4, 8),
    )
    assert _attach(net, _x(8), tmp_path).layers == ("a", "b", "c", "(model)")


def test_a_skip_over_a_bottleneck_keeps_the_bottleneck(tmp_path: Path) -> None:
    def run(net: Net, x: Tensor) -> Tensor:
        wide = torch.relu(net.enter(x))
        deep = torch.relu(net.down(wide))
        return net.leave(wide + net.up(deep))  # type: ignore[no-any-return]

    net = Net(
        run,
        enter=nn.Conv2d(1, 4, 3, padding=1),
        down=nn.Conv2d(4, 8, 2, stride=2),
        up=nn.ConvTranspose2d(8, 4, 2, stride=2),
        leave=nn.Conv2d(4, 1, 1),
    )
    assert "down" in _attach(net, _x(1, 8, 8), tmp_path).layers


def test_parallel_heads_are_no_blocks_in_a_row(tmp_path: Path) -> None:
    def heads() -> nn.Module:
        return Net(
            lambda net, x: net.join(torch.cat([net.one(x), net.two(x)], -1)),
            one=_block(),
            two=_block(),
            join=nn.Linear(16, 8),
        )

    net = Net(_in_turn, first=heads(), second=heads(), out=nn.Linear(8, 2))
    assert _attach(net, _x(8), tmp_path).layers == ("first", "second", "out")


def test_a_head_over_a_large_vocabulary_is_left_out(tmp_path: Path) -> None:
    net = Net(
        _in_turn, words=nn.Embedding(4000, 8), a=_block(), b=_block(), head=nn.Linear(8, 4000)
    )
    recorder = _attach(net, _ids(4000, 6), tmp_path)
    assert recorder.layers == ("words", "a", "b")
    assert "scores of 4000 words" in recorder.describe()


def test_every_layer_is_shown_with_its_reason(tmp_path: Path) -> None:
    recorder = _attach(_functional_residual(), _x(5), tmp_path)
    lines = recorder.describe().splitlines()
    for site in recorder.look().sites:
        shown = [line for line in lines if line.startswith(f"  {site.name} ")]
        assert len(shown) == 1 and shown[0].endswith(site.why.partition(" (")[0])


@pytest.mark.parametrize("network", [_functional_residual(), nn.LSTM(5, 4), nn.Linear(5, 2)])
def test_looking_for_what_flows_where_leaves_the_network_as_it_was(network: nn.Module) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    trace(network, _x(5))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(hooks_of(network))


def test_what_was_chosen_of_several_tensors_is_found_again_by_a_replay(tmp_path: Path) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(5, 5)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return torch.tanh(self.fc(x)), x

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers, self.out = nn.ModuleList([Two(), Two()]), nn.Linear(5, 2)

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                x, _ = layer(x)
            return self.out(x)  # type: ignore[no-any-return]

    torch.manual_seed(0)
    net = Both()
    options = {"store": "weights", "verbose": False, "chain": False}
    with ip.Recorder(net, probe=_x(5), to=tmp_path / "run", **options) as recorder:  # type: ignore[arg-type]
        layers = recorder.layers
    replay(tmp_path / "run", Both(), to=tmp_path / "again")
    assert ip.open_archive(tmp_path / "again").layers == layers


class Stack(nn.Module):
    """Pairs of branches in a list, added one after another by functions, and a normalisation."""

    def __init__(self, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.ModuleList([_block(), _block()]) for _ in range(depth))
        self.norm = nn.LayerNorm(8)

    def forward(self, x: Tensor) -> Tensor:
        for first, second in self.layers:  # type: ignore[misc]  # a list of two
            x = x + first(x)
            x = x + second(x)
        return self.norm(x)  # type: ignore[no-any-return]


def test_a_stack_that_adds_the_items_of_its_list_is_no_block(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(5, 8), Stack(), nn.Linear(8, 2))
    recorder = _attach(net, _x(5), tmp_path)
    stream = ("1.layers.0.1:input", "1.layers.1.0:input", "1.layers.1.1:input", "1.norm:input")
    assert recorder.layers == ("0", *stream, "1.norm", "2")


def test_a_block_that_goes_to_another_resolution_is_one_like_those_that_do_not(
    tmp_path: Path,
) -> None:
    class Bottleneck(nn.Module):
        def __init__(self, wide: int, narrow: int, stride: int) -> None:
            super().__init__()
            self.first = nn.Sequential(
                nn.Conv2d(wide, narrow, 3, stride, 1), nn.BatchNorm2d(narrow)
            )
            self.second = nn.Sequential(nn.Conv2d(narrow, narrow, 3, 1, 1), nn.BatchNorm2d(narrow))
            self.short = nn.Conv2d(wide, narrow, 1, stride)

        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(self.second(torch.relu(self.first(x))) + self.short(x))

    net = nn.Sequential(Bottleneck(3, 4, 1), Bottleneck(4, 8, 2), nn.Flatten(), nn.Linear(128, 2))
    assert _attach(net, _x(3, 8, 8), tmp_path).layers == ("0", "1", "3")


def test_what_does_not_read_an_embedding_does_not_stand_for_it(tmp_path: Path) -> None:
    class Sinusoids(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.sin(torch.arange(8.0)).expand(len(x), x.shape[1], 8)

    net = Net(
        lambda net, x: net.out(torch.tanh(net.words(x) + net.places(x)).mean(1)),
        words=nn.Embedding(30, 8),
        places=Sinusoids(),
        out=nn.Linear(8, 2),
    )
    assert _attach(net, _ids(30, 6), tmp_path).layers[0] == "words"


class Doubling(nn.Module):
    """One linear layer, and a function of its own behind it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 8)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(2 * self.linear(x))


class Residual(nn.Module):
    """Adds its input to what it made of it."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, 16), nn.Linear(16, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(torch.tanh(self.up(x)))  # type: ignore[no-any-return]


def test_a_stage_of_one_block_is_a_stage_as_the_others_are(tmp_path: Path) -> None:
    class Stage(nn.Module):
        def __init__(self, count: int) -> None:
            super().__init__()
            self.layers = nn.ModuleList([Residual() for _ in range(count)])
            self.narrow = nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                x = layer(x)
            return self.narrow(x)  # type: ignore[no-any-return]

    stages = nn.ModuleList([Stage(1), Stage(2)])
    net = Net(lambda net, x: net.stages[1](net.stages[0](net.first(x))), first=nn.Linear(5, 8))
    net.stages = stages
    layers = list(_attach(net, _x(5), tmp_path).layers)
    assert layers == [
        "first",
        "stages.0.layers.0",
        "stages.0.narrow",
        "stages.1.layers.0",
        "stages.1.layers.1",
        "stages.1.narrow",
    ]


def _stages(narrow: nn.Module, *, read_again: bool = False) -> Net:
    """Two residual blocks of one kind, and something that leads from the one to the other."""

    def run(net: Net, x: Tensor) -> Tensor:
        wide = net.first(x)
        wide = net.blocks[0](wide)
        small = net.narrow(wide)
        out = net.out(net.blocks[1](small))
        return out + small[:, :2] if read_again else out  # type: ignore[no-any-return]

    net = Net(run, first=nn.Linear(5, 16), narrow=narrow, out=nn.Linear(8, 2))
    net.blocks = nn.ModuleList([Residual(16), Residual(8)])
    return net


def test_what_only_leads_to_the_next_block_at_another_width_is_left_out(tmp_path: Path) -> None:
    merging = nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 8))
    layers = _attach(_stages(merging), _x(5), tmp_path).layers
    assert layers == ("first", "blocks.0", "blocks.1", "out")


@pytest.mark.parametrize(
    ("narrow", "read_again", "taken"),
    [
        (nn.Sequential(nn.Linear(16, 8), nn.Tanh()), False, "narrow.1"),
        (nn.Linear(16, 8), True, "narrow"),
    ],
)
def test_a_layer_between_blocks_with_an_activation_or_another_reader_is_taken(
    narrow: nn.Module, read_again: bool, taken: str, tmp_path: Path
) -> None:
    assert taken in _attach(_stages(narrow, read_again=read_again), _x(5), tmp_path).layers


def test_a_block_that_changes_the_width_is_one_like_those_that_add(tmp_path: Path) -> None:
    class Part(nn.Module):
        """Two alike parts in a row and a layer; adds its input where the width stays."""

        def __init__(self, width: int) -> None:
            super().__init__()
            self.layers = nn.Sequential(_block(width), _block(width))
            self.last = nn.Linear(width, 8)

        def forward(self, x: Tensor) -> Tensor:
            out = self.last(torch.relu(self.layers(x)))
            return x + out if out.shape == x.shape else out  # type: ignore[no-any-return]

    net = Net(lambda net, x: net.out(net.parts[1](net.parts[0](x))), out=nn.Linear(8, 2))
    net.parts = nn.ModuleList([Part(5), Part(8)])
    assert _attach(net, _x(5), tmp_path).layers == ("parts.0", "parts.1", "out")


def test_of_a_sum_around_a_trunk_the_layer_behind_the_blocks_is_the_branch(tmp_path: Path) -> None:
    def run(net: Net, x: Tensor) -> Tensor:
        x = net.first(x)
        return net.out(x + net.last(net.blocks(x)))  # type: ignore[no-any-return]

    net = Net(run, first=nn.Linear(5, 8), last=nn.Linear(8, 8), out=nn.Linear(8, 2))
    net.blocks = nn.Sequential(Residual(), Residual())
    layers = _attach(net, _x(5), tmp_path).layers
    assert layers == ("first", "blocks.0", "blocks.1", "out:input", "out")


def test_a_normalisation_is_found_behind_what_it_reads(tmp_path: Path) -> None:
    def run(net: Net, x: Tensor) -> Tensor:
        z = net.blocks(net.first(x))
        scale = net.condition(x)
        return net.out(net.norm(z) * (1 + scale))  # type: ignore[no-any-return]

    net = Net(
        run,
        first=nn.Linear(5, 8),
        condition=nn.Linear(5, 8),
        norm=nn.LayerNorm(8, elementwise_affine=False),
        out=nn.Linear(8, 2),
    )
    net.blocks = nn.Sequential(Residual(), Residual())
    layers = _attach(net, _x(5), tmp_path).layers
    assert layers == ("first", "blocks.0", "blocks.1", "condition", "norm", "out")


def test_a_module_of_one_layer_stands_for_the_function_behind_it(tmp_path: Path) -> None:
    net = nn.Sequential(Doubling(5), Doubling(8), nn.Linear(8, 2))
    assert list(_attach(net, _x(5), tmp_path).layers) == ["0", "1", "2"]


def test_embeddings_that_are_not_added_are_all_taken(tmp_path: Path) -> None:
    def multiply(net: Net, x: Tensor) -> Tensor:
        return net.out(net.user(x[:, 0]) * net.item(x[:, 1]))  # type: ignore[no-any-return]

    net = Net(multiply, user=nn.Embedding(9, 4), item=nn.Embedding(9, 4), out=nn.Linear(4, 2))
    assert list(_attach(net, _ids(9, 2), tmp_path).layers) == ["user", "item", "out"]


def test_gates_are_no_part_of_the_residual_stream(tmp_path: Path) -> None:
    def mix(net: Net, x: Tensor) -> Tensor:
        x = torch.relu(net.first(x))
        opened = torch.sigmoid(net.gate(x))
        return net.out(opened * torch.relu(net.make(x)) + (1 - opened) * x)  # type: ignore[no-any-return]

    net = Net(
        mix,
        first=nn.Linear(5, 8),
        gate=nn.Linear(8, 8),
        make=nn.Linear(8, 8),
        out=nn.Linear(8, 2),
    )
    assert list(_attach(net, _x(5), tmp_path).layers) == ["first", "out:input", "out"]


def test_a_normalisation_in_the_stream_stands_for_it(tmp_path: Path) -> None:
    def run(net: Net, x: Tensor) -> Tensor:
        x = net.first(x)
        x = net.norm1(x + net.a(x))
        x = net.norm2(x + net.b(x))
        return net.out(x)  # type: ignore[no-any-return]

    net = Net(
        run,
        first=nn.Linear(5, 8),
        a=_block(),
        norm1=nn.LayerNorm(8),
        b=_block(),
        norm2=nn.LayerNorm(8),
        out=nn.Linear(8, 2),
    )
    layers = list(_attach(net, _x(5), tmp_path).layers)
    assert "norm1" in layers and "norm1:input" not in layers


def test_a_branch_may_turn_tokens_into_a_map(tmp_path: Path) -> None:
    class MapAttention(nn.Module):
        """Queries by a convolution over the places of the tokens, values by a linear layer."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.values = nn.Conv2d(8, 8, 3, 2, 1), nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            coarse = self.conv(x.transpose(1, 2).unflatten(2, (4, 4))).flatten(2)  # (N, 8, 4)
            return torch.softmax(x @ coarse, -1) @ coarse.transpose(1, 2) + self.values(x)

    def run(net: Net, x: Tensor) -> Tensor:
        x = net.first(x)
        x = x + net.a(x)
        x = x + net.b(x)
        return net.out(x)  # type: ignore[no-any-return]

    net = Net(run, first=nn.Linear(5, 8), a=MapAttention(), b=MapAttention(), out=nn.Linear(8, 2))
    layers = list(_attach(net, _x(16, 5), tmp_path).layers)
    assert layers == ["first", "b:input", "out:input", "out"]


def test_what_the_first_block_reads_is_taken_where_nothing_else_can_be(tmp_path: Path) -> None:
    def run(net: Net, x: Tensor) -> Tensor:
        frames = net.patch(x.flatten(0, 1))  # three frames of every sample: no row of its own
        return net.row(frames.unflatten(0, (len(x), 3)).mean(1))  # type: ignore[no-any-return]

    net = Net(run, patch=nn.Linear(4, 8), row=nn.Sequential(Residual(), Residual()))
    assert list(_attach(net, _x(3, 4), tmp_path).layers) == ["row.0:input", "row.0", "row.1"]


def test_a_recurrent_layer_whose_last_state_alone_is_read_is_taken(tmp_path: Path) -> None:
    def last(net: Net, x: Tensor) -> Tensor:
        return net.out(net.rnn(x)[1][-1])  # type: ignore[no-any-return]

    net = Net(last, rnn=nn.GRU(3, 6, batch_first=True), out=nn.Linear(6, 2))
    assert list(_attach(net, _x(4, 3), tmp_path).layers) == ["rnn", "out"]


def test_the_trace_holds_no_value_that_the_network_lets_go() -> None:
    alive: list[weakref.ref[Tensor]] = []
    most = 0

    def look(_module: nn.Module, _args: object, output: Tensor) -> None:
        nonlocal most
        alive.append(weakref.ref(output))
        most = max(most, sum(one() is not None for one in alive))

    net = nn.Sequential(*[nn.Linear(6, 6) for _ in range(20)])
    for layer in net:
        layer.register_forward_hook(look)
    with torch.no_grad():
        flow = trace(net, _x(6))
    assert most <= 3
    assert len(flow.before(flow.outputs) & flow.after(flow.inputs)) == 21


class ReplacedBuffer(nn.Module):
    """Lets go of its buffer before it computes what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.state: Tensor
        self.register_buffer("state", torch.randn(ROWS, 8))
        self.linear = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.linear(x)
        self.state = torch.ones(1)
        return torch.tanh(hidden)


def test_a_value_where_a_replaced_buffer_lay_is_no_buffer() -> None:
    for _ in range(20):
        with torch.no_grad():
            flow = trace(ReplacedBuffer(), _x(8))
        assert flow.outputs <= flow.after(flow.inputs)


def _folding() -> nn.Module:
    """A layer in, two blocks with the positions among the rows, a layer out."""

    def run(net: Net, x: Tensor) -> Tensor:
        folded = torch.tanh(net.into(x)).flatten(0, 1)
        return torch.tanh(net.out(net.blocks(folded).unflatten(0, x.shape[:2])))

    def norm() -> nn.Module:
        return Net(_in_turn, layer=nn.Linear(8, 8), norm=nn.LayerNorm(8))

    blocks = nn.Sequential(_adding_block(), _adding_block())
    return Net(run, into=norm(), blocks=blocks, out=norm())


def _adding_block() -> nn.Module:
    return Net(lambda net, x: x + net.inner(x), inner=_block())


def test_what_folds_positions_into_the_rows_is_taken_whole(tmp_path: Path) -> None:
    stages = nn.Sequential(*(_folding() for _ in range(3)))
    network = nn.Sequential(stages, nn.Flatten(), nn.Linear(40, 3))
    assert list(_attach(network, _x(5, 8), tmp_path).layers) == ["0.0", "0.1", "0.2", "2"]


class Int8Linear(nn.Module):
    """Integer weights with their scales in buffers, as quantising libraries store them."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        scale = layer.weight.detach().abs().amax(1, keepdim=True) / 127
        self.register_buffer("weight", (layer.weight.detach() / scale).round().to(torch.int8))
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Tensor:
        return x @ (self.weight * self.scale).T


def test_layers_of_integer_weights_count_as_layers(tmp_path: Path) -> None:
    parts = [Int8Linear(nn.Linear(4, 4)), nn.ReLU(), Int8Linear(nn.Linear(4, 3))]
    assert _attach(nn.Sequential(*parts), _x(4), tmp_path).layers == ("1", "2")


class Ensemble(nn.Module):
    """Several networks at once: one module runs inside a transform of torch.func."""

    def __init__(self) -> None:
        super().__init__()
        self.member = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
        self.scales = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))

    def forward(self, x: Tensor) -> Tensor:
        def scaled(scale: Tensor) -> Tensor:
            weights = {name: scale * w for name, w in self.member.named_parameters()}
            return torch.func.functional_call(self.member, weights, (x,))

        return torch.vmap(scaled)(self.scales).mean(0)


def test_modules_inside_a_transform_are_left_to_the_module_around_it(tmp_path: Path) -> None:
    assert _attach(Ensemble(), _x(4), tmp_path).layers == ("(model)",)
    with pytest.raises(UnsupportedOutput, match=r"'member.1' runs inside vmap, grad or jvp"):
        ip.capture(Ensemble(), _x(4), tmp_path / "named", layers=["member.1"])


def test_a_stage_of_one_block_is_a_stage_where_another_kind_holds_a_row(tmp_path: Path) -> None:
    class Down(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks, self.narrow = nn.ModuleList([Residual()]), nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            return torch.tanh(self.narrow(self.blocks[0](x)))

    class Up(Down):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([Residual(), Residual()])

        def forward(self, x: Tensor) -> Tensor:
            return self.narrow(self.blocks[1](self.blocks[0](x)))  # type: ignore[no-any-return]

    net = Net(lambda net, x: net.ways[1](net.ways[0](net.first(x))), first=nn.Linear(5, 8))
    net.ways = nn.ModuleList([Down(), Up()])
    layers = _attach(net, _x(5), tmp_path).layers
    assert {"ways.0.blocks.0", "ways.1.blocks.0", "ways.1.blocks.1"} < set(layers)


class Unit(nn.Sequential):
    """One linear layer with its normalisation, under a name of its own."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(8, 8), nn.LayerNorm(8), nn.Tanh())


class Pair(nn.Sequential):
    """Two of them."""

    def __init__(self) -> None:
        super().__init__(Unit(), Unit())


def test_a_row_of_single_layers_is_one_block(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(5, 8), Pair(), Pair(), Pair(), nn.Linear(8, 2))
    assert _attach(net, _x(5), tmp_path).layers == ("0", "1", "2", "3", "4")


def test_where_two_branches_are_exchanged_their_sum_is_taken(tmp_path: Path) -> None:
    def run(net: Net, x: Tensor) -> Tensor:
        wide, small = net.wide(net.first(x)), net.small(net.second(x))
        small = net.next(torch.relu(small + net.down(wide)))
        return net.out(torch.cat([small, wide], 1))  # type: ignore[no-any-return]

    net = Net(
        run,
        first=nn.Linear(5, 16),
        second=nn.Linear(5, 8),
        wide=Residual(16),
        small=Residual(8),
        down=nn.Sequential(nn.Linear(16, 8), nn.LayerNorm(8)),
        next=Residual(8),
        out=nn.Linear(24, 2),
    )
    layers = _attach(net, _x(5), tmp_path).layers
    assert "next:input" in layers
    assert not any(layer.startswith("down") for layer in layers)


def test_a_normalisation_of_a_sum_stands_for_all_that_is_added(tmp_path: Path) -> None:
    net = Net(
        lambda net, x: net.out(net.norm(net.one(x) + net.two(x.square())[:, :8])),
        one=nn.Linear(5, 8),
        two=nn.Linear(5, 8),
        norm=nn.LayerNorm(8),
        out=nn.Linear(8, 2),
    )
    assert _attach(net, _x(5), tmp_path).layers == ("norm", "out")


def test_a_normalisation_stands_for_no_layer_that_is_read_without_it(tmp_path: Path) -> None:
    def run(net: Net, x: Tensor) -> Tensor:
        code = torch.relu(net.encoder(x))
        return net.decoder(code * torch.sigmoid(net.mask(net.norm(code))))  # type: ignore[no-any-return]

    net = Net(
        run,
        encoder=nn.Linear(5, 8),
        norm=nn.LayerNorm(8),
        mask=nn.Linear(8, 8),
        decoder=nn.Linear(8, 3),
    )
    assert _attach(net, _x(5), tmp_path).layers == ("encoder", "mask", "decoder")


def test_a_module_that_blocks_share_is_a_part_of_them(tmp_path: Path) -> None:
    class Sharing(nn.Module):
        def __init__(self, places: nn.Module) -> None:
            super().__init__()
            self.places, self.layer = places, nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            x = x + self.places(x)
            return x + torch.tanh(self.layer(x))

    places = _block()
    net = Net(
        lambda net, x: net.second(net.first(net.start(x))), start=nn.Linear(5, 8), places=places
    )
    net.first, net.second = Sharing(places), Sharing(places)
    assert _attach(net, _x(5), tmp_path).layers == ("start", "first", "second")


def test_a_block_with_a_second_output_that_is_added_up_is_taken(tmp_path: Path) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.on, self.skip = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            hidden = torch.tanh(self.layer(x))
            return x + self.on(hidden), self.skip(hidden)

    def run(net: Net, x: Tensor) -> Tensor:
        x, total = net.start(x), 0.0
        for block in net.blocks:
            x, skip = block(x)
            total = total + skip
        return net.out(total)  # type: ignore[no-any-return]

    net = Net(run, start=nn.Linear(5, 8), out=nn.Linear(8, 2))
    net.blocks = nn.ModuleList([Two(), Two(), Two()])
    layers = _attach(net, _x(5), tmp_path).layers
    assert {"blocks.0", "blocks.1", "blocks.2"} < set(layers)


def test_scores_of_a_batch_against_itself_are_left_out(tmp_path: Path) -> None:
    def run(net: Net, x: Tensor) -> Tensor:
        return net.left(x) @ net.right(x).T  # type: ignore[no-any-return]

    net = Net(run, left=nn.Linear(5, 3), right=nn.Linear(5, 3))
    recorder = _attach(net, _x(5), tmp_path)
    assert recorder.layers == ("left", "right")
    assert (
        "'(model)' is left out: every row of it has an entry for every row" in recorder.describe()
    )


def test_scores_of_a_batch_against_itself_are_captured_as_the_note_says(tmp_path: Path) -> None:
    net = Net(lambda net, x: net.left(x) @ net.left(x).T, left=nn.Linear(5, 3))
    run = ip.capture(
        net,
        (_x(5), np.zeros(len(_x(5)), int)),
        tmp_path / "run",
        layers=["(model)"],
        select={"(model)": lambda scores: scores.mean(1, keepdim=True)},
    )
    assert run.z(0, "(model)").shape == (len(_x(5)), 1)


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x + self.second(torch.tanh(self.first(x))))


def test_a_block_that_ends_in_its_activation_is_not_captured_before_the_next_ones(
    tmp_path: Path,
) -> None:
    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), _Residual(), _Residual(), nn.Linear(8, 2))
    recorder = _attach(net, _x(5), tmp_path)
    assert recorder.layers == ("1", "2", "3", "4")
    assert "before a functional activation" not in recorder.describe()


def test_the_note_on_a_functional_activation_names_the_input_behind_it(tmp_path: Path) -> None:
    net = Net(
        lambda net, x: net.out(torch.relu(net.norm(net.first(x)))),
        first=nn.Linear(5, 8),
        norm=nn.LayerNorm(8),
        out=nn.Linear(8, 2),
    )
    told = _attach(net, _x(5), tmp_path).describe()
    assert "['norm'] are captured before a functional activation (relu)" in told
    assert "layers=['auto', 'out:input']" in told


def test_a_layer_that_no_activation_follows_is_in_no_note(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2))
    assert "note:" not in _attach(net, _x(5), tmp_path).describe()


def test_what_a_branch_reads_of_another_input_is_no_part_of_it(tmp_path: Path) -> None:
    def cross(net: Net, x: Tensor) -> Tensor:
        words, pixels = torch.tanh(net.read(x[:, :3])), torch.tanh(net.see(x[:, 3:]))
        return net.out(net.norm(words + net.mix(words * pixels)))  # type: ignore[no-any-return]

    net = Net(
        cross,
        read=nn.Linear(3, 8),
        see=nn.Linear(2, 8),
        mix=nn.Linear(8, 8),
        norm=nn.LayerNorm(8),
        out=nn.Linear(8, 2),
    )
    assert _attach(net, _x(5), tmp_path).layers == ("read", "see", "norm:input", "norm", "out")


def test_a_normalisation_of_joined_layers_stands_for_none_of_them(tmp_path: Path) -> None:
    def join(net: Net, x: Tensor) -> Tensor:
        both = torch.cat([net.left(x[:, :3]), net.right(x[:, 3:])], dim=-1)
        return net.out(net.norm(both))  # type: ignore[no-any-return]

    net = Net(
        join,
        left=nn.Linear(3, 4),
        right=nn.Linear(2, 4),
        norm=nn.LayerNorm(8),
        out=nn.Linear(8, 2),
    )
    assert _attach(net, _x(5), tmp_path).layers == ("left", "right", "norm", "out")


class TwoBlocks(Net):
    """Runs two blocks."""


def _three_pairs(run: Callable[[Net, Tensor], Tensor]) -> nn.Module:
    pairs = [TwoBlocks(run, b1=_block(), b2=_block()) for _ in range(3)]
    return Net(_in_turn, start=nn.Linear(5, 8), a=pairs[0], b=pairs[1], c=pairs[2])


def test_one_of_three_that_goes_on_behind_two_of_its_parts_is_a_block(tmp_path: Path) -> None:
    net = _three_pairs(lambda net, x: x * torch.tanh(net.b2(net.b1(x))))
    assert _attach(net, _x(5), tmp_path).layers == ("start", "a", "b", "c")


def test_one_of_three_that_is_a_row_of_blocks_is_a_stage(tmp_path: Path) -> None:
    layers = _attach(_three_pairs(_in_turn), _x(5), tmp_path).layers
    assert layers == ("start", "a.b1", "a.b2", "b.b1", "b.b2", "c.b1", "c.b2")


def test_the_output_of_a_head_that_is_a_function_is_taken(tmp_path: Path) -> None:
    def run(net: Net, x: Tensor) -> Tensor:
        return nn.functional.linear(net.norm(net.first(x)), net.first.weight.T)

    net = Net(run, first=nn.Linear(5, 8), norm=nn.LayerNorm(8))
    assert _attach(net, _x(5), tmp_path).layers == ("norm", "(model)")
