"""Words of a picture: axis labels that state the convention, ceilings. No matplotlib."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping

from infoplane.analysis.estimators.label_bins import BINNED_LABELS, counts_cells
from infoplane.analysis.units import carries_bits, specs_in_bits
from infoplane.contract import HasAxisLabel
from infoplane.errors import InputError, SpecError
from infoplane.plane import Ceiling, Plane, require_plane
from infoplane.row_info import RowInfo
from infoplane.types import Quantity

QUANTITIES: tuple[Quantity, Quantity] = ("i_xz", "i_zy")
"""Across and up in the plane."""


UNITS = {"bits": 1.0, "nats": math.log(2)}
"""How much of a unit of information one bit is."""

Ceilings = Mapping[Quantity, Ceiling]
"""What no estimate can honestly exceed, as the pictures of one estimator show it."""


def axis_label(
    quantity: Quantity, estimator: str, n: int, sense: str = "point", rows: RowInfo | None = None
) -> str:
    """Return what an axis shows, with its convention.

    The estimator's own words for the quantity, its unit, spec, sense and probe rows.

    A spec that no installed estimator answers to (a plane from elsewhere) is named as it stands.

    Args:
        quantity: ``i_xz`` or ``i_zy``.
        estimator: its spec.
        n: rows.
        sense: exact, point, upper or lower.
        rows: what a row, X and Y are; samples when left out.

    Example:
        >>> axis_label("i_xz", "bin:szt", 4096)
        'H(bin(Z)) [bits], 30 bins on [-1,1], bin:szt, N=4096'
        >>> axis_label("i_zy", "theirs:k=3", 100, "lower")
        'I(Z;Y) [bits], lower, theirs:k=3, N=100'
        >>> axis_label("i_zy", "exact", 500, rows=RowInfo("token", "prefix", "next-token"))
        'I(Z;next-token) exact [bits], N=500 tokens'
    """
    from infoplane.analysis.estimators.spec import parse

    text = f"{'I(X;Z)' if quantity == 'i_xz' else 'I(Z;Y)'} [bits]"
    with contextlib.suppress(SpecError):
        behind = parse(estimator)
        if isinstance(behind, HasAxisLabel):
            text = behind.axis_label(quantity, n)
    if sense in ("upper", "lower"):  # an estimator that gives both bounds names one of them
        text = re.sub(r"\b(upper|lower)\b", sense, text)
        text = text if sense in text else f"{text}, {sense}"
    stated = re.split(r"[, ]+", text)
    label = ", ".join([text, *(part for part in (estimator, f"N={n}") if part not in stated)])
    rows = RowInfo() if rows is None else rows
    return rows.name(label).replace(f"N={n}", rows.axis(n))


def axis_of(plane: Plane, quantity: Quantity, estimator: str, sense: str = "point") -> str:
    """Return `axis_label` for a plane.

    A plane also knows whether Y is continuous and therefore in bins.

    Args:
        plane: what was measured.
        quantity: ``i_xz`` or ``i_zy``.
        estimator: its spec.
        sense: exact, point, upper or lower.
    """
    text = axis_label(quantity, estimator, plane.n, sense, plane.row_info)
    if quantity == "i_xz" or plane.h_y_bits is not None or not counts_cells(estimator):
        return text
    first, comma, rest = text.partition(", ")
    return f"{first}, {BINNED_LABELS}{comma}{rest}"


def short_axis(plane: Plane, quantity: Quantity, estimator: str, sense: str = "point") -> str:
    """Return the symbol of an axis: what is drawn, its unit, bound and spec.

    The definition is for the caption (`axis_of`).

    Args:
        plane: what was measured.
        quantity: ``i_xz`` or ``i_zy``.
        estimator: its spec.
        sense: exact, point, upper or lower.

    Example:
        >>> short_axis(Plane((), (), 4096), "i_xz", "bin:szt")
        'H(bin(Z)) [bits], bin:szt'
        >>> short_axis(Plane((), (), 64), "i_zy", "theirs:k=3", "lower")
        'I(Z;Y) [bits], lower, theirs:k=3'
    """
    symbol = axis_of(plane, quantity, estimator, sense).partition(", ")[0]
    bound = [sense] if sense in ("upper", "lower") else []
    stated = symbol.split()
    return ", ".join([symbol, *(part for part in (*bound, estimator) if part not in stated)])


def ceilings_of(plane: Plane, estimator: str) -> Ceilings:
    """Return log2 N and H(Y); of a continuous Y, the most that this estimator can give.

    That is the entropy of the labels in bins where it counts cells, of their values where these are
    its symbols (log2 N where no two rows share one), and nothing where its numbers have no ceiling.

    Example:
        >>> from infoplane.plane import Point
        >>> from infoplane.types import Estimate
        >>> point = Point(0, "fc", "i_zy", Estimate(1.2, 600, "bin:szt", ceiling_bits=3.9069))
        >>> ceilings_of(Plane((point,), ("fc",), 600), "bin:szt")["i_zy"]
        Ceiling(name='H(bin(Y))', bits=3.9069)
    """
    ceilings = plane.ceilings
    if plane.h_y_bits is not None:
        return ceilings
    found = set()
    for point in plane:
        if point.estimator == estimator and point.quantity == "i_zy":
            found.add(point.estimate.ceiling_bits)
    stated = [bits for bits in found if bits is not None]
    if not stated or len(stated) < len(found):
        return ceilings
    highest = max(stated)
    if abs(highest - plane.log2_n) < 1e-6:
        name = "log2 N"
    elif counts_cells(estimator):
        name = f"H(bin({plane.row_info.y}))"
    else:
        name = f"H({plane.row_info.y})"
    return {**ceilings, "i_zy": Ceiling(name, highest)}


def ceiling_text(ceiling: Ceiling, unit: str) -> str:
    """Return a ceiling that is known in a unit: ``log2 N = 12``, or ``ln N = 8.318`` in nats."""
    assert ceiling.bits is not None
    return f"{ceiling_name(ceiling, unit)} = {ceiling.bits * UNITS[unit]:.4g}"


def ceiling_name(ceiling: Ceiling, unit: str) -> str:
    """Return the name of a ceiling in a unit: ``log2 N``, or ``ln N`` in nats."""
    return ceiling.name.replace("log2", "ln") if unit == "nats" else ceiling.name


def choose_estimator(plane: Plane, estimator: str | None, *, in_bits: bool = True) -> str:
    """Return the estimator to draw.

    The given one, or the first of the plane, whose numbers are bits unless asked otherwise.

    Args:
        plane: what was measured.
        estimator: a spec; None takes the plane's first.
        in_bits: whether its numbers must be bits.

    Raises:
        InputError: an empty plane, an estimator that the plane does not have, or one without bits.
    """
    require_plane(plane, "drawing")
    if estimator is None:
        found = specs_in_bits(plane)
        estimator = found[0] if found else plane.estimators[0]
    if estimator not in plane.estimators:
        raise InputError(
            f"no such estimator: {estimator!r}; the plane has {list(plane.estimators)}"
        )
    if in_bits and not carries_bits(plane, estimator):
        raise InputError(
            f"{estimator} carries no bits and has no place on an information plane; draw it over "
            f"the steps: plot_curves(plane, estimator={estimator!r})"
        )
    return estimator
