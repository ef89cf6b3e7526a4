"""Variational estimators.

A critic network trained on half of the rows, its bound read off the other half. torch runs where
the user says.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from infoplane.analysis.estimators.copies import without_copies
from infoplane.analysis.estimators.critic import (
    Critic,
    PairedRows,
    dv_nats,
    infonce_nats,
    js_objective,
    nwj_nats,
    smile_nats,
)
from infoplane.analysis.estimators.dependent_rows import (
    copies_as_samples,
    first_half,
    sample_by_sample,
    samples_of,
)
from infoplane.analysis.estimators.entropies import LN2
from infoplane.analysis.estimators.ksg import CONSTANT
from infoplane.analysis.estimators.neighbour_rows import symbol_entropy
from infoplane.analysis.estimators.of_vectors import OfVectors
from infoplane.analysis.estimators.rank_scores import standard_columns
from infoplane.contract import Traits
from infoplane.errors import EstimatorError, InputError
from infoplane.rows import codes_of
from infoplane.types import Bound, Estimate, Variable
from infoplane.types.arrays import Ids

_INNER = 0.15
"""Share of the training rows that stop the training early."""
_PATIENCE = 8
"""Epochs without a better critic after which training stops."""
_APART = 0.3
"""Bits by which two readings of one density ratio may differ."""
MOST_CLASSES = 256


@dataclass(frozen=True)
class Variational(OfVectors):
    """What the variational estimators share; see each for its bound.

    Attributes:
        batch: pairs per step: K of InfoNCE's ceiling log2 K.
        seeds: critics trained from different starts; the mean and its standard error are reported.
        hidden: units of the critic.
        epochs: at most so many; stopped early on an inner 15 % of the training half, never on the
            test half.
        device: where torch runs; never run on a GPU by us.
    """

    batch: int = 128
    seeds: int = 3
    hidden: int = 64
    epochs: int = 60
    device: str = "cpu"

    _FIRST = "batch"

    _TITLE = "I variational"
    _AXIS = "{self._TITLE}({pair}) >= [bits], held out, N={n}"
    traits = Traits(
        family="variational",
        measures="bound",
        x_as="values",
        bound="lower bound in expectation (held out)",
        validity="needs thousands of rows; falls short of large I; random training",
    )

    def __post_init__(self) -> None:
        if self.batch < 4 or self.seeds < 1 or self.hidden < 1 or self.epochs < 1:
            raise InputError(
                f"expected batch >= 4 and seeds, hidden, epochs >= 1, got batch={self.batch}, "
                f"seeds={self.seeds}, hidden={self.hidden}, epochs={self.epochs}"
            )

    @staticmethod
    def objective(scores: Tensor) -> Tensor:
        """Return what training maximises, in nats, from the scores of a batch."""
        raise NotImplementedError

    def read(self, scores: Tensor) -> Tensor:
        """Return the estimate in nats from the scores of a held-out batch."""
        return self.objective(scores)

    def ceiling(self, a: Variable, b: Variable) -> float | None:
        """Return the largest information there can be, in bits; None where it has no end."""
        return symbol_entropy(a, b)

    _BOUND: ClassVar[Bound] = "lower"

    def estimate(self, a: Variable, b: Variable, *, rng: Generator | None = None) -> Estimate:
        """Estimate I(a;b) in bits, the mean over critics of their values on held-out rows.

        Args:
            a: shape ``(n, da)``.
            b: shape ``(n, db)``; at least one of them is continuous.
            rng: of halves and critics; seed 0 without.

        Raises:
            EstimatorError: too few rows, two discrete variables, more than 256 symbols, a diverged
                critic.
        """
        self.require_supported(a, b)
        n = a.n
        a, b, copied = without_copies(a, b)
        a, b, repeated = copies_as_samples(a, b)
        copied += repeated
        if any((v.values == v.values[0]).all() for v in (a, b)):
            return self._result(0.0, n, (*copied, CONSTANT))
        if a.n < 4 * self.batch:
            raise EstimatorError(
                f"{self.name}: expected at least {4 * self.batch} rows for batches of "
                f"{self.batch}, got {a.n}"
            )
        rng = rng or np.random.default_rng(0)
        rows = PairedRows(self._tensor(a), self._tensor(b), samples_of(a, b))
        values = [self.fit_and_read(rows, rng) for _ in range(self.seeds)]
        bits = float(np.mean(values))
        if not np.isfinite(bits):
            raise EstimatorError(
                f"{self.name}: the critic diverged; use more rows, a smaller network or infonce"
            )
        notes = (*copied, "interval over critics only")
        found = self._result(bits, n, notes, self.ceiling(a, b))
        if self.seeds == 1:
            return found
        return found.with_error(float(np.std(values, ddof=1) / np.sqrt(self.seeds)))

    def _result(
        self, bits: float, n: int, notes: tuple[str, ...], ceiling: float | None = None
    ) -> Estimate:
        return Estimate(
            bits,
            n,
            self.name,
            "lower" if self.traits.measures == "bound" else "point",
            ceiling_bits=ceiling,
            target="population",
            notes=notes,
            bound=self._BOUND,
        )

    def _tensor(self, v: Variable) -> Tensor:
        return torch.as_tensor(critic_features(v, self.name), device=self.device)

    def fit_and_read(self, rows: PairedRows, rng: Generator) -> float:
        """Return the bits of a critic trained on one random half and read on the other."""
        return self._directed(rows, *_random_halves(rows, rng), rng)

    def _directed(self, rows: PairedRows, fit: Ids, test: Ids, rng: Generator) -> float:
        """Return the bits of a critic trained on some rows and read on others.

        It is stopped early by an inner part of the former.

        Args:
            rows: all of them.
            fit: numbers of those to train on.
            test: numbers of those to read.
            rng: of the critic and the batches.
        """
        inner = max(self.batch, int(_INNER * len(fit)))
        train = fit[inner:]
        if len(train) < self.batch:
            train = fit
        seed = int(rng.integers(2**31))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            critic = Critic(rows.a.shape[1], rows.b.shape[1], self.hidden).to(self.device)
        with torch.enable_grad():
            self.train(critic, rows, train, fit[:inner], np.random.default_rng(seed))
        with torch.no_grad():
            return self.held_out_nats(critic, rows, test) / LN2

    def train(
        self, critic: Critic, rows: PairedRows, train: Ids, stop: Ids, generator: Generator
    ) -> None:
        """Train a critic; leave it as it was best on the rows that stop it.

        Args:
            critic: changed in place.
            rows: all of them.
            train: numbers of those to train on.
            stop: numbers of those that say when to stop.
            generator: of the batches.
        """
        optimiser = torch.optim.Adam(critic.parameters(), lr=2e-3, weight_decay=1e-5)
        best = -np.inf
        best_state = copy.deepcopy(critic.state_dict())
        waited = 0
        for _ in range(self.epochs):
            for a, b in rows.batches(generator.permutation(train), self.batch):
                loss = -self.objective(critic(a, b))
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch has no type here
                nn.utils.clip_grad_norm_(critic.parameters(), 5.0)
                optimiser.step()
            with torch.no_grad():
                now = self._average(critic, rows, stop, self.objective)
            waited += 1
            if now > best:
                best = now
                best_state = copy.deepcopy(critic.state_dict())
                waited = 0
            elif waited >= _PATIENCE:
                break
        critic.load_state_dict(best_state)

    def _average(
        self, critic: Critic, rows: PairedRows, chosen: Ids, read: Callable[[Tensor], Tensor]
    ) -> float:
        """Return the mean over batches of what is read of their scores."""
        batches = rows.batches(chosen, self.batch)
        return float(np.mean([float(read(critic(a, b))) for a, b in batches]))

    def held_out_nats(self, critic: Critic, rows: PairedRows, test: Ids) -> float:
        """Return the estimate in nats from held-out rows."""
        return self._average(critic, rows, test, self.read)


def _random_halves(rows: PairedRows, rng: Generator) -> tuple[Ids, Ids]:
    order = rng.permutation(len(rows.a))
    if rows.samples is None:
        half = len(order) // 2
        return order[:half], order[half:]
    order = sample_by_sample(order, rows.samples, rng)
    half = first_half(order, rows.samples)
    return rng.permutation(order[:half]), rng.permutation(order[half:])


def critic_features(v: Variable, name: str) -> NDArray[np.float32]:
    """Return standardised values or indicators of symbols, shape ``(n, dim)``.

    Raises:
        EstimatorError: more than 256 symbols.
    """
    if v.kind == "continuous":
        return standard_columns(v.values).astype(np.float32)
    codes = codes_of(v)
    if codes.max() >= MOST_CLASSES:
        raise EstimatorError(
            f"{name}: {v.name} has {codes.max() + 1} symbols; a critic takes labels (at most "
            f"{MOST_CLASSES}), not row ids"
        )
    return np.eye(int(codes.max()) + 1, dtype=np.float32)[codes]


@dataclass(frozen=True)
class InfoNCE(Variational):
    """Bound I(A;B) from below by InfoNCE (van den Oord et al. 2018, arXiv 1807.03748).

    ``log K + <f_ii - log sum_j exp f_ij>`` over batches of K held-out pairs, in bits; it cannot
    exceed log2(batch).

    When it lies: any I above log2(batch) - 1 reads as the ceiling, which is stored with the
    estimate.
    """

    traits = replace(Variational.traits, target="variational lower bound, at most log2(batch)")
    _TITLE = "I_NCE"
    _PREFIX = "infonce"

    objective = staticmethod(infonce_nats)

    def ceiling(self, a: Variable, b: Variable) -> float | None:
        """Return log2(batch), or the entropy of labels where that is less."""
        of_labels = super().ceiling(a, b)
        of_batch = float(np.log2(self.batch))
        return of_batch if of_labels is None else min(of_batch, of_labels)


@dataclass(frozen=True)
class NWJ(Variational):
    """Bound I(A;B) from below by Nguyen, Wainwright & Jordan (2010).

    ``E_joint f - E_product e^(f-1)`` on held-out rows, in bits.

    When it lies: the variance grows like e^I; far below the truth above a few bits.
    """

    traits = replace(Variational.traits, target="variational lower bound")
    _TITLE = "I_NWJ"
    _PREFIX = "nwj"

    objective = staticmethod(nwj_nats)


@dataclass(frozen=True)
class MINE(Variational):
    """Estimate I(A;B) by MINE (Belghazi et al. 2018, arXiv 1801.04062).

    Donsker-Varadhan, ``E_joint f - log E_product e^f``, on held-out batches, in bits.

    When it lies: the logarithm of a mean over a batch makes it slightly too high, so that it is no
    bound.
    """

    traits = replace(
        Variational.traits,
        target="Donsker-Varadhan bound",
        bound="lower bound in the limit of large batches",
    )
    _TITLE = "I_MINE"
    _PREFIX = "mine"
    _BOUND = "none"

    objective = staticmethod(dv_nats)


@dataclass(frozen=True)
class SMILE(Variational):
    """Estimate I(A;B) by SMILE (Song & Ermon 2020, arXiv 1910.06222).

    A critic trained by Jensen-Shannon, read by ``E_joint f - log E_product e^clip(f, -tau, tau)``.

    Attributes:
        tau: nats at which the product term is clipped.

    When it lies: clipping trades variance for a bias of either sign: no bound.
    """

    tau: float = 5.0

    traits = replace(
        Variational.traits,
        measures="information",
        target="clipped Donsker-Varadhan",
        bound="none (clipping)",
    )
    _TITLE = "I_SMILE"
    _PREFIX = "smile"
    _BOUND = "none"

    objective = staticmethod(js_objective)

    def read(self, scores: Tensor) -> Tensor:
        """Clipped DV."""
        return smile_nats(scores, self.tau)


@dataclass(frozen=True)
class DensityRatio(Variational):
    """Estimate I(A;B) by a classifier of joint against product, read two ways that must agree.

    Its logit f is the log density ratio.

    Plug-in ``E_joint f`` and Donsker-Varadhan ``E_joint f - log E_product e^f``, both on held-out
    rows. They agree when the ratio is normalised; when they part by more than 0.3 bit the estimate
    is refused. Cross-fitted: both halves of the rows are trained on and read, in turn, so that
    every row is held out once.

    When it lies: as the bound of its read-out, short of large I; the two may agree and both be
    short.

    Raises:
        EstimatorError: the two read-outs differ by more than 0.3 bit.
    """

    traits = replace(
        Variational.traits,
        measures="information",
        target="cross-fitted density ratio, Donsker-Varadhan read-out",
        bound="lower bound in the limit of large batches",
    )
    _TITLE = "I ratio"
    _PREFIX = "ratio"
    _BOUND = "none"

    objective = staticmethod(js_objective)

    def fit_and_read(self, rows: PairedRows, rng: Generator) -> float:
        """Return the mean bits of two critics: each half is trained on and read in turn."""
        first, second = _random_halves(rows, rng)
        forth = self._directed(rows, first, second, rng)
        return (forth + self._directed(rows, second, first, rng)) / 2

    def held_out_nats(self, critic: Critic, rows: PairedRows, test: Ids) -> float:
        """Return Donsker-Varadhan's reading in nats; refuse one that the plug-in contradicts."""
        plug_in = self._average(critic, rows, test, lambda scores: scores.diagonal().mean())
        bound = self._average(critic, rows, test, dv_nats)
        if abs(plug_in - bound) > _APART * LN2:
            raise EstimatorError(
                f"{self.name}: the two read-outs of one density ratio differ, "
                f"{plug_in / LN2:.2f} and {bound / LN2:.2f} bits: too few rows for this "
                "dependence; take more rows or another family"
            )
        return bound
