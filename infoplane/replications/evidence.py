"""Results with their evidence: planes and pictures, and the names of the archives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infoplane.replications.frame import Context, Result, outcome_of
from infoplane.replications.training import count_learnt

if TYPE_CHECKING:
    from infoplane.plane import Plane

Numbers = dict[str, list[float]]
Lines = Mapping[str, Sequence[Sequence[float]]]
_DPI = 130  # of pictures on a page: sharp on a screen, about 50 KiB each


def conclude(
    ctx: Context,
    holds: bool,
    assertion: str,
    numbers: Numbers,
    *,
    limits: Mapping[str, float] | None = None,
    learnt: int | None = None,
    planes: Sequence[Plane] = (),
    pictures: Sequence[str] = (),
    conventions: Mapping[str, str] | None = None,
    note: str = "",
) -> Result:
    """Return the result of a claim; writes its planes and the picture of its numbers.

    Args:
        ctx: which claim, where and how large.
        holds: whether the assertion is true.
        assertion: the inequality that was tested.
        numbers: by quantity, one value for every seed.
        limits: for some quantities of ``numbers`` the threshold, drawn in the picture.
        learnt: how many of the runs learnt; left out, it is counted by their stored accuracies, and
            a claim on trainings without accuracies presupposes no learning.
        planes: what the numbers come from, and the runs behind them.
        pictures: paths from `plane_picture`, `over_training` and `figure_file`.
        conventions: by the name of a convention, what comes out under it.
        note: what a reader must know.
    """
    from infoplane.analysis.plot.evidence import draw_numbers

    out = ctx.out.resolve()
    files = list(dict.fromkeys(Path(plane.provenance["archive"]).resolve() for plane in planes))
    if learnt is None:
        learnt = count_learnt(files)
    runs = len(ctx.seeds if learnt is None else files)
    learnt = runs if learnt is None else learnt
    folder = out / "planes"
    folder.mkdir(exist_ok=True)
    for index, plane in enumerate(planes):
        files.append(plane.save(folder / f"{ctx.claim}-{index}.h5", overwrite=True))
    numbers_picture = figure_file(ctx, draw_numbers(numbers, limits or {}), "-numbers")
    files += [Path(picture).resolve() for picture in (*pictures, numbers_picture)]
    return Result(
        ctx.claim,
        outcome_of(holds, learnt, runs, quick=ctx.quick),
        assertion,
        numbers,
        list(ctx.seeds),
        learnt,
        ctx.quick,
        note,
        files=[str(file.relative_to(out)) for file in files],
        conventions=dict(conventions or {}),
    )


def figure_file(ctx: Context, figure: Any, suffix: str = "") -> str:  # Any: a matplotlib Figure
    """Write a figure as PNG to the folder of the results; return its path.

    Args:
        ctx: says which folder, and which claim.
        figure: of matplotlib.
        suffix: of the file's name, behind that of the claim.
    """
    from infoplane.analysis.plot import style

    path = ctx.out / f"{ctx.claim}{suffix}.png"
    with style.context():
        figure.savefig(path, dpi=_DPI)
    return str(path)


def plane_picture(
    ctx: Context,
    plane: Plane,
    spec: str,
    layers: Sequence[str] | None = None,
    *,
    suffix: str = "",
) -> str:
    """Draw the information plane as PNG to the folder of the results; return its path.

    Args:
        ctx, suffix: as for `figure_file`.
        plane: what is drawn.
        spec: the estimator.
        layers: only these.
    """
    from infoplane.analysis.plot.save import draw

    shown = plane.select(layer=list(layers)) if layers else plane
    return figure_file(ctx, draw(shown, estimator=spec), suffix)


def lines_picture(
    ctx: Context,
    x: Sequence[float] | Sequence[str],
    lines: Lines,
    *,
    x_label: str,
    y_label: str,
    log: bool = False,
    suffix: str = "",
) -> str:
    """Draw curves of every seed with their median as PNG; return its path.

    Args:
        ctx, suffix: as for `figure_file`.
        x: positions on the horizontal axis, the same for all curves.
        lines: by name in the legend, one curve for every seed.
        x_label, y_label: of the axes.
        log: whether the horizontal axis is logarithmic.
    """
    from infoplane.analysis.plot.evidence import draw_lines

    figure = draw_lines(x, lines, x_label=x_label, y_label=y_label, log=log)
    return figure_file(ctx, figure, suffix)


def over_training(
    ctx: Context,
    steps: Sequence[int],
    lines: Lines,
    y_label: str,
    *,
    unit: str = "epoch",
    suffix: str = "",
) -> str:
    """Draw curves over training, as `lines_picture` does.

    Args:
        ctx, lines, y_label, suffix: as for `lines_picture`.
        steps: the checkpoints.
        unit: what steps count.
    """
    return lines_picture(ctx, steps, lines, x_label=unit, y_label=y_label, log=True, suffix=suffix)


def verdict_text(holds: bool, values: Sequence[float], unit: str = "bits") -> str:
    """Return whether the claim holds under a convention, and its numbers per seed.

    Args:
        holds: whether it does.
        values: one for every seed.
        unit: of the values.
    """
    return f"{'holds' if holds else 'does not hold'}: {number_list(values)} {unit}".rstrip()


def number_list(values: Sequence[float]) -> str:
    """Return numbers in three digits, separated by commas."""
    return ", ".join(f"{value:.3g}" for value in values)
