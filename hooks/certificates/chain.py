"""The interchange test: which layers screen the input off from which.

It is made on the live network with hooks alone.

Module order does not tell it (skip connections, branches, pooled views). The network runs on other
inputs x' while layer i is made to return what it returned for x. Then for every layer j: its output
equals that for x: i **cuts** X from j; it equals that for x': there is **no path** from i to j;
anything between: **partial**, i is bypassed.

Neighbours first: in one forward every layer is given the values of rows of its own. Where each
layer then gives what the layer before it was given, all pairs are cut, since a function of a
function is one. With k rows x a plain network of up to 2 k layers costs eight forwards of x, and
every further 2 k - 1 layers cost two. Any other falls into such lines. First and last layer of
every line are exchanged, one forward each (with noise up to five), then those between them whose
relations do not follow, half by half, until the `Budget` is spent. What is not tested then stays
``unknown``, and `Chain.untested` names the layers.

A network with noise is run with the random streams re-seeded at the moment layer i fires. If layer
j, given a Z_i that has noise, still depends on the noise drawn before that moment, both **share
noise** (a tied dropout mask) and the pair is no Markov chain; if it depends on the noise drawn
afterwards, or Z_i has none, the noise is **fresh**. Rows that depend on the other rows of the batch
are noise of this kind too, in every mode.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import torch
from torch import nn

from infoplane.hooks.certificates.bench import BEFORE, Bench
from infoplane.hooks.certificates.budget import Budget, Spending
from infoplane.hooks.certificates.chosen_rows import Pairs, how_many
from infoplane.hooks.certificates.comparing import TOLERANCE
from infoplane.hooks.certificates.exchanged_part import Focus, WholeSamples
from infoplane.hooks.certificates.interchange_test import Interchange
from infoplane.hooks.certificates.references import TestRows
from infoplane.hooks.network.isolate import Isolation, Mode
from infoplane.hooks.network.sites import Site
from infoplane.hooks.options import Noise
from infoplane.hooks.probing.probe import Forward, Probe
from infoplane.types import Chain


def certify(
    model: nn.Module,
    probe: Probe,
    sites: Sequence[Site],
    *,
    mode: Mode = "eval",
    autocast: torch.dtype | None = None,
    rows: int | None = None,
    pairs: Callable[[], Pairs] | None = None,
    batch: int | None = None,
    written: Collection[str] | None = None,
    forward: Forward | None = None,
    focus: Focus | None = None,
    noise: Noise = "undeclared",
    through: int | None = None,
    budget: Budget | None = None,
    skipped: Collection[str] = (),
    shown: bool = False,
) -> Chain:
    """Return the `Chain` of these sites.

    Never fails: what cannot be tested is ``unknown``, and ``reason`` says why.

    Args:
        model: the bare network.
        probe: rows to choose from.
        sites: in the order in which they fire.
        mode: as for the recorder.
        autocast: as for the recorder.
        rows: rows x, and as many rows x'; 4 to 8 of a large network and up to 128 of a small one
            when left out.
        pairs: gives the rows themselves, where the caller chooses them.
        batch: rows of a forward, where the network takes no other number.
        written: what forwards write into, see `infoplane.hooks.network.network_state.NetworkState`.
        forward: as for the recorder.
        focus: what a row is; whole samples when left out.
        noise: as declared to the recorder; it is passed on.
        through: the checkpoint whose weights the network has.
        budget: what the test may cost; every pair is tested when left out.
        skipped: layers that are not exchanged, since an earlier test left them out.
        shown: whether progress is shown.
    """
    focus = WholeSamples() if focus is None else focus
    names = tuple(site.name for site in sites)
    blank = Chain(
        names,
        tuple(tuple("unknown" for _ in names) for _ in names),
        TOLERANCE,
        probe.n,
        versions={"torch": torch.__version__, "mode": mode},
        through=through,
        noise=noise,
    )
    if probe.n < 2:
        return _without(blank, "the interchange test needs at least two probe rows")
    try:
        isolation = Isolation(model, mode=mode, seed=BEFORE, autocast=autocast, written=written)
        with isolation.entered() as state:
            if pairs is None:
                count = rows or how_many(model, probe, sites)
                chosen = choose_pairs(probe, focus, count, batch)
            else:
                chosen = pairs()
            test_rows = TestRows(probe, chosen.x, chosen.other)
            spending = Spending(budget, test_rows.count)
            bench = Bench(
                model, sites, forward, focus, state=state, batch=batch, count=spending.add
            )
            test = Interchange(bench, test_rows, spending=spending, skipped=skipped, shown=shown)
            return test.certificate(blank)
    except (
        Exception
    ) as error:  # a network that cannot run on a few rows still trains; the certificate says so
        return _without(blank, f"the interchange test failed: {type(error).__name__}: {error}")


def choose_pairs(probe: Probe, focus: Focus, count: int, batch: int | None) -> Pairs:
    """About ``count`` pairs of rows to exchange; no more than half of a batch of fixed size."""
    return Pairs(*focus.samples(probe, count if batch is None else min(count, batch // 2)))


def _without(blank: Chain, reason: str) -> Chain:
    return replace(blank, reason=reason, through=-1 if blank.through is not None else None)
