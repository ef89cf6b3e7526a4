"""Which layers to capture.

Names, globs, types, predicates, operations, ``"auto"`` or ``"all"``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from infoplane.errors import InputError, LayerNotExecuted
from infoplane.hooks.choice.keywords import MOST_CALLS, automatic_layers, every_layer
from infoplane.hooks.choice.layer_calls import LayerCall, Trial
from infoplane.hooks.choice.named import ROOT, named_modules
from infoplane.hooks.choice.operation_calls import operation_sites
from infoplane.hooks.choice.requests import LayerRequest, Layers, all_names, find_requests, listed
from infoplane.hooks.network.operations import means_operation
from infoplane.hooks.network.outputs import Selector
from infoplane.hooks.network.sites import Site, attached, selectors
from infoplane.hooks.probing.inputs import Inputs, map_tensors
from infoplane.hooks.probing.probe import Forward, call


@dataclass(frozen=True, eq=False)
class Survey:
    """What one forward over a few rows showed.

    Attributes:
        sites: the sites to capture, in order of execution.
        silent: modules that were matched and never ran.
        notes: sentences for the user: what was left out and why.
    """

    sites: tuple[Site, ...]
    silent: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def survey(
    model: nn.Module,
    layers: Layers,
    inputs: Inputs,
    n: int,
    *,
    other: tuple[Inputs, int] | None = None,
    select: Mapping[str, Selector] | None = None,
    forward: Forward | None = None,
) -> Survey:
    """Run the model on ``n`` rows and find the sites to capture. The caller isolates the model.

    Args:
        model: the network.
        layers: what to capture.
        inputs: of ``n`` rows.
        n: how many.
        other: inputs of another number of rows, and that number: it tells the axis of the rows.
        select: as for the recorder.
        forward: as for the recorder.

    Raises:
        LayerNotFound: a pattern matches no module.
        LayerNotExecuted: a module asked for by name never ran.
        UnsupportedOutput: a layer asked for has no single tensor to store.
    """
    trial = Trial(model, inputs, n, other, forward, dict(select or {}))
    if isinstance(layers, Sequence) and not isinstance(layers, str) and "auto" in layers:
        automatic = _surveyed(trial, "auto").sites
        trial = replace(trial, select={**selectors(automatic), **trial.select})
        others = [pattern for pattern in layers if pattern != "auto"]
        layers = [*(site.name for site in automatic), *others]
    return _surveyed(trial, layers)


def _surveyed(trial: Trial, layers: Layers) -> Survey:
    """Return the sites at modules and at operations, in the order in which they fire."""
    names = all_names(named_modules(trial.model))
    patterns = listed(layers)
    texts = [pattern for pattern in patterns if isinstance(pattern, str)]
    operations = [text for text in texts if means_operation(text, names)]
    if not operations:
        return _of_modules(trial, layers)
    sites, notes = operation_sites(trial, operations)
    rest = [pattern for pattern in patterns if pattern not in operations]
    if not rest:
        return Survey(tuple(sites), (), tuple(dict.fromkeys(notes)))
    modules = _of_modules(trial, rest)
    in_order = _in_order(trial, (*sites, *modules.sites))
    return Survey(in_order, modules.silent, (*dict.fromkeys(notes), *modules.notes))


def _of_modules(trial: Trial, layers: Layers) -> Survey:
    """Return the sites at ends of modules."""
    silent: list[str] = []
    if layers == "auto":
        taken, notes = automatic_layers(replace(trial, guess=True))
    elif layers == "all":
        taken, notes = every_layer(replace(trial, guess=True))
    else:
        requests = find_requests(named_modules(trial.model), layers)
        calls = trial.calls_of([(request.named, request.end) for request in requests])
        silent = _silent(requests, calls)
        taken, notes = _answers(requests, calls)
    return Survey(
        tuple(layer.site() for layer in taken), tuple(silent), tuple(dict.fromkeys(notes))
    )


def _silent(requests: Sequence[LayerRequest], layers: Sequence[LayerCall]) -> list[str]:
    """Return the names of modules that never ran.

    Raises:
        LayerNotExecuted: one of them was asked for by its full name, or none ran.
    """
    ran = {layer.place for layer in layers}
    silent = [request for request in requests if request.place not in ran]
    if any(request.exact for request in silent) or (silent and not layers):
        raise LayerNotExecuted(_why_silent(silent))
    return [request.named.name for request in silent]


def _answers(
    requests: Sequence[LayerRequest], layers: Sequence[LayerCall]
) -> tuple[list[LayerCall], list[str]]:
    """Return the calls that were asked for, and why others are left out.

    Raises:
        LayerNotExecuted: a call beyond those that there are, or nothing to store.
        UnsupportedOutput: a layer asked for by its full name has no single tensor.
        InputError: a module runs too often for all of its calls.
    """
    _require_calls(requests, layers)
    wanted = {(request.place, request.call) for request in requests}
    chosen = [
        layer for layer in layers if {(layer.place, None), (layer.place, layer.call)} & wanted
    ]
    exact = {request.named.name for request in requests if request.exact}
    for layer in chosen:
        if layer.problem is not None and layer.named.name in exact:
            raise layer.problem
    _refuse_many_calls(requests, chosen)
    notes = [str(layer.problem) for layer in chosen if layer.problem is not None]
    usable = [layer for layer in chosen if layer.problem is None]
    if not usable:
        why = "; ".join(notes) or "no pattern matched a module that runs"
        raise LayerNotExecuted(f"nothing to capture: {why}")
    return usable, notes


def _require_calls(requests: Sequence[LayerRequest], layers: Sequence[LayerCall]) -> None:
    """Refuse a call beyond those that there are."""
    counts = {layer.place: layer.calls for layer in layers}
    for request in requests:
        count = counts.get(request.place, 0)
        if request.call is not None and 0 < count <= request.call:
            raise LayerNotExecuted(
                f"layer {request.named.name}#{request.call}: the module ran {count} times "
                "in one forward, calls count from #0"
            )


def _refuse_many_calls(requests: Sequence[LayerRequest], layers: Sequence[LayerCall]) -> None:
    """Refuse all calls of a module that runs too often."""
    numbered = {id(request.named.module) for request in requests if request.call is not None}
    for layer in layers:
        if layer.calls > MOST_CALLS and id(layer.named.module) not in numbered:
            name = layer.named.name
            raise InputError(
                f"layer {name!r} runs {layer.calls} times in one forward, more than "
                f"{MOST_CALLS}; name the calls you want, e.g. {name + '#0'!r}"
            )


def _in_order(trial: Trial, sites: Sequence[Site]) -> tuple[Site, ...]:
    """Return these sites in the order in which they fire."""
    fired: list[Site] = []

    def visit(site: Site, _value: Any) -> None:  # Any: layer output
        fired.append(site)

    with attached(sites, visit):
        call(trial.model, map_tensors(lambda _, t: t.clone(), trial.inputs), trial.forward)
    return tuple(dict.fromkeys(fired))


def _why_silent(silent: Sequence[LayerRequest]) -> str:
    names = [request.named.name for request in silent]
    sentences = [f"these layers never ran in the probe forward: {names}"]
    sentences += [_remedy(request.named.name, request.named.module) for request in silent]
    return "; ".join(sentences)


def _remedy(name: str, module: nn.Module) -> str:
    """Say what to ask for instead of a module that never ran."""
    owner = name.rpartition(".")[0]
    if isinstance(module, (nn.ParameterList, nn.ParameterDict)):
        return (
            f"{name!r} holds parameters, which have no output; "
            f"ask for the module that uses them, e.g. {owner or ROOT!r}"
        )
    if isinstance(module, (nn.ModuleList, nn.ModuleDict)):
        return f"{name!r} is a container without a forward; ask for its items, e.g. '{name}.*'"
    if name.endswith("out_proj"):
        return f"{name!r} is used by nn.MultiheadAttention without being called; ask for {owner!r}"
    return f"{name!r}: is it called as module(x), not module.forward(x), and used for this input?"
