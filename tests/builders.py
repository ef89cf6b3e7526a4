"""Small runs, planes and estimators that many tests need."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import psutil
from torch import nn

import infoplane as ip
from infoplane.archive import Archive, RunWriter, layout, open_archive, pack
from infoplane.cli import app
from infoplane.contract import Traits
from infoplane.plane import Plane, Point
from infoplane.types import Estimate, LayerInfo, Variable

# The small run of the archive tests: two layers of six rows, the second reduced, with digests of
# the rows.
ROWS = 6
LAYERS = [LayerInfo("a", 0, shape=(3,)), LayerInfo("b#2", 1, shape=(2,), reduction="gap")]
INPUTS = np.arange(ROWS * 2, dtype=np.float32).reshape(ROWS, 2)
ACTIVATIONS = np.arange(ROWS * 3, dtype=np.float32).reshape(ROWS, 3)
DIGESTS = np.arange(2 * ROWS, dtype=np.uint64).reshape(ROWS, 2)


def run_of(
    path: Path,
    steps: Sequence[Mapping[str, np.ndarray]],
    *,
    classes: Mapping[str, str] | None = None,
    **options: object,
) -> Archive:
    """Write a run with these values at steps 0, 1, 2, ...

    Args:
        path: of the run.
        steps: by layer, values of shape ``(n, ...)``; a layer may be missing at a later step.
        classes: by layer, the class of its module; ``Linear`` where none is given.
        options: for ``RunWriter.create``; by default all rows are different inputs, and two classes
            alternate.
    """
    first = steps[0]
    infos = [
        LayerInfo(
            name, k, (classes or {}).get(name, "Linear"), z.shape[1:], store_dtype=str(z.dtype)
        )
        for k, (name, z) in enumerate(first.items())
    ]
    n = len(next(iter(first.values())))
    given = {"x": np.eye(n), "y": np.arange(n) % 2, "durable": False, **options}
    with RunWriter.create(path, layers=infos, **given) as writer:  # type: ignore[arg-type]  # its options
        for step, layers in enumerate(steps):
            with writer.step(step) as shard:
                for name, z in layers.items():
                    shard.write(name, z)
    return open_archive(path)


def one_step(path: Path, **layers: tuple[str, np.ndarray]) -> Archive:
    """Write a run of one checkpoint: layers by name, each a class and its values."""
    values = {name: z for name, (_, z) in layers.items()}
    return run_of(path, [values], classes={name: cls for name, (cls, _) in layers.items()})


class ByRows:
    """Bits, standard error and ceiling that depend on the number of rows only."""

    name, traits = "by-rows", Traits("other", keeps_chain=True)

    def supports(self, a: str, b: str) -> bool:
        return True

    def estimate(
        self, a: Variable, b: Variable, *, rng: np.random.Generator | None = None
    ) -> Estimate:
        return Estimate(
            0.1 * a.n, a.n, "by-rows", stderr=0.01 * a.n, ceiling_bits=2.0 * a.n, notes=("same",)
        )


def write_split_run(path: Path) -> Path:
    """Write four steps of two layers of 12 rows, 8 of them trained on; the second layer is not
    there at step 3.
    """
    rng = np.random.default_rng(11)
    layers = [LayerInfo("a", 0, "Tanh", (5,)), LayerInfo("b", 1, "Linear", (1,))]
    split = ["train", "test", "train"] * 4
    with RunWriter.create(
        path,
        layers=layers,
        x=rng.normal(size=(12, 2)),
        y=np.arange(12) % 2,
        split=split,
        durable=False,
    ) as writer:
        for step in (0, 1, 3, 7):
            with writer.step(step) as shard:
                shard.write("a", rng.normal(size=(12, 5)).astype(np.float32) + step)
                if step != 3:
                    shard.write("b", np.full((12, 1), step, np.float32))
    return path


def write_run(path: Path, steps: tuple[int, ...] = (0, 5), **options: object) -> Path:
    """Write the small run; options go to ``RunWriter.create``."""
    rows = slice(options.get("row_start", 0), options.get("row_stop"))  # type: ignore[misc]  # ints
    with RunWriter.create(
        path,
        **{"layers": LAYERS, "x": INPUTS, "y": np.arange(ROWS) % 2, "durable": False, **options},
    ) as run:  # type: ignore[arg-type]
        for step in steps:
            with run.step(step, metrics={"loss": step / 2}) as shard:
                shard.write("a", ACTIVATIONS[rows] + step)
                shard.write("b#2", ACTIVATIONS[rows, :2], row_digests=DIGESTS[rows])
    return path


def packed_with(tmp_path: Path, **options: object) -> Path:
    """A packed run whose one array is stored anew with these HDF5 options."""
    packed = pack(write_run(tmp_path / "run", (0,)), tmp_path / "p.h5")
    with h5py.File(packed, "r+") as f:
        (shard,) = f["ckpt"].values()
        del shard["layers/0000/call/0"]
        shard.create_dataset("layers/0000/call/0", data=ACTIVATIONS, **options)
    return packed


class Counting:
    """Answers with the number of rows, or with log2 of it: what a half and a quarter say is then
    known.
    """

    name, traits = "counting", Traits("other", keeps_chain=True)

    def __init__(self, stderr: float | None = None) -> None:
        self.stderr, self.calls = stderr, 0

    def supports(self, a: str, b: str) -> bool:
        return True

    def estimate(self, a: ip.Variable, b: ip.Variable, *, rng: np.random.Generator) -> Estimate:
        self.calls += 1
        assert a.n == b.n
        return Estimate(math.log2(a.n), a.n, "counting", stderr=self.stderr)


class Scripted(Counting):
    """Answers with a list of values, one after the other."""

    def __init__(self, values: list[float]) -> None:
        super().__init__()
        self.values = iter(values)

    def estimate(self, a: ip.Variable, b: ip.Variable, *, rng: np.random.Generator) -> Estimate:
        return Estimate(next(self.values), a.n, "counting")


def plane_with(points: list[Point], layers: tuple[str, ...] = ("a", "b"), **more: object) -> Plane:
    """A plane of 64 rows with these points; H(X) is 6 bits and H(Y) 1 bit."""
    return Plane(tuple(points), layers, 64, 1.0, h_x_bits=6.0, **more)  # type: ignore[arg-type]  # the rest of its fields


def point(
    layer: str, quantity: str, bits: float, step: int = 0, spec: str = "bin:szt", **more: object
) -> Point:
    """A point of 64 rows; more goes to its estimate."""
    return Point(step, layer, quantity, Estimate(bits, 64, spec, **more))  # type: ignore[arg-type]  # as above


class Size(Counting):
    """Bits that are a plain function of the layer's values."""

    def __init__(self, of: object) -> None:
        super().__init__()
        self.of = of

    def estimate(self, a: ip.Variable, b: ip.Variable, *, rng: np.random.Generator) -> Estimate:
        return Estimate(float(self.of(a.values)), a.n, "size")  # type: ignore[operator]  # a function


def hooks_of(net: nn.Module) -> list[list[int]]:
    """The handles of all hooks of every module; torch has no public list of them."""
    return [
        [
            *module._forward_pre_hooks,
            *module._forward_hooks,
            *module._forward_pre_hooks_with_kwargs,
            *(module._backward_hooks or {}),
        ]
        for module in net.modules()
    ]


def reseal(file: h5py.File, **changes: object) -> None:
    """Rewrite the header of an archive file with these entries, under a right checksum."""
    body = {**json.loads(file["meta"][()]), **changes}
    body.pop("crc32")
    text = layout.sealed(body).encode()
    del file["meta"]
    file.create_dataset("meta", data=text, dtype=h5py.string_dtype("utf-8", len(text)))


def companion_of(run: Path, trainer: int | None = None) -> psutil.Process:
    """The process beside this one, or beside another ``trainer``, that measures ``run``.

    A child has the command line of its parent until it has become another program.
    """
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for child in psutil.Process(trainer).children():
            with contextlib.suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
                words = child.cmdline()
                if "infoplane.background.measuring" in words and str(run) in words:
                    return child
        time.sleep(0.02)
    raise AssertionError(f"no process measures {run}")


def hurry(companion: psutil.Process) -> None:
    """Give a process of lowest priority an ordinary share: on a busy machine it has under 1 % of a
    core.

    For tests of what it does, not of how long the training would keep it waiting.
    """
    group, end = Path(f"/proc/{companion.pid}/autogroup"), time.monotonic() + 10
    while companion.nice() < 19 or (group.exists() and " nice 19" not in group.read_text()):
        if time.monotonic() > end:
            break  # the system refused it the lowest priority
        time.sleep(0.02)
    with contextlib.suppress(psutil.AccessDenied):  # only root may
        companion.nice(0)
    while group.exists() and " nice 0" not in group.read_text():
        with contextlib.suppress(BlockingIOError):  # of all processes Linux hears ten a second
            group.write_text("0")
        time.sleep(0.05)


def until(
    true: Callable[[], object],
    what: str = "",
    seconds: float = 180.0,
    seen: Callable[[], object] = lambda: "not told",
) -> None:
    """Wait until this holds; a test that waits longer fails, and tells what was ``seen`` last."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:.0f} s in vain for {what}; seen last: {seen()}")
        time.sleep(0.02)


def exit_code(*words: object) -> int:
    """Run the command line with these words in this process; what a shell would see."""
    try:
        app([str(word) for word in words])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def numbers_of(plane: Plane) -> list[tuple[int, str, str, str, str, float]]:
    """Every number of a plane with what it is."""
    return [(p.step, p.layer, p.quantity, p.estimator, p.sense, p.bits) for p in plane]


def noisy_run(path: Path) -> Archive:
    """Return a run of 32 inputs, each twice; layer ``mu`` draws noise behind ``a``."""
    rng = np.random.default_rng(0)
    x = np.tile(np.arange(32, dtype=np.float32), 2)[:, None]
    steps = []
    for scale in (1.0, 0.9, 0.8):
        a = np.tanh(scale * x)
        steps.append({"a": a, "mu": a + 0.1 * rng.normal(size=a.shape).astype(np.float32)})
    return run_of(path, steps, x=x, y=np.tile(np.arange(32), 2) % 2)
