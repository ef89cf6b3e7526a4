"""Rows that come several times up to tiny differences, as by augmentation with little noise.

A near copy has the same label and lies far nearer than any other row. Neighbours, held-out rows and
errors take it for evidence, as they would an exact copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from infoplane.analysis.estimators.rank_scores import standard_columns
from infoplane.analysis.estimators.repeated_values import has_density
from infoplane.rows import codes_of, row_codes
from infoplane.types import Variable
from infoplane.types.arrays import Codes, Floats, Ids, Mask

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


@dataclass(frozen=True)
class _Near:
    """The rows nearest to each row of a sample.

    Attributes:
        rows: numbers of the sampled rows, shape ``(sample,)``.
        nearest: numbers of the nearest row of each.
        ratios: of each ascending distance to the next, shape ``(sample, distances)``; 1 for exact
            copies, which are not meant here.
    """

    rows: Ids
    nearest: Ids
    ratios: Floats

    @property
    def copies(self) -> int | None:
        """How often rows seem to come, the gap behind their copies being widest; or None."""
        gaps = np.median(self.ratios, axis=0)  # behind the first neighbour, the second, ...
        widest = int(gaps.argmin())
        return widest + 2 if gaps[widest] < _GAP else None

    @property
    def copied(self) -> Mask:
        """Whether each row of the sample has near copies."""
        wide = self.ratios < _WIDE_GAP
        if self.copies is not None:
            behind = self.copies - 2
            wide[:, behind] |= self.ratios[:, behind] < _GAP
        return np.asarray(wide.any(axis=1))


def near_copy_groups(variables: Sequence[Variable]) -> Codes | None:
    """Return which rows are near copies of one another where all come equally often.

    Each row is linked to its m - 1 nearest neighbours of the same label. Of m near copies of each
    row these links make groups, of which all sizes are multiples of m and few are linked by chance.
    Rows of a density, a time series or a lattice make groups of any size.

    Args:
        variables: paired rows, shape ``(n, dim)`` each. Symbols that no other row has are left out.

    Returns:
        Groups of m rows each, shape ``(n,)``; None where there are none.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    units = _comparable_units(variables)
    if units is None:
        return None
    copies = _near_sample(units).copies
    if copies is None:
        return None
    n = len(units)
    rows = np.column_stack([units, _OTHER_LABEL * _labels(variables)])
    neighbours = cKDTree(rows).query(rows, k=copies)[1]  # (n, copies), itself among them
    links = coo_array(
        (np.ones(neighbours.size), (np.repeat(np.arange(n), copies), neighbours.ravel())), (n, n)
    )
    number, members = connected_components(links, directed=False)
    if number < _SEPARATE * n / copies or (np.bincount(members) % copies).any():
        return None
    return groups_of_size(members, copies)


def groups_of_size(codes: Codes, size: int) -> Codes:
    """Return groups of ``size`` rows with one code, ``(n,)``; each code has a multiple of them.

    Args:
        codes: shape ``(n,)``.
        size: rows of a group.
    """
    groups = np.empty(len(codes), np.int64)
    groups[np.argsort(codes, kind="stable")] = np.arange(len(codes)) // size
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

    A row does that whose neighbours are a hundred times nearer than the next one, whatever its
    label. So do most rows where the median of the gap is wide.

    Args:
        variables: as in `near_copy_groups`.
    """
    units = _comparable_units(variables)
    if units is None:
        return 0.0
    near = _near_sample(units)
    copied = near.copied
    share = float(copied.mean())
    if share < _CLEAR_SHARE:
        return 0.0
    labels = _labels(variables)
    same = labels[near.rows] == labels[near.nearest]
    return share if same[copied].mean() >= _SAME_LABEL else 0.0


def _comparable_units(variables: Sequence[Variable]) -> Floats | None:
    """Return units in which rows are compared, ``(n, units)``; None where there are none.

    Of continuous variables they are at most 32 standardised units each, evenly spaced. A variable
    whose values repeat exactly has no near copies: an input that passes a noisy layer several times
    has fresh outcomes.
    """
    if variables[0].n < _FEWEST_ROWS or all(v.kind == "discrete" for v in variables):
        return None
    of_all: list[Floats] = []
    for v in variables:
        if v.kind == "discrete":
            continue
        chosen = np.unique(np.linspace(0, v.dim - 1, _MOST_UNITS).round().astype(int))
        units = standard_columns(v.values[:, chosen])
        if not has_density(units):
            return None
        of_all.append(units)
    return np.concatenate(of_all, axis=1)


def _labels(variables: Sequence[Variable]) -> Codes:
    """Return codes of the symbols of each row, shape ``(n,)``.

    Symbols of their own for all rows tell nothing of copies.
    """
    labels = np.zeros(variables[0].n, np.int64)
    for v in variables:
        if v.kind == "discrete":
            codes = codes_of(v)
            if codes.max() + 1 < v.n:
                labels = row_codes(np.column_stack([labels, codes]))
    return labels


def _near_sample(units: Floats) -> _Near:
    """Return what lies near some rows of ``(n, units)``, spread over all n."""
    from scipy.spatial.distance import cdist

    rows = np.unique(np.linspace(0, len(units) - 1, _SAMPLE).astype(np.int64))
    distances = cdist(units[rows], units)
    distances[np.arange(len(rows)), rows] = np.inf  # itself
    ascending = np.sort(np.partition(distances, _MOST_COPIES, axis=1)[:, :_MOST_COPIES], axis=1)
    near = ascending[:, :-1]
    ratios = np.where(near > 0, near, 1.0) / np.where(near > 0, ascending[:, 1:], 1.0)
    return _Near(rows, distances.argmin(axis=1), ratios)
