"""Layers as a user asks for them, and the modules that are meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import nn

from infoplane.errors import InputError, LayerNotFound, UnsupportedModel
from infoplane.hooks.choice.named import ROOT, Named
from infoplane.hooks.network.isolate import clean, unwrap
from infoplane.hooks.network.sites import End
from infoplane.patterns import did_you_mean, fits

Pattern = str | type | nn.Module | Callable[[str, nn.Module], bool]
"""``"fc2"``, ``"block*.act"``, ``"rnn#1"``, ``"fc2:input"``, a type, a module or a predicate."""
Layers = Pattern | Sequence[Pattern]


@dataclass(frozen=True, eq=False)
class LayerRequest:
    """A module that the user asked for.

    Attributes:
        named: the module, under the name by which it was asked for.
        end: which end of it.
        call: which call of one forward; None for all.
        exact: whether it was asked for by its full name, or as itself: then it must run.
    """

    named: Named
    end: End = "output"
    call: int | None = None
    exact: bool = False

    @property
    def place(self) -> tuple[int, End]:
        """The end of the module, as `LayerCall.place` has it."""
        return id(self.named.module), self.end


def listed(layers: Layers) -> Sequence[Pattern]:
    """Return what was asked for as a list."""
    if isinstance(layers, str) or not isinstance(layers, Sequence):
        return [layers]
    return layers


def find_requests(modules: Sequence[Named], layers: Layers) -> list[LayerRequest]:
    """Return a request for every module that a pattern matches.

    Args:
        modules: of the network, itself first.
        layers: what was asked for.

    Raises:
        LayerNotFound: a pattern matches no module.
        UnsupportedModel: it matches one on which no hook fires.
        InputError: it is no pattern.
    """
    requests: dict[tuple[int, End, int | None], LayerRequest] = {}
    missing: list[Pattern] = []
    for pattern in listed(layers):
        matches = _matches(modules, pattern)
        if not matches:
            missing.append(pattern)
        for request in matches:
            if isinstance(request.named.module, torch.jit.ScriptModule):
                raise UnsupportedModel(
                    f"layer {request.named.name!r} is a ScriptModule: a hook on it never fires; "
                    "use the eager module"
                )
            requests[*request.place, request.call] = request
    if missing:
        raise LayerNotFound(_not_found(modules, missing))
    return list(requests.values())


def _matches(modules: Sequence[Named], pattern: Pattern) -> list[LayerRequest]:
    if isinstance(pattern, str):
        return _matches_of_text(modules, pattern)
    if isinstance(pattern, nn.Module):
        bare = unwrap(pattern)
        return [LayerRequest(named, exact=True) for named in modules if named.module is bare]
    if isinstance(pattern, type):
        return [LayerRequest(named) for named in modules if isinstance(named.module, pattern)]
    if callable(pattern):
        return [LayerRequest(named) for named in modules if pattern(named.name, named.module)]
    raise InputError(
        f"layers are dotted names, globs, types, modules or predicates, got {pattern!r} "
        f"({type(pattern).__name__}); the model has {all_names(modules)[1:12]}"
    )


def _matches_of_text(modules: Sequence[Named], pattern: str) -> list[LayerRequest]:
    """Return the requests of a name or glob, with the call and the end that it names."""
    known = all_names(modules)
    end: End = "input" if pattern.endswith(":input") else "output"
    text = pattern.removesuffix(":input")
    call: int | None = None
    before, mark, number = text.rpartition("#")
    if mark and number.isdigit() and text not in known:
        text, call = before, int(number)
    text = clean(text) or ROOT  # a name read off a compiled or wrapped model
    if text in known:
        asked = [named.asked_as(text) for named in modules if text in named.names]
        return [LayerRequest(named, end, call, exact=True) for named in asked]
    return [
        LayerRequest(named, end, call)
        for named in modules
        if any(fits(name, text) for name in named.names)
    ]


def all_names(modules: Sequence[Named]) -> list[str]:
    """Return every name of every module, in order."""
    return list(chain.from_iterable(module.names for module in modules))


def _not_found(modules: Sequence[Named], missing: Sequence[Pattern]) -> str:
    """Say which layers there are, and what was perhaps meant."""
    asked = [
        pattern
        if isinstance(pattern, str)
        else getattr(pattern, "__name__", type(pattern).__name__)
        for pattern in missing
    ]
    names = [name for name in all_names(modules) if name != ROOT]
    more = " ..." if len(names) > 40 else ""
    return (
        f"no such layers: {asked}; the model has {names[:40]}{more}"
        + _meant(asked, names)
        + _parameters_among(modules[0].module, asked)
    )


def _meant(missing: Sequence[str], names: Sequence[str]) -> str:
    """Return the name, or the pattern across dots, that was perhaps meant."""
    for pattern in missing:
        across = pattern.replace("*", "**")
        if "*" in across and any(fits(name, across) for name in names):
            return f"; * does not cross dots, ** does: did you mean {across!r}?"
        meant = did_you_mean(pattern, names)
        if meant:
            return meant
    return ""


def _parameters_among(model: nn.Module, missing: Sequence[str]) -> str:
    """Return a hint where a pattern names parameters: only what modules return is captured."""
    patterns = [pattern.replace("*", "**") for pattern in missing]
    own = [clean(name) for name, _ in model.named_parameters()]
    hits = [name for name in own if any(fits(name, pattern) for pattern in patterns)]
    if not hits:
        return ""
    return (
        f"; {hits[:5]} are parameters, which have no output: ask for the module that uses them, "
        "or compute what you want of them in a module of its own (nn.Identity behind it)"
    )
