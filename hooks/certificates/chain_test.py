"""The interchange test of one recording: on the same rows at every checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from infoplane.hooks.certificates.budget import Budget
from infoplane.hooks.certificates.chain import certify, choose_pairs
from infoplane.hooks.certificates.chosen_rows import Pairs, how_many
from infoplane.hooks.certificates.exchanged_part import focus_of
from infoplane.hooks.probing.probe import Probe
from infoplane.hooks.recording.plan import Plan
from infoplane.types import Chain


class ChainTest:
    """Certifies a network as it is now, whenever it is asked.

    Args:
        model: the bare network.
        probe: its rows.
        plan: says which layers, and how the network is run.
    """

    def __init__(self, model: nn.Module, probe: Probe, plan: Plan) -> None:
        self._model, self._probe, self._plan = model, probe, plan
        self._focus = focus_of(plan.row_kind)
        self._pairs: Pairs | None = None
        self.beside_training = False
        """Whether the network trains: then a test has fewer rows."""

    def run(
        self, step: int, *, budget: Budget | None, skipped: Sequence[str] = (), shown: bool
    ) -> Chain:
        """Return the certificate of the weights as they are.

        Args:
            step: the checkpoint that they belong to.
            budget: what the test may cost; None for whatever it costs.
            skipped: layers that an earlier test did not reach.
            shown: whether progress is shown.
        """
        plan, options = self._plan, self._plan.options
        return certify(
            self._model,
            self._probe,
            plan.sites,
            mode=options.mode,
            autocast=options.autocast,
            pairs=self._rows,
            batch=plan.seen.fixed_rows,
            written=plan.seen.written,
            forward=options.forward,
            focus=self._focus,
            noise=options.noise,
            through=step,
            budget=budget,
            skipped=skipped,
            shown=shown,
        )

    def _rows(self) -> Pairs:
        """The rows of the test, chosen once."""
        probe, sites = self._probe, self._plan.sites
        if self._pairs is None:
            seen = self._plan.seen
            widest = max(seen.widest_bytes, seen.scores_bytes)
            count = how_many(self._model, probe, sites, widest_bytes=widest)
            self._pairs = choose_pairs(probe, self._focus, count, seen.fixed_rows)
        return self._pairs.beside_a_capture(probe, sites) if self.beside_training else self._pairs
