"""One interchange test of a network, from its references to the certificate.

1. References: every layer on the rows x, and again with all that may change a row: other noise,
   other rows in the batch, other last bits.
2. Lines: one forward tells which layers are functions of the layer before them alone. A network
   that is one line is finished.
3. Exchanges: one layer after another returns its values for x while the rows x' run. Every layer is
   compared with what it gives for x and for x'. This ends when every pair is known, or the budget
   is spent.

`infoplane.hooks.certificates.chain` says what it is for.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from infoplane.display.progress import Advance, progress
from infoplane.errors import UnsupportedOutput
from infoplane.hooks.certificates.bench import Bench
from infoplane.hooks.certificates.budget import Spending
from infoplane.hooks.certificates.comparing import same
from infoplane.hooks.certificates.exchange import Exchange, Exchanged, LayerPairs
from infoplane.hooks.certificates.layer_values import LayerValues
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


@dataclass
class Findings:
    """What the exchanges have shown so far.

    Attributes:
        relations: how the layers relate to each other.
        shared_noise, fresh_noise: pairs of layers, see `Exchanged`.
        problems: by layer, why no value can be put into it.
    """

    relations: Relations
    shared_noise: LayerPairs = field(default_factory=list)
    fresh_noise: LayerPairs = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, exchanged: Exchanged) -> None:
        """Enter the exchange of one layer."""
        self.relations.tested[name] = exchanged.row
        self.shared_noise += exchanged.shared
        self.fresh_noise += exchanged.fresh

    def untested(self) -> tuple[str, ...]:
        """Return the layers of which something is unknown that an exchange would tell."""
        return tuple(name for name in self.relations.open() if name not in self.problems)


class Interchange:
    """One interchange test.

    Args:
        bench: the network and its layers.
        rows: the rows that are exchanged, and those that run meanwhile.
        spending: what it may cost.
        skipped: layers that are not exchanged, since an earlier test left them out.
        shown: whether progress is shown.
    """

    def __init__(
        self,
        bench: Bench,
        rows: TestRows,
        *,
        spending: Spending,
        skipped: Collection[str] = (),
        shown: bool = False,
    ) -> None:
        self._bench, self._rows = bench, rows
        self._spending, self._skipped, self._shown = spending, skipped, shown
        self._names = [site.name for site in bench.sites]

    def certificate(self, blank: Chain) -> Chain:
        """Return the chain of all pairs, as far as the budget goes."""
        with self._progress("interchange test, preparing", REFERENCE_FORWARDS) as advance:
            references = find_references(self._bench, self._rows, advance)
        chain = self._with_noise(blank, references)
        lines = self._find_lines(references)
        if lines is None or not lines.single:
            return self._by_exchanges(chain, references, lines)
        matrix = Relations(self._names, lines).matrix()
        return replace(chain, matrix=matrix, reason=self._constant_layers(lines.awake))

    def _find_lines(self, references: References) -> Lines | None:
        """None where a row may not be given what another row has."""
        if references.both is None or not self._bench.focus.movable:
            return None
        return find_lines(self._bench, self._rows, references.both)

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

    def _by_exchanges(self, chain: Chain, references: References, lines: Lines | None) -> Chain:
        """Exchange layer by layer until every pair is known or the budget is spent."""
        far = self._bench.values(self._rows.other)
        findings = self._exchange_layers(references, far, lines)
        awake = self._differing(references.plain, far)
        problems = [f"{name}: {text}" for name, text in findings.problems.items()]
        untested = findings.untested()
        reasons = [self._constant_layers(awake), *problems, self._left_out(untested)]
        return replace(
            chain,
            matrix=self._visible(findings.relations, awake),
            shared_noise=tuple(findings.shared_noise),
            fresh_noise=tuple(findings.fresh_noise),
            reason="; ".join(filter(None, reasons)),
            untested=untested,
        )

    def _exchange_layers(
        self, references: References, far: LayerValues, lines: Lines | None
    ) -> Findings:
        """Exchange every layer of which something is unknown.

        Args:
            references: what the layers give on the rows x.
            far: what they give on the rows x'.
            lines: which layers follow from each other.
        """
        exchange = Exchange(self._bench, self._rows, references, far)
        sites = {site.name: site for site in self._bench.sites}
        findings = Findings(Relations(self._names, lines))

        def exchange_one(name: str) -> None:
            if name in findings.problems or name in self._skipped or self._spending.exhausted:
                return
            try:
                findings.add(name, exchange.of(sites[name]))
            except UnsupportedOutput as error:
                findings.problems[name] = str(error)
            else:
                advance()

        with self._progress("interchange test, layers", len(self._names)) as advance:
            findings.relations.settle(exchange_one)
        return findings

    def _differing(self, plain: LayerValues, far: LayerValues) -> set[str]:
        """Return the layers that tell both sets of rows apart."""
        return {name for name in self._names if not same(plain[name], far[name])}

    def _constant_layers(self, awake: Collection[str]) -> str:
        """Say which layers gave the same for all rows."""
        blind = [name for name in self._names if name not in awake]
        return f"{_first_of(blind)} gave the same output for all test rows" if blind else ""

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
        return (
            f"{len(untested)} layers were not exchanged ({_first_of(list(untested))}): "
            f"{self._spending.budget} are spent; ip.certify(run, model) tests them"
        )


def _first_of(names: list[str]) -> str:
    """Up to six names."""
    return f"{names[:6]} and more" if len(names) > 6 else str(names)
