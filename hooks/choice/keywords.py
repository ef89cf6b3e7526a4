"""What ``layers="auto"`` and ``layers="all"`` stand for in a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from infoplane.errors import LayerNotExecuted
from infoplane.hooks.choice.auto import choose_layers
from infoplane.hooks.choice.candidates import Candidate, Network, Pick
from infoplane.hooks.choice.functional_activations import note_on_functional_activations
from infoplane.hooks.choice.kinds import is_leaf
from infoplane.hooks.choice.layer_calls import LayerCall, Trial
from infoplane.hooks.choice.named import ROOT, Named, named_modules
from infoplane.hooks.network.isolate import dtype_named
from infoplane.hooks.network.outputs import Selector

MOST_CALLS = 64
"""Calls of one module that are captured without being asked for one by one."""
_NOTHING = (
    "no layer of the model gives a tensor with one entry per row; "
    "name the layers and give select={name: lambda out: ...}"
)


def every_layer(trial: Trial) -> tuple[list[LayerCall], list[str]]:
    """Return every layer without parts that gives a usable tensor, and why others do not.

    The network itself is taken where there is none.

    Raises:
        LayerNotExecuted: nothing gives one.
    """
    modules = named_modules(trial.model)
    layers = trial.calls_of([(named, "output") for named in modules])
    table = {named.name: named.module for named in modules}
    leaves = [layer for layer in layers if is_leaf(layer.named.name, table)]
    usable = [layer for layer in leaves if layer.problem is None]
    if not usable:
        whole = [layer for layer in layers if layer.named.name == ROOT]
        usable = [layer for layer in whole if layer.problem is None]
    taken = [layer for layer in usable if _is_among(layer)]
    if not taken:
        raise LayerNotExecuted(_NOTHING)
    return taken, [str(layer.problem) for layer in leaves if layer.problem is not None]


def _is_among(layer: LayerCall) -> bool:
    """Whether a module does not run too often, or this is its last call."""
    return layer.calls <= MOST_CALLS or layer.call + 1 == layer.calls


def automatic_layers(trial: Trial) -> tuple[list[LayerCall], list[str]]:
    """Return what a researcher would pick, and why others are left out.

    See `infoplane.hooks.choice.auto`.

    Raises:
        LayerNotExecuted: nothing gives a usable tensor.
    """
    modules = named_modules(trial.model)
    layers = trial.calls_of([(named, "output") for named in modules])
    usable = [layer for layer in layers if layer.problem is None]
    if not usable:
        raise LayerNotExecuted(_NOTHING)
    table = {named.name: named.module for named in modules}
    network = Network(table, [_candidate(layer) for layer in usable], trial.flow())
    choice = choose_layers(network)
    inputs = _inputs_of(trial, modules, choice.picks)
    taken = _picked([*usable, *inputs], choice.picks)
    if not taken:
        raise LayerNotExecuted(_NOTHING)
    notes = [*choice.left_out, *_unusable(network, layers), *_guesses(taken)]
    return taken, notes + note_on_functional_activations(taken, network)


def _picked(layers: Sequence[LayerCall], picks: Sequence[Pick]) -> list[LayerCall]:
    """Those of the layers that were chosen, in the order of the choice and with its reasons."""
    shown = {(layer.name, layer.call): layer for layer in layers}
    taken = []
    for pick in picks:
        layer = shown.get((pick.name, pick.call))
        if layer is not None:
            layer.why = pick.why
            taken.append(layer)
    return taken


def _candidate(layer: LayerCall) -> Candidate:
    return Candidate(
        layer.named.name,
        layer.named.module,
        layer.call,
        layer.shape,
        dtype_named(layer.dtype).itemsize,
        layer.selector,
        layer.vague,
    )


def _inputs_of(trial: Trial, modules: Sequence[Named], picks: Sequence[Pick]) -> list[LayerCall]:
    """Return what the modules showed whose inputs were chosen."""
    inputs = [pick for pick in picks if pick.name.endswith(":input")]
    if not inputs:
        return []
    names = {pick.name.removesuffix(":input") for pick in inputs}
    selectors = {pick.name: pick.selector for pick in inputs if pick.selector is not None}
    select: Mapping[str, Selector] = {**trial.select, **selectors}
    trial = replace(trial, select=select)
    layers = trial.calls_of([(named, "input") for named in modules if named.name in names])
    return [layer for layer in layers if layer.problem is None]


def _unusable(network: Network, layers: Sequence[LayerCall]) -> list[str]:
    """Say of layers that would have been chosen why they were not."""
    failed = [layer for layer in layers if layer.problem is not None]
    if not failed:
        return []
    candidates = [
        Candidate(layer.named.name, layer.named.module, layer.call, ()) for layer in layers
    ]
    picks = choose_layers(replace(network, candidates=candidates)).picks
    picked = {(pick.name, pick.call) for pick in picks}
    return [str(layer.problem) for layer in failed if (layer.named.name, layer.call) in picked]


def _guesses(taken: Sequence[LayerCall]) -> list[str]:
    return [
        f"{layer.name!r} returns several tensors: {layer.selector!r} is taken; "
        f"select={{{layer.name!r}: ...}} takes another"
        for layer in taken
        if layer.guessed
    ]
