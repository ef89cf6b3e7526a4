"""The interchange test of one recording: as it begins, while the network trains, at its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from infoplane.hooks.certificates.budget import Budget
from infoplane.hooks.certificates.certificates import Certificates
from infoplane.hooks.certificates.chain_test import ChainTest
from infoplane.hooks.options import Options
from infoplane.hooks.probing.probe import Probe
from infoplane.hooks.recording.plan import Plan, uses_the_batch
from infoplane.hooks.recording.ranks import ProcessGroup
from infoplane.types import Chain


class Certification:
    """Tests which layers screen the input off from which, for one recording.

    Args:
        model: the bare network.
        probe: the samples.
        options: of the recording.
        team: this process's part in it.

    Attributes:
        chain: the certificate of the run; None where none was made.
    """

    def __init__(
        self, model: nn.Module, probe: Probe, options: Options, team: ProcessGroup
    ) -> None:
        self.chain: Chain | None = None
        self._model = model
        self._probe = probe
        self._options = options
        self._team = team
        self._shown = options.verbose and team.rank == 0
        self._test: ChainTest | None = None
        self._later: Certificates | None = None
        self._training = False

    def new_plan(self) -> None:
        """Forget the rows of the test: they belong to an earlier plan."""
        self._test = None

    def before_training(self, plan: Plan, step: int, earlier: Chain | None = None) -> None:
        """Certify the network as it is when the recorder attaches, if the options ask for it.

        Args:
            plan: what is captured.
            step: the checkpoint that the weights belong to; -1 where that is unknown.
            earlier: the certificate of the run that is being resumed.
        """
        if not self._options.chain:
            return
        chain = self._now(plan, step)
        if chain.coupled and self._options.mode == "eval":
            self._print_coupled(chain.coupled)
        if chain.reason and self._shown:
            print(f"  note: {chain.reason}", flush=True)
        if earlier is not None and earlier.layers == chain.layers:  # else the resuming is refused
            chain = earlier.joined(chain)
        self.chain = chain

    def begin(self, plan: Plan, run: tuple[Path, str] | None) -> None:
        """Certify again as the network trains, wherever this process can.

        Args:
            plan: what is captured.
            run: folder and identity of the run; None where another process writes.
        """
        self._training = True
        able = self._team.rank == 0 or self._team.probes_together
        if self.chain is not None and able and self._options.store == "activations":
            self._later = Certificates(lambda step: self._now(plan, step), self.chain, run)

    def captured(self, step: int, *, anew: bool) -> None:
        """A checkpoint was captured, and the network still has its weights.

        Args:
            step: the checkpoint.
            anew: whether what was certified before is no checkpoint of this training.
        """
        if self._later is None:
            return
        if anew:
            self._later.begin_again()
        self._later.captured(step)
        self.chain = self._later.chain

    def finish(self) -> None:
        """Certify the last weights, where this process can do so alone in the captures' mode."""
        later = self._later
        self.stop()
        if later is None or self._options.mode == "user" or self._team.probes_together:
            return
        later.finish()
        self.chain = later.chain

    def stop(self) -> None:
        """End it: nothing is certified any more."""
        self._later = None
        self._training = False

    def of_all_pairs(self, plan: Plan, step: int, *, shown: bool) -> Chain:
        """Return a certificate of every pair of layers, whatever it costs; nothing is stored."""
        return self._chain_test(plan).run(step, budget=None, shown=shown)

    def _now(self, plan: Plan, step: int) -> Chain:
        """The certificate of the network as it is, as that of a checkpoint."""
        budget = None if self._options.chain is True else Budget()
        skipped: Sequence[str] = ()
        if self._training and self.chain is not None:
            skipped = self.chain.untested
        shown = self._shown and not self._training
        return self._chain_test(plan).run(step, budget=budget, skipped=skipped, shown=shown)

    def _chain_test(self, plan: Plan) -> ChainTest:
        if self._test is None:
            self._test = ChainTest(self._model, self._probe, plan)
        self._test.beside_training = self._training
        return self._test

    def _print_coupled(self, layers: Sequence[str]) -> None:
        """Name layers whose rows depend on other rows, unless the plan has warned of them."""
        if not self._shown or any(map(uses_the_batch, self._model.modules())):
            return
        more = f" and {len(layers) - 5} more" if len(layers) > 5 else ""
        print(
            f"  note: {list(layers[:5])}{more}: rows depend on the other rows of their batch, "
            "or on their place in it, in eval mode too (statistics of the batch; a recurrent "
            "layer or an attention that takes samples for time, where batch_first=True is "
            "missing): what is captured depends on batch_size=",
            flush=True,
        )
