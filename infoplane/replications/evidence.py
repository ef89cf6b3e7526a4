"""From numbers to a result with its evidence.

Planes and pictures beside the verdict, the archives named.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infoplane.replications.frame import Context, Result, outcome_of

if TYPE_CHECKING:
    from infoplane.archive import Archive
    from infoplane.plane import Plane

Numbers = dict[str, list[float]]
Lines = Mapping[str, Sequence[Sequence[float]]]
_DPI = 130  # of pictures for a page: sharp on a screen, some 50 KiB each


def conclude(
    ctx: Context,
    holds: bool,
    assertion: str,
    numbers: Numbers,
    *,
    limits: Mapping[str, float] | None = None,
    learnt: int | None = None,
    archives: Sequence[Archive] = (),
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
        limits: per quantity of ``numbers`` the bar it is held against, drawn in the picture.
        learnt: how many of the archives learnt; left out for claims that presuppose no learning.
        archives, planes: what it rests on.
        pictures: paths from `plane_picture`, `over_training` and `figure_file`.
        conventions: by the name of a convention, what comes out under it.
        note: what a reader must know.
    """
    from infoplane.analysis.plot.evidence import draw_numbers

    of = ctx.seeds if learnt is None else archives
    good = len(of) if learnt is None else learnt
    files = [str(a.path) for a in archives]
    (ctx.out / "planes").mkdir(exist_ok=True)
    files += [
        str(p.save(ctx.out / "planes" / f"{ctx.claim}-{k}.h5", overwrite=True))
        for k, p in enumerate(planes)
    ]
    files += [
        *pictures,
        figure_file(ctx, draw_numbers(numbers, limits or {}), f"{ctx.claim}-numbers"),
    ]
    return Result(
        ctx.claim,
        outcome_of(holds, good, len(of), quick=ctx.quick),
        assertion,
        numbers,
        list(ctx.seeds),
        good,
        ctx.quick,
        note,
        files=[str(Path(f).relative_to(ctx.out)) for f in files],
        conventions=dict(conventions or {}),
    )


def figure_file(
    ctx: Context, figure: Any, name: str
) -> str:  # Any: a matplotlib Figure, which only the pictures' room imports
    """Write a figure as PNG beside the results; return its path.

    Args:
        ctx: where.
        figure: of matplotlib.
        name: of the file.
    """
    from infoplane.analysis.plot import style

    path = ctx.out / f"{name}.png"
    with style.context():
        figure.savefig(path, dpi=_DPI)
    return str(path)


def plane_picture(
    ctx: Context, plane: Plane, name: str, spec: str, layers: Sequence[str] | None = None
) -> str:
    """Draw the information plane as PNG beside the results; return its path.

    Args:
        ctx: where.
        plane: what is drawn.
        name: of the file.
        spec: the estimator.
        layers: only these.
    """
    from infoplane.analysis.plot.save import draw

    return figure_file(
        ctx, draw(plane.select(layer=list(layers)) if layers else plane, estimator=spec), name
    )


def lines_picture(
    ctx: Context,
    name: str,
    x: Sequence[float] | Sequence[str],
    lines: Lines,
    *,
    x_label: str,
    y_label: str,
    log: bool = False,
) -> str:
    """Draw curves per seed with their median as PNG beside the results; returns its path.

    Args:
        ctx: where.
        name: of the picture.
        x: the common places of all curves.
        lines: by their name in the legend, one curve for every seed.
        x_label, y_label: of the axes.
        log: whether places are spread logarithmically.
    """
    from infoplane.analysis.plot.evidence import draw_lines

    return figure_file(ctx, draw_lines(x, lines, x_label=x_label, y_label=y_label, log=log), name)


def over_training(
    ctx: Context,
    name: str,
    steps: Sequence[int],
    lines: Lines,
    y_label: str,
    *,
    unit: str = "epoch",
) -> str:
    """Draw curves over training, as `lines_picture` does.

    Args:
        ctx, name, lines, y_label: as there.
        steps: the checkpoints.
        unit: what they count.
    """
    return lines_picture(ctx, name, steps, lines, x_label=unit, y_label=y_label, log=True)


def judged(holds: bool, values: Sequence[float], unit: str = "bits") -> str:
    """Say for a convention whether the claim holds under it, and the numbers per seed.

    Args:
        holds: whether it does.
        values: one for every seed.
        unit: of them.
    """
    return (
        f"{'holds' if holds else 'does not hold'}: {', '.join(f'{v:.3g}' for v in values)} {unit}"
    ).rstrip()


def median_of(values: Sequence[float]) -> float:
    """Return the median over seeds."""
    return float(statistics.median(values))
