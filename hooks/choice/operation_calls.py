"""The functional operations that a user asks for, as sites.

See `infoplane.hooks.network.operations`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from infoplane.errors import LayerNotFound
from infoplane.hooks.choice.kinds import is_leaf
from infoplane.hooks.choice.layer_calls import LayerCall, Trial
from infoplane.hooks.choice.named import ROOT, Named, named_modules
from infoplane.hooks.network.operations import Operations, Scope, is_wanted
from infoplane.hooks.network.own_hooks import OwnHooks
from infoplane.hooks.network.sites import Site
from infoplane.hooks.probing.inputs import Inputs
from infoplane.hooks.probing.probe import call


def operation_sites(trial: Trial, patterns: Sequence[str]) -> tuple[list[Site], list[str]]:
    """Return the operations that patterns ask for, in order, and why others are left out.

    Raises:
        LayerNotFound: no operation has such a name.
        UnsupportedOutput: one asked for by name has no tensor to store.
    """
    operations = trial.with_axes(lambda inputs: _operations(trial, inputs))
    names = [operation.named.name for operation in operations]
    for pattern in patterns:
        if not any(is_wanted(name, [pattern]) for name in names):
            known = f"the network has {names[:40]}" if names else "the network has none"
            raise LayerNotFound(f"no functional operation fits {pattern!r}; {known}")
    wanted = [operation for operation in operations if is_wanted(operation.named.name, patterns)]
    problems = [operation.problem for operation in wanted if operation.problem is not None]
    if problems and any(pattern != "ops" for pattern in patterns):
        raise problems[0]
    sites = [operation.site() for operation in wanted if operation.problem is None]
    return sites, [str(problem) for problem in problems]


def _operations(trial: Trial, inputs: Inputs) -> list[LayerCall]:
    """Return every operation of one forward outside of layers."""
    modules = named_modules(trial.model)
    names = {id(named.module): named.name for named in modules}
    table = {named.name: named.module for named in modules}
    operations: list[LayerCall] = []
    scope, hooks = Scope(), OwnHooks()

    def note(kind: str, number: int, value: Any) -> None:  # Any: what an operation gave
        owner = scope.running[-1] if scope.running else trial.model
        name = names.get(id(owner), ROOT)
        if not _stands_for_its_operation(name, table):
            operation = LayerCall(Named(f"{name}/{kind}", owner), "output", number, op=kind)
            operation.read(value, trial)
            operations.append(operation)

    with hooks, hooks:
        scope.attach(hooks, [named.module for named in modules])
        watched = Operations(note)
        with watched:
            call(trial.model, inputs, trial.forward)
    for operation in operations:
        operation.calls = watched.counts[operation.op]
    _number_equal_names(operations)
    return operations


def _number_equal_names(operations: Sequence[LayerCall]) -> None:
    """Tell operations of one kind in one module apart, as ``block/add#1``."""
    totals = Counter(operation.named.name for operation in operations)
    places: Counter[str] = Counter()
    for operation in operations:
        name = operation.named.name
        if totals[name] > 1:
            operation.named = replace(operation.named, name=f"{name}#{places[name]}")
            places[name] += 1


def _stands_for_its_operation(name: str, modules: Mapping[str, nn.Module]) -> bool:
    """Whether a module is a layer of torch, which can be captured itself."""
    if name == ROOT or not is_leaf(name, modules):
        return False
    return type(modules[name]).__module__.startswith("torch.nn.")
