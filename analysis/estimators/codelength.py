"""Length of an online code of the labels (Voita & Titov 2020)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from infoplane.analysis.estimators.dependent_rows import (
    copies_as_samples,
    sample_by_sample,
    samples_of,
)
from infoplane.analysis.estimators.surprise import (
    generator_of,
    predictor_columns,
    surprise_of_symbols,
)
from infoplane.analysis.estimators.vinfo import VInformation, usable_estimator
from infoplane.errors import EstimatorError
from infoplane.rows import codes_of
from infoplane.types import Variable, require_same_rows


@dataclass(frozen=True)
class CodeLength:
    """Length of an online code of the labels given Z.

    Voita & Titov 2020, arXiv 2003.12298, eq. 3.

    Attributes:
        bits: total code length of all labels in bits.
        uniform_bits: length under the uniform code, ``n log2 K``.
        blocks: number of rows up to which each block reaches.
        block_bits: code length of each block in bits.
    """

    bits: float
    uniform_bits: float
    blocks: tuple[int, ...]
    block_bits: tuple[float, ...]

    @property
    def compression(self) -> float:
        """How many times shorter than the uniform code."""
        return self.uniform_bits / self.bits


_SHARES = (0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1.0)


def mdl_online_code(
    z: Variable,
    y: Variable,
    *,
    estimator: str | VInformation | None = None,
    rng: np.random.Generator | None = None,
) -> CodeLength:
    """Count the bits to send the labels block by block, each coded by a probe of earlier ones.

    ``L = t_1 log2 K - sum_i log2 p_i(block i+1 | Z)``: a layer whose labels are easy to learn from
    few rows gets a short code, which plain accuracy cannot show.

    Args:
        z: the layer, shape ``(n, dim)``.
        y: discrete labels, shape ``(n,)``.
        estimator: a spec of vinfo or its estimator; the linear family by default.
        rng: of the row order and the fits; seed 0 without.

    Raises:
        EstimatorError: continuous labels or fewer than 40 rows.
    """
    used = usable_estimator(estimator)
    generator = generator_of(rng)
    require_same_rows(z, y)
    if y.kind != "discrete" or y.n < 40:
        raise EstimatorError(
            f"the online code needs discrete labels and at least 40 rows, got {y.kind} labels and "
            f"{y.n} rows"
        )
    z, y, _ = copies_as_samples(z, y)  # a probe that saw one copy knows the others
    codes = codes_of(y)
    columns = predictor_columns(z)
    bits_of_label = float(np.log2(int(codes.max()) + 1))
    order = generator.permutation(y.n)
    order = sample_by_sample(order, samples_of(y), generator)
    ends = sorted({max(32, round(share * y.n)) for share in _SHARES})
    lengths = [ends[0] * bits_of_label]
    for start, stop in itertools.pairwise(ends):
        earlier = order[:start]
        _, bits = surprise_of_symbols(columns, codes, earlier, order[start:stop], used, generator)
        lengths.append(float(bits.sum()))
    return CodeLength(float(sum(lengths)), y.n * bits_of_label, tuple(ends), tuple(lengths))
