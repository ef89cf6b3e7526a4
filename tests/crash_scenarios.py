"""What is killed: everything that writes, each as a preparation, an act under fire, and what must
hold afterwards.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from builders import hooks_of

from infoplane.archive import (
    ResultLog,
    RunWriter,
    load_plane,
    merge,
    open_archive,
    pack,
    save_plane,
    verify,
)
from infoplane.errors import ArchiveError, ArchiveExists, NotAnArchive
from infoplane.plane import Plane, Point
from infoplane.types import Estimate, LayerInfo

N = 16
X = np.arange(N * 2, dtype=np.float32).reshape(N, 2)
Y = np.arange(N) % 2
LAYERS = [LayerInfo(f"l{i}", i, shape=(3,)) for i in range(2)]
MANY = [LayerInfo(f"l{i}", i, shape=(3,)) for i in range(6)]
Say = Callable[[int], None]


@dataclass(frozen=True)
class Scenario:
    """``prepare(folder)`` in peace, ``act(folder, said)`` under fire, ``sound(folder, reported)``
    afterwards: raises where anything reported was lost.
    """

    act: Callable[[Path, Say], None]
    sound: Callable[[Path, set[int]], None]
    prepare: Callable[[Path], None] = lambda folder: None


def z_of(step: int, layer: LayerInfo, rows: slice = slice(None)) -> np.ndarray:
    return (
        np.arange(N * 3, dtype=np.float32).reshape(N, 3)[rows] + 100 * step + layer.ordinal
    ).astype(np.float32)


def write(
    run: Path,
    said: Say,
    *,
    steps: tuple[int, ...],
    layers: list[LayerInfo] = LAYERS,
    **options: object,
) -> None:
    """Write a run; ``said(step)`` is called when the writer has reported a step as captured."""
    rows = slice(options.get("row_start", 0), options.get("row_stop"))  # type: ignore[misc]
    with RunWriter.create(run, layers=layers, x=X, y=Y, **options) as writer:  # type: ignore[arg-type]
        resumed = bool(writer.steps_written)  # its first step may be one that is there
        for step in steps:
            if step in writer.steps_written and not resumed:
                continue
            with writer.step(step) as shard:
                for layer in layers:
                    shard.write(layer.name, z_of(step, layer, rows))
            resumed = False
            said(step)


def _quiet(step: int) -> None:
    pass


def _right(run: Path, steps: set[int]) -> None:
    """Everything visible is whole and right, and the steps are among it."""
    assert verify(run) == []
    archive = open_archive(run)
    assert steps <= set(archive.steps)
    for step, layer in archive:
        np.testing.assert_array_equal(archive.z(step, layer), z_of(step, archive.layer_info(layer)))


def _sound_capture(
    layers: list[LayerInfo], steps: tuple[int, ...], run: Path, reported: set[int]
) -> None:
    if (run / "run.json").exists():
        _right(run, reported)
        assert set(open_archive(run).steps) <= set(steps)
    else:
        assert not reported
    write(
        run,
        _quiet,
        steps=tuple(s for s in steps if not run.exists() or s not in _steps(run)),
        layers=layers,
        resume=True,
    )
    assert open_archive(run).steps == steps and verify(run) == []
    assert not list(run.rglob(".tmp-*")), "leftovers of the killed writer are swept"


def _steps(run: Path) -> tuple[int, ...]:
    return open_archive(run).steps if (run / "run.json").exists() else ()


def _capture(layers: list[LayerInfo], steps: tuple[int, ...]) -> Scenario:
    return Scenario(
        lambda folder, said: write(folder / "run", said, steps=steps, layers=layers),
        lambda folder, reported: _sound_capture(layers, steps, folder / "run", reported),
    )


# ---- resume with a rollback, overwrite -----------------------------------------------------------


def _sound_rollback(folder: Path, reported: set[int]) -> None:
    """Steps before the rollback are untouched; later ones are there or set aside."""
    run = folder / "run"
    _right(run, {0, 1} | reported)
    names = [p.name for p in run.rglob("0*.h5")]
    assert all(any(f"-s{step:012d}-" in name for name in names) for step in range(5)), (
        "a step that was captured once is never deleted"
    )
    write(run, _quiet, steps=(7,), resume=True)
    assert verify(run) == [] and open_archive(run).steps[-1] == 7


def _sound_overwrite(folder: Path, reported: set[int]) -> None:
    """Either run is there whole, or none; replacing it again works."""
    run = folder / "run"
    if (run / "run.json").exists():
        _right(run, reported)
    else:
        assert not reported
    write(run, _quiet, steps=(9,), overwrite=True)
    assert open_archive(run).steps == (9,) and verify(run) == []


# ---- pack, merge, planes, result lines -----------------------------------------------------------


def _sound_pack(folder: Path, reported: set[int]) -> None:
    run, out = folder / "run", folder / "out/run.h5"
    _right(run, {0, 1, 2})
    if out.exists():
        assert open_archive(out).digest == open_archive(run).digest and verify(out) == []
    assert out.exists() or not reported
    pack(run, out, overwrite=True)
    assert verify(out) == []


def _prepare_ranks(folder: Path) -> None:
    for name, rows in (("a", {"row_stop": 9}), ("b", {"row_start": 9})):
        write(folder / name, _quiet, steps=(0, 1), **rows)


def _act_merge(folder: Path, said: Say) -> None:
    merge([folder / "a", folder / "b"], folder / "joined")
    said(1)


def _sound_merge(folder: Path, reported: set[int]) -> None:
    """The sources are untouched; the joined run is whole, or no run at all, and is joined again
    elsewhere.
    """
    for name, rows in (("a", slice(0, 9)), ("b", slice(9, N))):
        assert all("never" in p or "tile" in p for p in verify(folder / name)), (
            "a part holds some of the rows, and is told so"
        )
        part = open_archive(folder / name)
        for step in part.steps:
            (shard,) = (folder / name / "ckpt").glob(f"*-s{step:012d}-*.h5")
            with h5py.File(shard) as file:
                stored = file["layers/0000/call/0"][()]
            np.testing.assert_array_equal(stored, z_of(step, LAYERS[0], rows))
    if reported or (folder / "joined/run.json").exists():
        _right(folder / "joined", {0, 1})
    elif (folder / "joined").exists():
        for refused in (
            lambda: open_archive(folder / "joined"),
            lambda: merge([folder / "a", folder / "b"], folder / "joined"),
        ):
            with contextlib.suppress(NotAnArchive, ArchiveExists):
                refused()
                raise AssertionError("half a merge was taken for a run")
    _right(merge([folder / "a", folder / "b"], folder / "again"), {0, 1})


def _plane(bits: float) -> Plane:
    return Plane((Point(0, "l", "i_xz", Estimate(bits, N, "exact", "exact")),), ("l",), N)


def _act_plane(folder: Path, said: Say) -> None:
    for i in (1, 2):
        save_plane(_plane(i), folder / "plane.h5", overwrite=True)
        said(i)


def _sound_plane(folder: Path, reported: set[int]) -> None:
    (point,) = load_plane(folder / "plane.h5").points
    assert point.bits in ({max(reported), max(reported) + 1} if reported else {0, 1}), (
        "the old plane or the new one, whole"
    )
    save_plane(_plane(7), folder / "plane.h5", overwrite=True)


def _act_results(folder: Path, said: Say) -> None:
    for i in range(1, 7):
        ResultLog(folder / "run").append(f"k{i}", {"bits": float(i)})
        said(i)


def _sound_results(folder: Path, reported: set[int]) -> None:
    found = ResultLog(folder / "run").read()
    assert {f"k{i}" for i in reported} <= set(found) and all(
        record == {"bits": float(key[1:])} for key, record in found.items()
    )
    ResultLog(folder / "run").append("k9", {"bits": 9.0})
    assert set(ResultLog(folder / "run").read()) == {*found, "k9"}
    _right(folder / "run", {0})


# ---- the recorder, with a network in training ----------------------------------------------------


class TrainingChanged(Exception):
    """The faults reached the training, or warned a thousand times."""


def train(
    run: Path | None, said: Say = _quiet, *, steps: int = 4, **options: object
) -> dict[str, bytes]:
    """Five steps of training with dropout and batch norm; the bytes of the final state and of the
    random state.
    """
    import torch

    import infoplane as ip

    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(2, 4),
        torch.nn.BatchNorm1d(4),
        torch.nn.Tanh(),
        torch.nn.Dropout(0.3),
        torch.nn.Linear(4, 2),
    )
    optimiser = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    x, y = torch.as_tensor(X), torch.as_tensor(Y)
    settings: dict[str, object] = {
        "probe": (x, y),
        "layers": ["2", "4"],
        "chain": False,
        "verbose": False,
        "batch_size": N,
    }
    recorder = (
        contextlib.nullcontext()
        if run is None
        else ip.Recorder(net, to=run, **(settings | options))
    )  # type: ignore[arg-type]
    with recorder as rec:
        for step in range(1, steps + 1):
            loss = torch.nn.functional.cross_entropy(net(x), y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if rec is not None:
                rec.step(step, loss=loss.item())
                for done in rec.steps:
                    said(done)
    if rec is not None:
        for done in rec.steps:
            said(done)
    state = {name: value.numpy().tobytes() for name, value in net.state_dict().items()}
    return state | {
        "random": torch.random.get_rng_state().numpy().tobytes(),
        "hooks": repr(hooks_of(net)).encode(),
    }


@functools.cache
def _reference() -> dict[str, bytes]:
    return train(None)


def _act_recorder(options: dict[str, object], folder: Path, said: Say) -> None:
    """Training goes on and ends in the same state whatever the disk answers; each kind of warning
    comes once.
    """
    expected = _reference()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        state = train(folder / "run", said, **options)
    if state != expected:
        raise TrainingChanged(f"differs in {[k for k in state if state[k] != expected[k]]}")
    told = [str(w.message) for w in caught if issubclass(w.category, RuntimeWarning)]
    if len(told) > 1:
        raise TrainingChanged(f"warned {len(told)} times: {told}")


def _sound_recorder(options: dict[str, object], folder: Path, reported: set[int]) -> None:
    run = folder / "run"
    if (run / "run.json").exists():
        assert verify(run) == []
        archive = open_archive(run)
        assert reported <= set(archive.steps) <= set(range(5))
        whole = open_archive(_reference_run())
        for step, layer in archive:
            np.testing.assert_array_equal(archive.z(step, layer), whole.z(step, layer))
    else:
        assert not reported
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # steps of the first training are set aside
        train(run, steps=6, resume=True, **options)
    assert {5, 6} <= set(open_archive(run).steps) and verify(run) == []
    assert not list(run.rglob(".tmp-*"))


@functools.cache
def _reference_run() -> Path:
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="infoplane-reference-"))
    train(folder / "run")
    import atexit

    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder / "run"


def _act_weights(folder: Path, said: Say) -> None:
    import torch

    from infoplane.hooks.recording.weights import save_weights

    torch.manual_seed(0)
    net = torch.nn.Linear(2, 2)
    for step in (1, 2, 3):
        try:
            save_weights(folder / "run", step, net)
        except OSError as error:
            raise ArchiveError(str(error)) from error
        said(step)


def _sound_weights(folder: Path, reported: set[int]) -> None:
    from infoplane.hooks.checkpoints.formats import read_checkpoint
    from infoplane.hooks.recording.weights import stored_weights, weight_steps

    assert reported <= set(weight_steps(folder / "run"))
    for step in weight_steps(folder / "run"):
        stored = read_checkpoint(stored_weights(folder / "run", step), ())
        assert set(stored.entries["state_dict"]) == {"weight", "bias"}


def _recorder(**options: object) -> Scenario:
    return Scenario(
        functools.partial(_act_recorder, options), functools.partial(_sound_recorder, options)
    )


def _prepared(*steps: int) -> Callable[[Path], None]:
    return lambda folder: write(folder / "run", _quiet, steps=steps)


def _act_pack(folder: Path, said: Say) -> None:
    pack(folder / "run", folder / "out/run.h5", compression="gzip")
    said(1)


def _prepare_plane(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_plane(_plane(0), folder / "plane.h5")


SCENARIOS: dict[str, Scenario] = {
    "capture": _capture(LAYERS, (0, 1, 2)),
    "capture, many layers": _capture(MANY, (0, 1, 2, 3, 4, 5)),
    "resume after a rollback": Scenario(
        lambda folder, said: write(folder / "run", said, steps=(2, 3), resume=True),
        _sound_rollback,
        _prepared(0, 1, 2, 3, 4),
    ),
    "overwrite": Scenario(
        lambda folder, said: write(folder / "run", said, steps=(5, 6), overwrite=True),
        _sound_overwrite,
        _prepared(0, 1),
    ),
    "recorder": _recorder(),
    "recorder, background": _recorder(background=True),
    "pack": Scenario(_act_pack, _sound_pack, _prepared(0, 1, 2)),
    "merge": Scenario(_act_merge, _sound_merge, _prepare_ranks),
    "plane": Scenario(_act_plane, _sound_plane, _prepare_plane),
    "result lines": Scenario(_act_results, _sound_results, _prepared(0)),
    "weights": Scenario(_act_weights, _sound_weights),
}
