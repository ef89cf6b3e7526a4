"""Permutation bands that nobody asked for: where I(Z;Y) is mostly chance, the plane shows it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from numpy.random import Generator

from infoplane.analysis.estimators.dependent_rows import label_of_sample, samples_of
from infoplane.analysis.measuring.large_layers import is_large
from infoplane.analysis.measuring.plane_point import cell_rng, plane_points
from infoplane.analysis.measuring.records import RESULTS, identity_of
from infoplane.analysis.measuring.variables import label_variable, layer_variable
from infoplane.analysis.resampling.permutation_null import DRAWS, draws_for_symbols, permuted_rows
from infoplane.archive import Archive, ResultLog
from infoplane.contract import Estimator, Points, SharesLabels, Traits
from infoplane.errors import InfoplaneError
from infoplane.rows import row_codes
from infoplane.types import Variable

CHANCE = 0.5
"""I(Z;Y) of which shuffled labels give more than this share is mostly chance."""
LEAST_BITS = 0.05
"""What shuffled labels must give at least to matter."""


def draws_unasked(
    archive: Archive, fitted: Mapping[str, Sequence[Estimator]], log: ResultLog | None
) -> dict[str, int]:
    """Return how many label permutations each estimator needs, by its spec; 0 for none.

    `DRAWS` where labels have many symbols (see `draws_for_symbols`), and where one trial reads
    mostly chance, see `_mostly_chance`.

    Args:
        archive: the run.
        fitted: by layer, the estimators with their edges frozen.
        log: of trials, so that each is made once; None to keep nothing.
    """
    known = {} if log is None else log.read()
    draws: dict[str, int] = {}
    for several in zip(*fitted.values(), strict=True):
        layers = dict(zip(fitted, several, strict=True))
        first = several[0]
        draws[first.name] = draws_for_symbols(archive, first.traits)
        if draws[first.name] or archive.y is None or not _rises_with_few_rows(first.traits):
            continue
        key = _key(archive, layers)
        record = known.get(key, {})
        if not isinstance(record.get("draws"), int):
            record = {"draws": DRAWS if _mostly_chance(archive, layers) else 0}
            if log is not None:
                log.append(key, record)
        draws[first.name] = record["draws"]
    return draws


def _rises_with_few_rows(traits: Traits) -> bool:
    """Return whether few rows raise its numbers: neighbours and Gaussian fits correct for that."""
    return traits.measures == "coarsened" or traits.family == "exact codes"


def _mostly_chance(archive: Archive, layers: Mapping[str, Estimator]) -> bool:
    """Return whether shuffled labels give over half of I(Z;Y) in some layer at the last checkpoint.

    Labels are shuffled once. A layer at its ceiling has no vote: it is marked as such.

    Args:
        archive: the run.
        layers: by name, the estimator with its edges frozen.
    """
    return any(given > max(LEAST_BITS, CHANCE * bits) for bits, given in _trials(archive, layers))


def _trials(archive: Archive, layers: Mapping[str, Estimator]) -> Iterator[tuple[float, float]]:
    """Yield I(Z;Y) of layers below their ceiling, and what shuffled labels give, in bits."""
    step = archive.steps[-1]
    for layer, estimator in layers.items():
        if not archive.has(step, layer) or is_large(archive, layer):
            continue
        rng = cell_rng(0, step, layer, estimator.name)
        try:
            z = layer_variable(archive, step, layer, estimator)
            y = label_variable(archive, estimator)
            assert y is not None  # as the caller saw
            groups = samples_of(y) if label_of_sample(y) else None
            shuffled = y.take(permuted_rows(y.n, groups, rng))
            own, given = _readings(estimator, z, [y, shuffled], rng)
        except InfoplaneError:  # the cell itself will say why
            continue
        if own and given and not own[0][1].saturated:
            yield own[0][1].bits, given[0][1].bits


def _readings(
    estimator: Estimator, z: Variable, labels: Sequence[Variable], rng: Generator
) -> list[Points]:
    """Return the points of I(Z;Y) for each of these labels, from a shared pass where there is one.

    Args:
        estimator: with its edges frozen.
        z: the layer.
        labels: paired rows.
        rng: for estimators that draw.
    """
    symbols = all(y.kind == "discrete" for y in labels)
    if isinstance(estimator, SharesLabels) and symbols and z.kind == "continuous":
        return estimator.estimate_labels(z, [row_codes(y.values) for y in labels], rng=rng)
    return [plane_points(estimator, None, z, y, rng) for y in labels]


def _key(archive: Archive, layers: Mapping[str, Estimator]) -> str:
    """Name a trial: equal inputs have equal keys."""
    step = archive.steps[-1]
    parts = [RESULTS, archive.identity]
    for layer, estimator in layers.items():
        if archive.has(step, layer):
            parts += [layer, archive.content_key(step, layer), identity_of(estimator, 0)]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]
