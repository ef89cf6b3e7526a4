"""Capture from many architectures and ways of training, one pitfall after another."""

from __future__ import annotations

import copy
import dataclasses
import errno
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from architectures import ZOO, Tied, Two
from architectures import mlp as _mlp
from architectures import rows as _f
from builders import hooks_of, until
from torch import Tensor, nn

import infoplane as ip
from infoplane.archive import open_archive
from infoplane.errors import (
    CaptureError,
    InputError,
    LayerNotExecuted,
    LayerNotFound,
    UnsupportedModel,
    UnsupportedOutput,
)
from infoplane.hooks.recorder import Recorder
from infoplane.hooks.recording.probe_pass import form
from infoplane.hooks.recording.weights import weight_steps
from infoplane.hooks.replay import replay


def test_auto_picks_blocks_and_activations() -> None:
    from infoplane.hooks.choice.layers import survey

    def pick(name: str) -> tuple[str, ...]:
        net, x = ZOO[name][0]().eval(), ZOO[name][1]
        return tuple(s.name for s in survey(net, "auto", x, 9).sites)  # type: ignore[arg-type]

    assert pick("resnet") == ("0", "1", "2", "5")
    assert pick("cnn") == ("2", "4", "7")
    assert pick("encoder") == ("layers.0", "layers.1")
    assert pick("hf bert")[1:] == ("encoder.layer.0", "encoder.layer.1", "pooler.activation")
    assert pick("layer norm") == ("2", "4")
    assert pick("tied") == ("a#0", "a#1", "out")


def _open(net: nn.Module, x: object, to: Path, **options: object) -> Recorder:
    return Recorder(
        net, probe=x, to=to / "run", **({"durable": False, "verbose": False} | options)
    ).open()  # type: ignore[arg-type]


def test_the_input_of_an_in_place_module_is_seen_before_it_is_overwritten(tmp_path: Path) -> None:
    _open(_mlp(), _f(9, 5), tmp_path, layers=["0", "1:input", "1"]).close()
    a = open_archive(tmp_path / "run")
    assert np.array_equal(a.z(0, "1:input"), a.z(0, "0")) and not np.array_equal(
        a.z(0, "1:input"), a.z(0, "1")
    )


def test_a_module_called_with_keywords_only_shows_its_input(tmp_path: Path) -> None:
    class Inner(nn.Module):
        def forward(self, *, value: Tensor) -> Tensor:
            return value * 2

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.fc = Inner(), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(value=self.fc(x))  # type: ignore[no-any-return]

    rec = _open(Outer(), _f(9, 3), tmp_path, layers=["fc", "inner:input", "inner"])
    assert rec.chain is not None and rec.chain.relation("inner:input", "inner") == "cut"
    rec.close()
    a = open_archive(tmp_path / "run")
    assert np.array_equal(a.z(0, "fc"), a.z(0, "inner:input"))


def test_a_tied_module_is_found_by_its_second_name(tmp_path: Path) -> None:
    rec = _open(Tied(), _f(9, 4), tmp_path, layers=["b", "out"])
    assert rec.layers == ("b#0", "b#1", "out") and rec.infos[0].aliases == ("a",)
    rec.close()


@pytest.mark.parametrize(
    ("layers", "hint"),
    [
        (
            ["self_attn.out_proj"],
            "used by nn.MultiheadAttention without being called; ask for 'self_attn'",
        )
    ],
)
def test_a_layer_that_never_runs_is_named_with_a_hint(
    layers: list[str], hint: str, tmp_path: Path
) -> None:
    with pytest.raises(LayerNotExecuted, match=hint):
        _open(
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
            _f(9, 5, 8),
            tmp_path,
            layers=layers,
        )


def test_containers_and_direct_forward_calls_are_typed_errors(tmp_path: Path) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.items, self.fc = nn.ModuleList([nn.Linear(3, 3)]), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.items[0](self.fc.forward(x))  # type: ignore[no-any-return]

    for layer, hint in (
        ("items", "container without a forward"),
        ("fc", r"module\(x\), not module.forward\(x\)"),
    ):
        with pytest.raises(LayerNotExecuted, match=hint):
            _open(Net(), _f(9, 3), tmp_path, layers=[layer])


@dataclasses.dataclass
class Pair:
    first: Tensor
    second: Tensor | None


class Structured(nn.Module):
    def __init__(self, form: str) -> None:
        super().__init__()
        self.form, self.fc = form, nn.Linear(3, 3)

    def forward(self, x: Tensor) -> object:
        z = self.fc(x)
        return {
            "one": (z, None),
            "two": (z, z),
            "dict": {"a": z, "b": None},
            "data": Pair(z, None),
            "none": None,
            "twice": Pair(z, -z),
        }[self.form]


@pytest.mark.parametrize("form", ["one", "dict", "data"])
def test_one_tensor_inside_a_structure_is_taken(form: str, tmp_path: Path) -> None:
    _open(Structured(form), _f(9, 3), tmp_path, layers=["", "fc"]).close()
    a = open_archive(tmp_path / "run")
    assert np.array_equal(a.z(0, "(model)"), a.z(0, "fc"))


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("two", r"returned 2 tensors: \[0, 1\]; say which one"),
        ("twice", "'first', 'second'"),
        ("none", "returned NoneType, expected a tensor"),
    ],
)
def test_no_tensor_or_several_are_refused_by_name(form: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOutput, match=message):
        _open(Structured(form), _f(9, 3), tmp_path, layers=["", "fc"])


def test_a_selector_chooses_among_several_tensors(tmp_path: Path) -> None:
    _open(
        Structured("twice"), _f(9, 3), tmp_path, layers=["", "fc"], select={"(model)": "second"}
    ).close()
    a = open_archive(tmp_path / "run")
    assert np.array_equal(a.z(0, "(model)"), -a.z(0, "fc"))


def test_scripted_exported_and_lazy_models_are_refused(tmp_path: Path) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(nn.Linear(3, 3))
    with pytest.raises(UnsupportedModel, match="ScriptModule"):
        _open(scripted, _f(9, 3), tmp_path)
    with pytest.raises(UnsupportedModel, match="expected a torch.nn.Module, got str"):
        _open("net", _f(9, 3), tmp_path)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedModel, match=r"give what it returns: Identity\(\)"):
        _open(nn.Identity, _f(9, 3), tmp_path)  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lazy = nn.LazyLinear(3)
    with pytest.raises(UnsupportedModel, match="run one batch through the model before attaching"):
        _open(lazy, _f(9, 3), tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("fullgraph", [False, True])
def test_a_compiled_training_step_is_compiled_once_over_ten_captures(
    fullgraph: bool, tmp_path: Path
) -> None:
    compiled_graphs = []

    def counting(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., object]:
        compiled_graphs.append(1)
        return graph.forward

    torch.compiler.reset()
    net, x = _mlp(), _f(16, 5)
    fast = torch.compile(net, backend=counting, fullgraph=fullgraph)
    fast(x).sum().backward()
    rec = _open(fast, x, tmp_path)
    for step in range(1, 11):
        fast(x).sum().backward()
        assert rec.step(step)
    rec.close()
    assert len(compiled_graphs) == 1 and len(open_archive(tmp_path / "run").steps) == 11


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_model_and_a_region_compiled_in_place_fire_under_clean_names(tmp_path: Path) -> None:
    torch.compiler.reset()
    net, x = _mlp(), _f(9, 5)
    net[2] = torch.compile(net[2], backend="eager")  # type: ignore[operator,index]
    net.compile(backend="eager")
    net(x)
    rec = _open(net, x, tmp_path, layers="all")
    assert rec.layers == ("0", "1", "2")
    rec.close()


def test_a_lazy_cache_built_in_a_probe_does_not_poison_training(tmp_path: Path) -> None:
    class Rotary(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.cache = nn.Linear(3, 3), None

        def forward(self, x: Tensor) -> Tensor:
            if self.cache is None:
                self.cache = torch.arange(3.0)
            return self.fc(x * self.cache)  # type: ignore[no-any-return]

    net = Rotary()
    _open(net, _f(9, 3), tmp_path).close()
    net(_f(2, 3).requires_grad_()).sum().backward()


def test_training_mode_is_marked_moves_no_buffer_and_draws_are_independent(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Linear(6, 2))
    before = copy.deepcopy(net.state_dict())
    _open(net, _f(9, 5), tmp_path, mode="train", draws=3, layers="all").close()
    assert all(torch.equal(v, net.state_dict()[k]) for k, v in before.items())
    a = open_archive(tmp_path / "run")
    z = a.z(0, "2").reshape(3, 9, 6)
    assert (
        a.meta(0)["mode"] == "train" and a.n_rows == 27 and a.row_ids.tolist() == list(range(9)) * 3
    )
    assert not np.array_equal(z[0], z[1]) and not np.array_equal(z[1], z[2])
    assert np.array_equal(a.z(0, "0").reshape(3, 9, 6)[0], a.z(0, "0").reshape(3, 9, 6)[2])


def test_half_precision_is_widened_without_loss_and_its_dtype_recorded(tmp_path: Path) -> None:
    net = _mlp().bfloat16()
    _open(net, _f(9, 5).bfloat16(), tmp_path, layers="all").close()
    a = open_archive(tmp_path / "run")
    assert a.layer_info("0").dtype == "bfloat16" and a.z(0, "0").dtype == np.float32
    with torch.no_grad():
        assert np.array_equal(a.z(0, "0"), net[0](_f(9, 5).bfloat16()).float().numpy())  # type: ignore[index,operator]


def test_storing_float16_refuses_to_overflow(tmp_path: Path) -> None:
    net = nn.Linear(1, 1, bias=False)
    nn.init.constant_(net.weight, 70000.0)
    with pytest.raises(CaptureError, match="overflow float16; store it as float32"):
        _open(net, torch.ones(4, 1), tmp_path, dtype="float16", layers="all")


@pytest.mark.parametrize("spec", ["flatten", "gap", "channels", "pca:3", "project:4", "sample:5"])
def test_a_reduction_keeps_the_digests_of_the_raw_rows(spec: str, tmp_path: Path) -> None:
    from infoplane.rows import row_digests

    net, x = nn.Conv1d(2, 3, 3), _f(12, 2, 7)
    _open(net, x, tmp_path, layers="all", reduce=spec, batch_size=5).close()
    a = open_archive(tmp_path / "run")
    with torch.no_grad():
        raw = torch.cat([net(b) for b in x.split(5)])
    want = {
        "flatten": raw.flatten(1),
        "gap": raw.mean(2),
        "channels": torch.stack([raw.mean(2), raw.std(2, unbiased=False)], 1),
    }.get(spec)
    name = a.layers[0]
    assert a.layer_info(name).reduction == spec and a.layer_info(name).raw_shape == (3, 5)
    assert np.array_equal(a.row_digests(0, name), row_digests(raw.numpy()))
    if want is not None:
        np.testing.assert_allclose(a.z(0, name), want.numpy(), rtol=1e-5, atol=1e-6)
    if spec == "pca:3":
        flat = raw.flatten(1).double().numpy()
        singular = np.linalg.svd(flat - flat.mean(0), compute_uv=False)[:3]
        np.testing.assert_allclose(
            np.sqrt((a.z(0, name).astype(float) ** 2).sum(0)), singular, rtol=1e-4
        )
        assert a.extra(0, f"reduction:{name}")["spec"] == "pca:3"


def test_an_exception_in_a_layer_is_dropped_and_recorded_or_raised(tmp_path: Path) -> None:
    class Fragile(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.broken = nn.Linear(3, 3), False

        def forward(self, x: Tensor) -> Tensor:
            if self.broken:
                raise ValueError("layer broke")
            return self.fc(x)  # type: ignore[no-any-return]

    net = Fragile()
    rec = _open(net, _f(9, 3), tmp_path)
    net.broken = True
    with pytest.warns(
        RuntimeWarning, match="step 1 was not captured: ValueError: layer broke; training goes on"
    ):
        assert rec.step(1) is False
    assert rec.step(2) is False  # in silence: warnings are errors in this suite
    net.broken = False
    assert rec.step(3)
    rec.close()
    a = open_archive(tmp_path / "run")
    recorded = a.extra(3, "failures")
    assert (
        a.steps == (0, 3)
        and recorded is not None
        and [f["step"] for f in recorded["failures"]] == [1, 2]
    )
    strict = _open(net, _f(9, 3), tmp_path, overwrite=True, on_error="raise")
    net.broken = True
    with pytest.raises(ValueError, match="layer broke"):
        strict.step(1)
    strict.close()
    assert not any(hooks_of(net))


def test_an_exception_in_our_own_hook_names_the_layer_and_leaves_no_hook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = _mlp()
    rec = _open(net, _f(9, 5), tmp_path, on_error="raise")

    def broken(*args: object) -> None:
        raise RuntimeError("bug in the hook")

    monkeypatch.setattr("infoplane.hooks.recording.probe_pass.form", broken)
    with pytest.raises(RuntimeError, match="bug in the hook") as caught:
        rec.step(1)
    assert any("inside the hook of layer '1'" in note for note in caught.value.__notes__)
    monkeypatch.setattr("infoplane.hooks.recording.probe_pass.form", form)
    assert not any(hooks_of(net)) and rec.step(2)
    rec.close()


@pytest.mark.parametrize("background", [False, True])
def test_a_full_disk_warns_once_and_keeps_what_is_there(
    background: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rec = _open(_mlp(), _f(9, 5), tmp_path, background=background)
    assert rec.step(1)
    until(lambda: rec.steps == (0, 1))

    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("infoplane.archive.shard_writer.ShardWriter.append", full)
    with pytest.warns(
        RuntimeWarning,
        match="no space left at .*; 2 captured steps stay readable; training goes on",
    ):
        rec.step(2)
        rec.close()
    assert open_archive(tmp_path / "run").steps == (0, 1)


def test_nothing_is_reported_before_it_is_on_disk_and_background_writing_loses_nothing(
    tmp_path: Path,
) -> None:
    rec = _open(_mlp(), _f(9, 5), tmp_path, background=True)
    for step in range(1, 30):
        rec.step(step)
        assert set(rec.steps) <= set(open_archive(tmp_path / "run").steps)
    rec.close()
    assert rec.steps == open_archive(tmp_path / "run").steps == tuple(range(30))


def test_probes_from_loaders_mappings_and_callables_are_the_same_rows_and_draw_no_random_number(
    tmp_path: Path,
) -> None:
    x, y = _f(10, 5), torch.arange(10) % 2
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=3)
    net, state = _mlp(), torch.get_rng_state()
    for i, probe in enumerate([loader, lambda: (x, y), (x.numpy(), y.numpy())]):
        _open(net, probe, tmp_path / str(i)).close()
        a = open_archive(tmp_path / str(i) / "run")
        assert np.array_equal(a.x, x.numpy()) and np.array_equal(a.y, y.numpy())
    assert torch.equal(state, torch.get_rng_state())


def test_an_endless_schedule_stops_at_max_bytes_with_a_warning(tmp_path: Path) -> None:
    rec = _open(_mlp(), _f(9, 5), tmp_path, max_bytes=1500)
    with pytest.warns(RuntimeWarning, match="max_bytes=1.5 KiB is used up"):
        for step in range(1, 9):
            rec.step(step)
    rec.close()
    assert 1 < len(open_archive(tmp_path / "run").steps) < 8


def test_stored_weights_replay_to_the_captured_activations_bit_for_bit(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, x, y = _mlp(), _f(20, 5), torch.arange(20) % 2
    direct = _open(net, (x, y), tmp_path / "direct")
    weights = _open(net, (x, y), tmp_path / "weights", store="weights")
    for step in (1, 2):
        with torch.no_grad():
            net[0].weight += 0.1  # type: ignore[index,union-attr,operator]
        direct.step(step)
        weights.step(step, loss=step)
    direct.close(), weights.close()
    assert open_archive(tmp_path / "weights" / "run").steps == (0,)
    done = replay(tmp_path / "weights" / "run", _mlp(), to=tmp_path / "again")
    a, b = open_archive(tmp_path / "direct" / "run"), open_archive(tmp_path / "again")
    assert (
        done.steps == b.steps == (0, 1, 2)
        and done.bitwise == (0,)
        and b.metrics[2] == {"loss": 2.0}
    )
    assert all(
        np.array_equal(a.row_digests(s, n), b.row_digests(s, n)) for s in a.steps for n in a.layers
    )


class Scaled(nn.Module):
    """A layer whose scale is a buffer, part of the state dict or not."""

    def __init__(self, persistent: bool) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 4)
        self.register_buffer("scale", torch.tensor([1.0, float("nan")]), persistent=persistent)
        self.register_buffer("turn", torch.ones(2, dtype=torch.complex64), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x) * self.scale[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("persistent", [True, False])
def test_stored_weights_without_a_buffer_that_changes_are_warned_of(
    persistent: bool, tmp_path: Path
) -> None:
    net = Scaled(persistent)
    rec = _open(net, _f(9, 5), tmp_path, store="weights", layers=["fc"])
    rec.step(1)  # nothing has changed yet
    net.scale[0] = 2.0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rec.step(2), rec.step(3)
    rec.close()
    said = [str(warning.message) for warning in caught if "['scale']" in str(warning.message)]
    assert len(said) == (0 if persistent else 1)


class Graph(nn.Module):
    """A layer on the nodes of a graph, whose edges are no part of the state dict."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 4)
        self.register_buffer("edges", torch.eye(5).to_sparse(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc((self.edges @ x.T).T)  # type: ignore[no-any-return, operator]


def test_weights_are_stored_beside_a_sparse_buffer_that_is_not(tmp_path: Path) -> None:
    net = Graph()
    rec = _open(net, _f(9, 5), tmp_path, store="weights", layers=["fc"])
    rec.step(1)
    rec.close()
    assert weight_steps(tmp_path / "run") == (0, 1)
    replay(tmp_path / "run", net, to=tmp_path / "again")


def test_replaying_another_network_is_found_out(tmp_path: Path) -> None:
    _open(_mlp(), (_f(9, 5), None), tmp_path, store="weights").close()
    other = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 2))
    with pytest.raises(CaptureError, match="replayed activations differ"):
        replay(tmp_path / "run", other, to=tmp_path / "again")


def test_a_row_axis_that_is_nowhere_is_refused_and_a_sequence_first_one_is_turned(
    tmp_path: Path,
) -> None:
    class Fold(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.reshape(-1, 2)

    with pytest.raises(UnsupportedOutput, match="has no axis of the 4 rows"):
        _open(nn.Sequential(nn.Linear(4, 4), Fold()), _f(9, 4), tmp_path, layers=["1"])
    rnn = nn.GRU(3, 6)
    Recorder(
        rnn,
        probe=_f(5, 7, 3),
        to=tmp_path / "r",
        layers=[""],
        forward=lambda m, x: m(x.transpose(0, 1)),
        verbose=False,
    ).open().close()
    assert open_archive(tmp_path / "r").z(0, "(model)").shape == (5, 7, 6)


def test_a_functional_activation_is_pointed_out(tmp_path: Path) -> None:
    rec = _open(Two(), ((_f(9, 3), _f(9, 2)), None), tmp_path)
    assert "a functional activation" in rec.describe() and ":input" in rec.describe()
    rec.close()


def test_max_calls_is_a_clear_error(tmp_path: Path) -> None:
    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(70):
                x = torch.tanh(self.fc(x))
            return x

    with pytest.raises(
        InputError, match="runs 70 times in one forward, more than 64; name the calls"
    ):
        _open(Loop(), _f(9, 3), tmp_path, layers=["fc"])
    rec = _open(Loop(), _f(9, 3), tmp_path, layers=["fc#69"])
    assert rec.layers == ("fc#69",)
    rec.close()


def test_public_names_are_reachable() -> None:
    assert ip.Recorder is Recorder


class Weighted(nn.Module):
    """Uses parameters of a list, which is no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.ParameterList([nn.Parameter(torch.eye(3)) for _ in range(2)])
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x @ self.weights[0]) @ self.weights[1] * self.scale


@pytest.mark.parametrize(
    ("layers", "error", "said"),
    [
        (["weights"], LayerNotExecuted, "'weights' holds parameters, which have no output"),
        (["weights.*"], LayerNotFound, r"\['weights.0', 'weights.1'\] are parameters"),
        (["scale"], LayerNotFound, r"\['scale'\] are parameters, which have no output"),
    ],
)
def test_asking_for_parameters_says_what_to_ask_for(
    layers: list[str], error: type[Exception], said: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said):
        _open(Weighted(), _f(9, 3), tmp_path, layers=layers)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int64, torch.bool])
@pytest.mark.parametrize("spec", ["gap", "channels", "token:mean", "pca:2", "project:2", "mean"])
def test_reductions_of_integers_are_those_of_the_same_amounts(
    spec: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    class Codes(nn.Module):
        def __init__(self, exact: bool) -> None:
            super().__init__()
            self.exact, self.codes = exact, nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            codes = (20 * x).to(dtype)
            return self.codes(codes if self.exact else codes.float()).float()  # type: ignore[no-any-return]

    x = torch.randn(12, 3, 4, generator=torch.Generator().manual_seed(0)).abs()
    by: object = spec if spec != "mean" else lambda rows: rows.float().mean(2)
    stored = []
    for exact in (True, False):
        folder = tmp_path / str(exact)
        folder.mkdir()
        _open(Codes(exact), x, folder, layers=["codes"], reduce=by).close()
        stored.append(open_archive(folder / "run").z(0, "codes"))
    np.testing.assert_array_equal(*stored)


@pytest.mark.parametrize("spec", ["flatten", "sample:3", "token:last"])
def test_reductions_that_choose_keep_integers(spec: str, tmp_path: Path) -> None:
    class Codes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.codes = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            return self.codes((20 * x).to(torch.int8))  # type: ignore[no-any-return]

    _open(Codes(), _f(12, 3, 4), tmp_path, layers=["codes"], reduce=spec).close()
    assert open_archive(tmp_path / "run").z(0, "codes").dtype == np.int8


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_a_replay_gives_inputs_in_the_precision_of_the_probe(
    dtype: torch.dtype, tmp_path: Path
) -> None:
    net = _mlp().to(dtype)
    _open(net, _f(9, 5).to(dtype), tmp_path, store="weights").close()
    assert replay(tmp_path / "run", net, to=tmp_path / "again").bitwise == (0,)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (torch.int8, torch.float32),
        (torch.bool, torch.float32),
        (torch.uint8, torch.int8),
        (torch.float32, torch.float64),
    ],
)
def test_a_layer_that_comes_to_hold_more_than_its_dtype_is_not_cut(
    before: torch.dtype, after: torch.dtype, tmp_path: Path
) -> None:
    class Changing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dtype, self.codes = before, nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            return self.codes(x.to(self.dtype)).float()  # type: ignore[no-any-return]

    net = Changing()
    rec = _open(net, 9 * _f(12, 3), tmp_path, layers=["codes"])
    net.dtype = after
    with pytest.warns(RuntimeWarning, match=f"gave {after}, and {before} when the recorder"):
        assert not rec.step(1)
    net.dtype = before
    assert rec.step(2)
    rec.close()
    assert open_archive(tmp_path / "run").steps == (0, 2)


def test_a_reduction_may_write_into_what_it_is_given(tmp_path: Path) -> None:
    net, x = _mlp(), _f(9, 5)
    names = [name for name, _ in net.named_children()]
    _open(net, x, tmp_path, layers=names, reduce={names[0]: lambda rows: rows.zero_()}).close()
    with torch.no_grad():
        assert np.array_equal(open_archive(tmp_path / "run").z(0, names[-1]), net(x).numpy())


@pytest.mark.parametrize(
    "function",
    [
        lambda rows: rows - rows.mean(0),
        lambda rows: rows / rows.std(),
        lambda rows: rows + torch.randn_like(rows),
        lambda rows: rows.flip(0),
    ],
)
def test_a_reduction_that_depends_on_the_batch_is_refused(
    function: Callable[[Tensor], Tensor], tmp_path: Path
) -> None:
    net, x = _mlp(), _f(9, 5)
    drawn = torch.get_rng_state()
    with pytest.raises(InputError, match="other values for a row that comes alone"):
        _open(net, x, tmp_path, reduce=function)
    assert torch.equal(torch.get_rng_state(), drawn)


class Wide(nn.Module):
    """A layer of many units."""

    def __init__(self) -> None:
        super().__init__()
        self.spread, self.head = nn.Linear(5, 50_000), nn.Linear(50_000, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.spread(x))  # type: ignore[no-any-return]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_projection_of_a_wide_layer_may_round_otherwise_in_another_batch(
    dtype: torch.dtype, tmp_path: Path
) -> None:
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn((50_000, 256), generator=generator).to(dtype)

    def project(rows: Tensor) -> Tensor:
        return (rows - rows.mean(1, keepdim=True)).to(dtype) @ basis

    _open(Wide(), _f(9, 5), tmp_path, layers=["spread"], reduce={"spread": project}).close()
    assert open_archive(tmp_path / "run").z(0, "spread").shape == (9, 256)


@pytest.mark.parametrize("statistic", [torch.mean, torch.std, torch.amax])
def test_a_statistic_of_the_batch_is_seen_in_a_wide_layer(
    statistic: Callable[[Tensor], Tensor], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="other values for a row that comes alone"):
        _open(Wide(), _f(9, 5), tmp_path, reduce={"spread": lambda z: z / statistic(z)})


def test_a_selector_that_writes_into_the_output_is_refused(tmp_path: Path) -> None:
    net = _mlp()
    first = next(name for name, _ in net.named_children())
    with pytest.raises(UnsupportedOutput, match="select= writes into the output"):
        _open(net, _f(9, 5), tmp_path, layers=[first], select={first: lambda out: out.mul_(0)})
