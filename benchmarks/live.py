"""`python -m benchmarks.live [EPOCHS]`: what analysis costs a training of the 12-bit network, the
whole plane against numpy, and start-up times.

The peers of the plane are the dense formula and void views of `benchmarks.peers` on three of the
checkpoints, times as many as there are.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch

import infoplane as ip
from benchmarks import peers
from benchmarks.planes import seconds
from infoplane.analysis.estimators.binned import Binned
from infoplane.analysis.estimators.kde import KDE
from infoplane.archive import Archive, open_archive
from infoplane.contract import Estimator
from infoplane.data.ensemble import classify_together
from infoplane.data.training import classify
from infoplane.types import Variable, continuous, discrete

SPECS = ["kde:variance=0.001", "bin:saxe,width=0.07"]
CHECKPOINTS = 53
ROUNDS = 3


def used(who: int) -> float:
    """Processor seconds of this process, or of its children that have ended."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def train(to: Path, epochs: int, measure: list[str] | None) -> tuple[float, float, float, float]:
    """Wall seconds of the training loop, processor seconds of this process in it, wall seconds of
    waiting for the plane, processor seconds of measuring.
    """
    inputs, labels = ip.data.szt.load()
    model = ip.data.szt.network("tanh", seed=0)
    options = dict(
        layers=["act*", "fc6"],
        schedule=ip.log_spaced(epochs, CHECKPOINTS),
        measure=measure,
        verbose=False,
        overwrite=True,
    )
    children = used(resource.RUSAGE_CHILDREN)
    rec = ip.Recorder(model, probe=(inputs, labels), to=to, **options)
    rec.open()
    tensors = (
        torch.as_tensor(inputs),
        torch.as_tensor(labels),
        torch.as_tensor(ip.data.szt.train_mask(0, 0.8)),
    )
    wall = time.perf_counter()
    own = used(resource.RUSAGE_SELF)
    classify(
        model,
        *tensors,
        epochs=epochs,
        seed=0,
        lr=4e-4,
        batch=256,
        on_epoch=lambda epoch, metrics: rec.step(epoch, **metrics),
    )
    wall = time.perf_counter() - wall
    own = used(resource.RUSAGE_SELF) - own
    waiting = time.perf_counter()
    rec.close()
    return wall, own, time.perf_counter() - waiting, used(resource.RUSAGE_CHILDREN) - children


def beside_training(root: Path, epochs: int) -> None:
    """Trainings with and without live analysis, in turns."""
    rounds = [
        (train(root / "run", epochs, None), train(root / "run", epochs, SPECS))
        for _ in range(ROUNDS)
    ]
    plain, live = np.median(np.array(rounds), axis=0)
    print(
        f"\n{epochs} epochs of the 12-bit network, {CHECKPOINTS} checkpoints, both KDE bounds and "
        f"bins of X and Y; medians of {ROUNDS}, in turns\n"
    )
    print("| | capture only | with live analysis | ratio |\n|---|---|---|---|")
    print(
        f"| training loop, wall seconds | {plain[0]:.1f} | {live[0]:.1f} | "
        f"{live[0] / plain[0]:.3f} |"
    )
    print(
        f"| training process, processor seconds | {plain[1]:.1f} | {live[1]:.1f} | "
        f"{live[1] / plain[1]:.3f} |"
    )
    print(
        f"| from the last epoch to the whole plane, wall seconds | {plain[2]:.1f} | {live[2]:.1f} "
        "| |"
    )
    print(
        f"| measuring process, all of it, processor seconds | | {live[3]:.1f} | "
        f"{live[3] / plain[1]:.3f} of training |"
    )


def whole_plane(run: Path) -> None:
    """All checkpoints and layers of the run, from arrays in memory, and as `measure` does it from
    disk.
    """
    archive = open_archive(run)
    ids = discrete(archive.row_ids)
    labels = discrete(archive.y)
    classes = [np.flatnonzero(labels.values[:, 0] == c) for c in np.unique(labels.values)]
    every = [layers_at(archive, step) for step in archive.steps]
    sample = every[:: len(every) // 3][:3]

    def theirs(entropy: object, z: np.ndarray) -> list[float]:
        whole = np.atleast_1d(entropy(z))  # type: ignore[operator]
        inside = sum(len(rows) / len(z) * np.atleast_1d(entropy(z[rows])) for rows in classes)  # type: ignore[operator]
        return [*whole, *(whole - inside)]

    print(
        f"\nthe plane of {len(every)} checkpoints x {len(archive.layers)} layers, N={ids.n}, X and "
        "Y, from arrays in memory\n"
    )
    print(
        "| work | peer s | infoplane s | ratio | largest difference, bits |\n|---|---|---|---|---|"
    )
    work = (
        ("both KDE bounds", KDE(variance=1e-3), lambda z: peers.kde_dense(z.astype(float), 1e-3)),
        (
            "bins of width 0.07",
            Binned("saxe", width=0.07),
            lambda z: peers.binned_void(z, np.float32(0.07)),
        ),
    )
    for title, estimator, entropy in work:
        mine(estimator, ids, sample[:1], labels)
        start = time.perf_counter()
        found = [theirs(entropy, z.values) for z in chain.from_iterable(sample)]
        peer = (time.perf_counter() - start) * len(every) / len(sample)
        ours = seconds(partial(mine, estimator, ids, every, labels), 5)
        error = max(
            float(np.abs(np.sort(a) - np.sort(b)).max())
            for a, b in zip(found, mine(estimator, ids, sample, labels), strict=True)
        )
        print(
            f"| {title} | {peer:.3g} | {ours:.3g} | {peer / ours:.0f} | {error:.1e} |", flush=True
        )
    start = time.perf_counter()
    plane = ip.measure(archive, SPECS, resume=False)
    print(f"\n`measure` of both, read from disk: {time.perf_counter() - start:.2f} s")
    start = time.perf_counter()
    plane.save(run / "plane.h5")
    print(f"saving the plane: {time.perf_counter() - start:.2f} s")


def layers_at(archive: Archive, step: int) -> list[Variable]:
    """All layers of a checkpoint, in memory."""
    return [continuous(archive.z(step, layer)) for layer in archive.layers]


def mine(
    estimator: Estimator, x: Variable, every: list[list[Variable]], y: Variable
) -> list[list[float]]:
    """Values of every layer of every checkpoint."""
    found = []
    for z in chain.from_iterable(every):
        points = estimator.estimate_plane_point(x, z, y)
        found.append([estimate.bits for _, estimate in points])
    return found


def ensemble(seeds: int = 10, epochs: int = 6) -> None:
    """Seeds of the 12-bit network trained one after the other and as one, on one thread: seconds of
    both and the largest difference of a parameter.
    """
    inputs, labels = map(torch.as_tensor, ip.data.szt.load())
    masks = [torch.as_tensor(ip.data.szt.train_mask(seed)) for seed in range(seeds)]
    settings = {"epochs": epochs, "lr": 4e-4, "batch": 256}

    def models() -> list[torch.nn.Module]:
        return [ip.data.szt.network("tanh", seed=seed) for seed in range(seeds)]

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        alone = models()
        together = models()
        start = time.process_time()
        for seed, model in enumerate(alone):
            classify(model, inputs, labels, masks[seed], seed=seed, **settings)
        taken[0].append(time.process_time() - start)
        start = time.process_time()
        classify_together(together, inputs, labels, masks, seeds=range(seeds), **settings)
        taken[1].append(time.process_time() - start)
    torch.set_num_threads(threads)
    error = 0.0
    for first, second in zip(alone, together, strict=True):
        for one, other in zip(first.parameters(), second.parameters(), strict=True):
            error = max(error, float((one - other).abs().max().detach()))
    one, all_of = (float(np.median(times)) for times in taken)
    print(
        f"\n{seeds} seeds x {epochs} epochs, processor seconds: one by one {one:.2f}, as one "
        f"{all_of:.2f}, {one / all_of:.2f} times; parameters {error:.0e} apart"
    )


def start_up(run: Path) -> None:
    """Processor and wall seconds of whole processes, with and without a judgement that is kept."""
    plot, check = (
        [sys.executable, "-m", "infoplane", *words]
        for words in (
            ["plot", str(run / "plane.h5"), "-o", str(run / "plane.png")],
            ["check", str(run / "plane.h5")],
        )
    )
    nothing = {"INFOPLANE_CACHE": ""}
    commands = {
        "import infoplane": ([sys.executable, "-c", "import infoplane"], {}),
        "infoplane --help": ([sys.executable, "-m", "infoplane", "--help"], {}),
        "infoplane check plane.h5": (check, {}),
        "infoplane plot plane.h5": (plot, {}),
        "infoplane check plane.h5, no judgement kept": (check, nothing),
        "infoplane plot plane.h5, no judgement kept": (plot, nothing),
        "infoplane measure of one layer and step, measured anew": (
            [sys.executable, "-c", ONE.format(run=str(run), step=open_archive(run).steps[-1])],
            {},
        ),
    }
    print("\n| start-up, median of 5 | processor s | wall s |\n|---|---|---|")
    for title, (command, settings) in commands.items():
        both = []
        for _ in range(6):
            before = used(resource.RUSAGE_CHILDREN)
            start = time.perf_counter()
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, env={**os.environ, **settings}
            )
            if done.returncode not in (0, 1):  # check: 1 when a violation is found
                raise RuntimeError(done.stderr)
            both.append((used(resource.RUSAGE_CHILDREN) - before, time.perf_counter() - start))
        processor, wall = np.median(np.array(both[1:]), axis=0)
        print(f"| {title} | {processor:.2f} | {wall:.2f} |", flush=True)


ONE = (
    "import infoplane as ip; ip.measure({run!r}, ['kde:variance=0.001', 'bin:szt'], "
    "layers=['act1'], steps=[{step}], resume=False)"
)


def main(epochs: int) -> None:
    """Everything."""
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, torch {torch.__version__}, "
        f"{torch.get_num_threads()} threads"
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        beside_training(Path(folder), epochs)
        whole_plane(Path(folder) / "run")
        start_up(Path(folder) / "run")
    ensemble()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)
