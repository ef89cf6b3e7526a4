"""The main job from end to end: train, capture, measure, check, draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infoplane.errors import InputError
from infoplane.patterns import did_you_mean
from infoplane.plane import Plane
from infoplane.types import DPIReport

if TYPE_CHECKING:
    from infoplane.data.training import Trained

TASKS = ("szt", "digits")
EPOCHS = {"szt": 4000, "digits": 300}
PAPERS = {"szt": ("bin:szt", "bin:saxe", "kde:variance=0.001", "exact")}
"""Estimators of the papers on a task, the first is drawn; for other tasks they are chosen."""


@dataclass(frozen=True)
class Demo:
    """Results of a demo: how training ended, the plane, the DPI report and the files by name."""

    trained: Trained
    plane: Plane
    report: DPIReport
    files: dict[str, Path]


def run_demo(
    out: str | Path,
    *,
    task: str = "szt",
    activation: str = "tanh",
    epochs: int | None = None,
    seed: int = 0,
    checkpoints: int = 60,
    workers: int = 2,
    overwrite: bool = False,
    progress: bool = False,
    say: Callable[[str], object] = lambda text: None,
) -> Demo:
    """Train a network with a recorder attached, measure, check and draw.

    Args:
        out: folder for ``run/``, ``plane.h5``, ``plane.csv``, pictures and ``report.html``.
        task: ``szt`` or ``digits``.
        activation: of the hidden layers.
        epochs: None for enough to see the layers move.
        seed: of weights, split and batches.
        checkpoints: about how many are captured.
        workers: threads for measuring.
        overwrite: replace an existing run.
        progress: show bars.
        say: receives lines of progress.

    Raises:
        InputError: an unknown task or activation, or fewer than one epoch.
        ArchiveExists: ``out/run`` is there and ``overwrite`` is false.
    """
    from infoplane.analysis.dpi.check import check_dpi
    from infoplane.analysis.measuring.measure import measure
    from infoplane.archive import layout, open_archive

    if task not in TASKS:
        raise InputError(
            f"no such task: {task!r}; choose one of {', '.join(TASKS)}{did_you_mean(task, TASKS)}"
        )
    epochs = EPOCHS[task] if epochs is None else epochs
    if epochs < 1:
        raise InputError(f"expected at least one epoch, got {epochs}")
    out = Path(out)
    if (out / layout.RUN_FILE).exists():
        raise InputError(
            f"{out} is a run; give a folder for the demo's own run, tables and pictures"
        )
    out.mkdir(parents=True, exist_ok=True)
    say(
        f"training the {task} network ({activation}) for {epochs} epochs, capturing about "
        f"{min(checkpoints, epochs)} checkpoints"
    )
    trained = _train(out / "run", task, activation, epochs, seed, checkpoints, overwrite, progress)
    archive = open_archive(out / "run")
    say(f"measuring {len(archive.steps)} checkpoints x {len(archive.layers)} layers")
    specs = PAPERS.get(task)
    if specs is not None:
        say(f"by the conventions of the papers: {', '.join(specs)}")
    plane = measure(archive, specs, workers=workers, seed=seed, progress=progress)
    say("checking the data processing inequality")
    report = check_dpi(plane, archive=archive, progress=progress)
    files = {
        "run": out / "run",
        "plane": plane.save(out / "plane.h5", overwrite=True),
        "csv": plane.to_csv(out / "plane.csv"),
    }
    files |= _draw(out, plane, report)
    return Demo(trained, plane, report, files)


def _train(
    to: Path,
    task: str,
    activation: str,
    epochs: int,
    seed: int,
    checkpoints: int,
    overwrite: bool,
    progress: bool,
) -> Trained:
    import infoplane as ip
    from infoplane.display.progress import progress as shown_progress
    from infoplane.hooks import Recorder

    tool = getattr(ip.data, task)
    model = tool.network(activation, seed=seed)
    with (
        Recorder(
            model,
            probe=tool.load(),
            to=to,
            layers="auto",
            schedule=ip.log_spaced(epochs, checkpoints),
            overwrite=overwrite,
        ) as recorder,
        shown_progress("training", epochs, shown=progress) as advance,
    ):

        def on_epoch(epoch: int, metrics: dict[str, float]) -> None:
            recorder.step(epoch, **metrics)
            advance()

        trained: Trained = tool.train(model, epochs=epochs, seed=seed, on_epoch=on_epoch)
    return trained


def _draw(out: Path, plane: Plane, report: DPIReport) -> dict[str, Path]:
    from importlib.util import find_spec

    from infoplane.analysis.plot.save import save_picture

    files = {
        "picture": save_picture(plane, out / "plane.png", kind="plane", report=report),
        "curves": save_picture(plane, out / "curves.png", kind="curves"),
    }
    if find_spec("plotly"):
        from infoplane.analysis.report import write_report

        files["report"] = write_report(out / "report.html", plane, report)
    return files


def summary_rows(plane: Plane) -> list[dict[str, str]]:
    """Return for each layer I(X;Z) at start, peak and end, its drop, and I(Z;Y) at the end."""
    spec = plane.estimators[0]
    exact = "exact" if "exact" in plane.estimators else None
    rows = []
    for layer in plane.layers:
        steps, series = plane.series(layer, "i_xz", spec)
        labels = plane.series(layer, "i_zy", spec)[1]
        if not series:
            continue
        bits = [estimate.bits for estimate in series]
        peak = bits.index(max(bits))
        row = {
            "layer": layer,
            "start": f"{bits[0]:.2f}",
            "peak": f"{bits[peak]:.2f} (step {steps[peak]})",
            "end": f"{bits[-1]:.2f}",
            "drop": f"{bits[peak] - bits[-1]:.2f}",
            "I(Z;Y) end": f"{labels[-1].bits:.3f}" if labels else "",
        }
        if exact is not None:
            codes = plane.series(layer, "i_xz", exact)[1]
            row["exact end"] = f"{codes[-1].bits:.2f}" if codes else ""
        rows.append(row)
    return rows
