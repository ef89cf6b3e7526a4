"""Rows that come several times up to tiny differences, as by augmentation with little noise.

A near copy has the same label and lies far nearer than any other row. Neighbours, held-out rows and
errors take it for evidence, as they would an exact copy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infoplane.analysis.estimators.repeated_values import has_density
from infoplane.rows import codes_of
from infoplane.types import Variable
from infoplane.types.arrays import Codes, Floats, Ids

_MOST_COPIES = 16
_SAMPLE = 64
"""Rows whose neighbours tell whether there may be near copies."""
_FEWEST_ROWS = 40
_MOST_UNITS = 32
"""Units of a variable in which rows are compared; copies are near in any of them."""
_OTHER_LABEL = 1e6
"""Distance in standard deviations between rows of different labels."""
_GAP = 0.25
"""Median ratio of two successive neighbour distances; at least 1/2 of rows that have a density."""
_WIDE_GAP = 0.01
"""Ratio that one row in a hundred shows on a line, and fewer in more dimensions."""
_CLEAR_SHARE = 0.1
_SAME_LABEL = 0.9
"""Share of near copies that have one label, from which they are no fresh draws of it."""
_SEPARATE = 0.8
"""Share of groups that no chance neighbour links to another."""


def near_copy_groups(variables: Sequence[Variable]) -> Codes | None:
    """Return which rows are near copies of one another where all come equally often.

    Each row is linked to its m - 1 nearest neighbours. Of m near copies of each row these links
    make groups, of which all sizes are multiples of m and few are linked by chance. Rows of a
    density, a time series or a lattice make groups of any size.

    Args:
        variables: paired rows, shape ``(n, dim)`` each. Symbols that no other row has are left out.

    Returns:
        Groups of m rows each, shape ``(n,)``; None where there are none.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    rows = _comparable(variables)
    if rows is None:
        return None
    copies = _copies_of_sample(rows)
    if copies is None:
        return None
    n = len(rows)
    neighbours = cKDTree(rows).query(rows, k=copies)[1]  # (n, copies), itself among them
    links = coo_array(
        (np.ones(neighbours.size), (np.repeat(np.arange(n), copies), neighbours.ravel())), (n, n)
    )
    number, members = connected_components(links, directed=False)
    if number < _SEPARATE * n / copies or (np.bincount(members) % copies).any():
        return None
    groups = np.empty(n, np.int64)
    groups[np.argsort(members, kind="stable")] = np.arange(n) // copies
    return groups


def near_copies_note(variables: Sequence[Variable]) -> tuple[str, ...]:
    """Return a note where many rows nearly repeat others, see `share_of_near_copies`.

    Args:
        variables: as in `near_copy_groups`.
    """
    share = share_of_near_copies(variables)
    if share == 0:
        return ()
    return (
        f"about {share:.0%} of the rows nearly repeat others (augmented or upsampled with little "
        "noise): neighbours take them for evidence and read too high; give each input once",
    )


def share_of_near_copies(variables: Sequence[Variable]) -> float:
    """Return which share of rows nearly repeat others with the same label; 0 of a few.

    A row does that whose neighbours are a hundred times nearer than the next one. So do most rows
    where the median of the gap is wide.

    Args:
        variables: as in `near_copy_groups`.
    """
    rows = _comparable(variables)
    if rows is None:
        return 0.0
    share = _near_share(rows)
    if share < _CLEAR_SHARE:
        return 0.0
    whatever_label = _comparable([v for v in variables if v.kind == "continuous"])
    assert whatever_label is not None
    return share if share >= _SAME_LABEL * _near_share(whatever_label) else 0.0


def _near_share(rows: Floats) -> float:
    """Return which share of a sample of rows, ``(n, dim)``, has near copies."""
    ratios = _ratios(_neighbours_of_sample(rows))
    wide = ratios < _WIDE_GAP
    copies = _copies_of_sample(rows)
    if copies is not None:
        wide[:, copies - 2] |= ratios[:, copies - 2] < _GAP
    return float(wide.any(axis=1).mean())


def _comparable(variables: Sequence[Variable]) -> Floats | None:
    """Return coordinates in which rows are compared, ``(n, dim)``; None where there are none.

    Of continuous variables they are at most 32 standardised units each. Rows of different labels
    are far apart. A variable whose values repeat exactly has no near copies: an input that passes a
    noisy layer several times has fresh outcomes.
    """
    if variables[0].n < _FEWEST_ROWS or all(v.kind == "discrete" for v in variables):
        return None
    coordinates: list[Floats] = []
    for v in variables:
        if v.kind == "continuous":
            units = _standard_units(v)
            if not has_density(units):
                return None
            coordinates.append(units)
            continue
        codes = codes_of(v)
        if codes.max() + 1 < v.n:
            coordinates.append(_OTHER_LABEL * codes[:, None].astype(np.float64))
    return np.concatenate(coordinates, axis=1)


def _standard_units(v: Variable) -> Floats:
    """Return up to 32 units of a variable, evenly spaced, of variance 1, ``(n, units)``."""
    chosen = np.unique(np.linspace(0, v.dim - 1, _MOST_UNITS).round().astype(int))
    units = v.values[:, chosen].astype(np.float64)
    units -= units.mean(axis=0)
    deviations = units.std(axis=0)
    return units / np.where(deviations > 0, deviations, 1.0)


def _neighbours_of_sample(rows: Floats) -> Floats:
    """Return ascending distances of some rows to the nearest others, ``(sample, copies)``."""
    from scipy.spatial.distance import cdist

    sample = _evenly(len(rows))
    distances = cdist(rows[sample], rows)
    return np.sort(np.partition(distances, _MOST_COPIES, axis=1)[:, 1 : _MOST_COPIES + 1], axis=1)


def _copies_of_sample(rows: Floats) -> int | None:
    """Return how often rows seem to come, the gap behind their copies being widest; or None."""
    nearest = _neighbours_of_sample(rows)
    gaps = np.median(_ratios(nearest), axis=0)  # behind the first neighbour, the second, ...
    widest = int(gaps.argmin())
    return widest + 2 if gaps[widest] < _GAP else None


def _ratios(nearest: Floats) -> Floats:
    """Return the ratio of each distance to the next, ``(sample, copies)`` to one column less.

    1 for exact copies, which are not meant here.
    """
    near = nearest[:, :-1]
    return np.where(near > 0, near, 1.0) / np.where(near > 0, nearest[:, 1:], 1.0)


def _evenly(n: int) -> Ids:
    """Return row numbers of the sample, spread over all n."""
    return np.unique(np.linspace(0, n - 1, _SAMPLE).astype(np.int64))
