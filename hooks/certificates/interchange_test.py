"""One interchange test of a network: references, lines, exchanges.

`infoplane.hooks.certificates.chain` says what it is for.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import chain

from infoplane.display.progress import Advance, progress
from infoplane.errors import UnsupportedOutput
from infoplane.hooks.certificates.bench import Bench
from infoplane.hooks.certificates.budget import Spending
from infoplane.hooks.certificates.comparing import same
from infoplane.hooks.certificates.exchange import Exchange, Exchanged
from infoplane.hooks.certificates.lines import Lines, find_lines
from infoplane.hooks.certificates.references import (
    REFERENCE_FORWARDS,
    References,
    TestRows,
    find_references,
)
from infoplane.hooks.certificates.relations import Relations, Row
from infoplane.types import Chain, Relation

PROGRESS_SECONDS = 5.0
"""How often a log gets a line of a test that takes long."""


class Interchange:
    """One interchange test.

    Args:
        bench: the network and its layers.
        rows: the rows that are exchanged, and those that run meanwhile.
        tolerance: relative, see `certify`.
        spending: what it may cost.
        skipped: layers that are not exchanged, since an earlier test left them out.
        shown: whether progress is shown.
    """

    def __init__(
        self,
        bench: Bench,
        rows: TestRows,
        tolerance: float,
        *,
        spending: Spending,
        skipped: Collection[str] = (),
        shown: bool = False,
    ) -> None:
        self._bench, self._rows, self._tolerance = bench, rows, tolerance
        self._spending, self._skipped, self._shown = spending, skipped, shown
        self._names = [site.name for site in bench.sites]

    def certificate(self, blank: Chain) -> Chain:
        """Return the chain of all pairs, as far as the budget goes."""
        with self._progress("interchange test, preparing", REFERENCE_FORWARDS) as advance:
            found = find_references(self._bench, self._rows, self._tolerance, advance)
        certain = self._with_noise(blank, found)
        lines = None
        if found.both is not None and self._bench.focus.movable:
            lines = find_lines(self._bench, self._rows, found.both, self._tolerance)
            if lines.single:
                matrix = Relations(self._names, lines).matrix()
                return replace(certain, matrix=matrix, reason=self._asleep(lines.awake))
        return self._pair_by_pair(certain, found, lines)

    def _progress(self, label: str, total: int) -> AbstractContextManager[Advance]:
        return progress(label, total, shown=self._shown, every=PROGRESS_SECONDS)

    def _with_noise(self, blank: Chain, found: References) -> Chain:
        """The certificate with the layers that are no function of their row."""
        noisy = tuple(name for name in self._names if name in found.unsteady)
        drawn = found.random | found.carried
        coupled = tuple(name for name in noisy if name not in drawn)
        return replace(
            blank, rows=self._rows.count, rounding=found.rounding, noisy=noisy, coupled=coupled
        )

    def _asleep(self, awake: Collection[str]) -> str:
        """Say which layers gave the same for all rows."""
        blind = [name for name in self._names if name not in awake]
        return f"{blind} gave the same output for all test rows" if blind else ""

    def _pair_by_pair(self, certain: Chain, found: References, lines: Lines | None) -> Chain:
        """Exchange layer by layer until every pair is known or the budget is spent."""
        plain, far = found.plain, self._bench.run(self._rows.other)
        exchange = Exchange(self._bench, self._rows, found, plain, far, self._tolerance)
        relations = Relations(self._names, lines)
        sites = {site.name: site for site in self._bench.sites}
        exchanged: list[Exchanged] = []
        problems: dict[str, str] = {}

        def exchange_one(name: str) -> None:
            if name in problems or name in self._skipped or self._spending.exhausted:
                return
            try:
                found_here = exchange.of(sites[name])
            except UnsupportedOutput as error:
                problems[name] = str(error)
                return
            relations.tested[name] = found_here.row
            exchanged.append(found_here)
            advance()

        with self._progress("interchange test, layers", len(self._names)) as advance:
            relations.settle(exchange_one)
        untested = tuple(name for name in relations.open() if name not in problems)
        awake = {name for name in self._names if not same(plain[name], far[name], self._tolerance)}
        reasons = [self._asleep(awake)]
        reasons += [f"{name}: {text}" for name, text in problems.items()]
        reasons.append(self._left_out(untested))
        return replace(
            certain,
            matrix=self._visible(relations, awake),
            shared_noise=tuple(chain.from_iterable(one.shared for one in exchanged)),
            fresh_noise=tuple(chain.from_iterable(one.fresh for one in exchanged)),
            reason="; ".join(filter(None, reasons)),
            untested=untested,
        )

    def _visible(
        self, relations: Relations, awake: Collection[str]
    ) -> tuple[tuple[Relation, ...], ...]:
        """The matrix, ``unknown`` towards layers that gave the same for both sets of rows."""
        rows: list[tuple[Relation, ...]] = []
        for up, relations_of_up in zip(self._names, relations.matrix(), strict=True):
            row: Row = dict(zip(self._names, relations_of_up, strict=True))
            hidden: Row = {name: "unknown" for name in row if name not in awake and name != up}
            rows.append(tuple((row | hidden).values()))
        return tuple(rows)

    def _left_out(self, untested: Collection[str]) -> str:
        if not untested:
            return ""
        more = " and more" if len(untested) > 6 else ""
        return (
            f"{len(untested)} layers were not exchanged ({list(untested)[:6]}{more}): "
            f"{self._spending.budget} are spent; ip.certify(run, model) tests them"
        )
