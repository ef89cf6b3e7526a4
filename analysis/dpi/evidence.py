"""What is known about one pair of layers at one checkpoint: certificate, codes, saturation.

Codes are computed once and kept per step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from infoplane.analysis.dpi.certificate import rounding_of
from infoplane.analysis.dpi.exact_codes import NO_LEAK, Leak, conditional_entropy_bits, leak
from infoplane.analysis.measuring.freeze import edges_until, freeze_edges
from infoplane.analysis.measuring.variables import layer_values
from infoplane.analysis.units import carries_bits
from infoplane.archive import Archive
from infoplane.contract import NO_PROMISES, Estimator, HasCodes, Traits
from infoplane.errors import InfoplaneError, InputError
from infoplane.plane import Plane
from infoplane.rows import codes_of_digests
from infoplane.types import Chain, Finding
from infoplane.types.arrays import Digests, Ids

EXACT = "exact"
"""The spec whose codes prove or break a chain."""


def archive_of(plane: Plane, limits: list[str], *, check: bool = True) -> Archive | None:
    """Return the archive that a plane was measured from.

    None where it is not at hand.

    Args:
        plane: what was measured.
        limits: a sentence on why there is none is added.
        check: as for `open_archive`.

    Raises:
        InputError: the user says where the run is, and another one lies there.
    """
    from infoplane.archive import open_archive

    path = plane.run_path
    if path is None or not path.exists():
        limits.append(
            "exact codes: the archive behind this plane is not at hand, or not beside its file; "
            "give archive= (--run) to test for broken pipelines"
        )
        return None
    try:
        archive = open_archive(path, check=check)
        if plane.row_info.label in archive.labels:
            archive = archive.with_label(plane.row_info.label)
    except InfoplaneError as error:
        if plane.run is not None:  # its user says that it lies there
            raise
        limits.append(f"exact codes: {error}")
        return None
    if archive.run_uuid != plane.provenance.get("run_uuid", archive.run_uuid):
        if plane.run is not None:
            raise InputError(f"{path} is another run than the one that the plane was made of")
        limits.append(f"exact codes: {path} is another run than the one measured")
        return None
    return archive


class Evidence:
    """Certificate, reductions and (where the archive is at hand) activations behind a plane.

    Holds the codes of one step at a time.
    """

    def __init__(self, plane: Plane, archive: Archive | None) -> None:
        self.plane, self.archive = plane, archive
        self._step: int | None = None
        self._codes: dict[tuple[str, str], Ids | None] = {}
        self._parsed: dict[str, Estimator | None] = {}  # None when its plug-in is not installed
        self._unknown: set[str] = set()
        self._frozen: dict[str, dict[str, Estimator]] = {}  # by spec and layer

    def estimator(self, spec: str) -> Estimator | None:
        """Return the estimator behind a spec; None when it cannot be made here."""
        if spec not in self._parsed:
            from infoplane.analysis.estimators.spec import parse

            try:
                self._parsed[spec] = parse(spec)
            except InfoplaneError:
                self._parsed[spec] = None
                self._unknown.add(spec)
        return self._parsed[spec]

    def traits(self, spec: str) -> Traits:
        """Return the traits behind a spec; no promises where it cannot be made here."""
        estimator = self.estimator(spec)
        return NO_PROMISES if estimator is None else estimator.traits

    def fitted(self, spec: str, layer: str) -> Estimator | None:
        """Return the estimator with its edges frozen as for the plane, where its rule asks for it.

        None without the archive.
        """
        estimator = self.estimator(spec)
        if estimator is None or estimator.traits.edges == "none":
            return estimator
        if self.archive is None:
            return None
        if spec not in self._frozen:
            until = edges_until(self.plane)
            until = self.plane.steps[-1] if until is None else until
            found = freeze_edges([estimator], self.archive, until=until)
            self._frozen[spec] = {name: frozen for name, (frozen,) in found.items()}
        return self._frozen[spec][layer]

    def limits(self) -> list[str]:
        """Return sentences on what could not be judged."""
        plane = self.plane
        sentences = []
        if plane.chain is None:
            sentences.append(
                "pairs of layers: no chain certificate in the archive, so no pair is comparable"
            )
        elif plane.chain.reason:
            sentences.append(f"pairs of layers: {plane.chain.reason}")
        if plane.chain is not None and plane.chain.declared:
            sentences.append(
                "whether each layer is computed from the layers before it as declared: this was "
                "not tested and is taken on your word"
            )
        if plane.chain is not None and plane.chain.noisy:
            sentences.append(
                f"{', '.join(plane.chain.noisy)}: random "
                f"({plane.chain.versions.get('mode', 'eval')} mode): two forwards of the same rows "
                "differ (noise is drawn, or rows depend on other rows: of their batch, or of the "
                "one before), so that rows equal upstream may differ there and are not held "
                "against each other"
            )
        skipped = [spec for spec in plane.estimators if self.traits(spec).dpi_exempt]
        if skipped:
            sentences.append(
                f"{', '.join(skipped)}: usable information may grow with depth, the inequality "
                "does not apply"
            )
        dimensionless = [spec for spec in plane.estimators if not carries_bits(plane, spec)]
        if dimensionless:
            sentences.append(
                f"{', '.join(dimensionless)}: no bits, laws of information do not concern them"
            )
        if self._unknown:
            sentences.append(
                f"{', '.join(sorted(self._unknown))}: not installed here, taken as breaking the "
                "chain"
            )
        if plane.failures:
            sentences.append(
                f"{len(plane.failures)} cells could not be measured, first: "
                f"{plane.failures[0].message}"
            )
        return sentences

    def has_codes(self, spec: str) -> bool:
        """Return whether a value of this estimator is the information of codes.

        A corrected one is not: it is resampled as a whole.
        """
        estimator = self.estimator(spec)
        return isinstance(estimator, HasCodes) and estimator.traits.obeys_bounds

    def codes(self, step: int, layer: str, spec: str) -> Ids | None:
        """Return the codes of a layer, shape ``(n,)``; None where there are none.

        Args:
            step, layer: where.
            spec: of an estimator that has cells.
        """
        if self.archive is None or not self.archive.has(step, layer):
            return None
        if step != self._step:
            self._step, self._codes = step, {}
        if (layer, spec) not in self._codes:
            self._codes[layer, spec] = self._codes_of(self.archive, step, layer, spec)
        return self._codes[layer, spec]

    def _codes_of(self, archive: Archive, step: int, layer: str, spec: str) -> Ids | None:
        if spec == EXACT:
            return codes_of_rows(archive.row_digests(step, layer))
        estimator = self.fitted(spec, layer) if self.has_codes(spec) else None
        if not isinstance(estimator, HasCodes):
            return None
        return estimator.codes(layer_values(archive, step, layer))

    def leaks(self, step: int, pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, Leak]]:
        """Return `leak` of the pairs that were captured at this step.

        In the order of `certified_pairs` few are computed: what follows from what follows from it
        follows from it.
        """
        follows: dict[str, set[str]] = {}  # the layers whose codes those of this one follow from
        for up, down in pairs:
            above = follows.setdefault(down, set())
            found = NO_LEAK if up in above else self.leak(step, up, down)
            if found is None:
                continue
            if found.surplus_bits <= 0:
                above |= {up} | follows.get(up, set())
            yield up, down, found

    def leak(self, step: int, up: str, down: str) -> Leak | None:
        """Return the exact-code leak of a certified pair.

        None where a layer was not captured at this step.

        Args:
            step: the checkpoint.
            up, down: the layers, upstream and downstream.
        """
        upstream = self.codes(step, up, EXACT)
        return None if upstream is None else self.leak_from(upstream, step, down)

    def leak_from(self, upstream: Ids, step: int, layer: str) -> Leak | None:
        """Return what the exact codes of a layer say that codes upstream do not.

        None where the layer was not captured at this step.

        Args:
            upstream: codes of another layer or of the inputs, shape ``(n,)``.
            step, layer: where.
        """
        downstream = self.codes(step, layer, EXACT)
        if downstream is None or self.archive is None:
            return None
        if conditional_entropy_bits(downstream, upstream) <= 0:
            return NO_LEAK
        values = None
        if self.plane.reductions.get(layer, "none") == "none":
            values = self.archive.z(step, layer).reshape(len(downstream), -1)
        return leak(upstream, downstream, values, tolerance=rounding_of(self.plane.chain, layer))


ON_YOUR_WORD = "on your word: the chain is declared, not tested"


def name_declared(findings: Sequence[Finding], chain: Chain | None) -> list[Finding]:
    """Say of every judged pair that rests on a declared chain that it does."""
    if chain is None or not chain.declared:
        return list(findings)
    named = []
    for finding in findings:
        declared = chain.relation(finding.upstream, finding.downstream) == "declared"
        text = f"{finding.explanation} ({ON_YOUR_WORD})" if declared else finding.explanation
        named.append(replace(finding, explanation=text))
    return named


def codes_of_rows(digests: Digests) -> Ids:
    """Return `codes_of_digests`.

    Rows that all differ, as those of most layers do, are coded without anything compiled, which
    takes a fifth of a second to load.
    """
    halves = np.sort(digests[:, 0])
    if (halves[1:] == halves[:-1]).any():
        return codes_of_digests(digests)
    return np.arange(len(digests))
