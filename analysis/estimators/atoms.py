"""Atoms apart from densities: the chain rule splits the information of mixed variables into parts that neighbours estimate well."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.estimators.entropies import counts_of, information_bits
from infoplane.analysis.estimators.ksg import Floats, mixed_bits, ross_bits
from infoplane.rows import row_codes

Codes = NDArray[np.int64]


def apart_bits(x: Floats, z: Floats, k: int) -> float:
    """I(X;Z) in bits of variables with atoms, shapes ``(n, dx)`` and ``(n, dz)``: ``I(A;B) + I(A;Z|B) + I(X;B|A) + I(X;Z|A,B)``.

    A says at which atom of X a row lies, or at none; B the same of Z. An atom is a value that more than k rows share. A is a function of X and B of Z, so
    that the sum is the chain rule, exactly. I(A;B) is a table's (Chao-Wang-Jost); labels against the rows of Z at no atom are Ross'; the last term is Gao's over rows at no
    atom on either side. Where Gao's form takes all rows at once, rows beside an atom count its members as neighbours in one variable though not in both, which
    costs 0.27 bit for a pair of units that are off together in 40 % of 2000 rows.
    """
    n = len(x)
    (a, at_a), (b, at_b) = _atoms(x, k), _atoms(z, k)
    total = information_bits(a, b, "cwj")
    for values, labels, at in ((z, a, at_b), (x, b, at_a)):
        rows = np.flatnonzero(~at)
        if len(rows) > k + 1 and (inside := row_codes(labels[rows][:, None])).max() > 0:
            total += len(rows) / n * ross_bits(values[rows], inside, k)
    rows = np.flatnonzero(~at_a & ~at_b)
    if len(rows) > k + 1:
        total += len(rows) / n * mixed_bits(x[rows], z[rows], k)
    return total


def _atoms(v: Floats, k: int) -> tuple[Codes, NDArray[np.bool_]]:
    """Symbols of the atoms, one more for all other rows; and which rows lie at an atom."""
    codes = row_codes(v)
    at = (counts_of(codes) > k)[codes]
    return row_codes(np.where(at, codes + 1, 0)[:, None]), at
