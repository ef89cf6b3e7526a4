"""Which layers to capture: names, globs, types, predicates, or ``"auto"``: what a researcher would pick."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from infoplane.errors import (
    InputError,
    LayerNotExecuted,
    LayerNotFound,
    UnsupportedModel,
    UnsupportedOutput,
)
from infoplane.hooks import outputs
from infoplane.hooks.auto import choose, is_leaf
from infoplane.hooks.isolate import WRAPPED, clean, unwrap
from infoplane.hooks.outputs import Selector
from infoplane.hooks.probe import Forward, call
from infoplane.hooks.probe_inputs import Inputs
from infoplane.hooks.sites import End, Site, arguments
from infoplane.patterns import did_you_mean, fits

Pattern = str | type | nn.Module | Callable[[str, nn.Module], bool]
Layers = Pattern | Sequence[Pattern]
ROOT = "(model)"


@dataclass(frozen=True, eq=False)
class Named:
    """A module with its name and its other names."""

    name: str
    module: nn.Module
    aliases: tuple[str, ...]


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


@dataclass(eq=False)
class _Event:
    named: Named
    end: End
    call: int
    value: Any  # what the layer returned: kept only long enough to read its shape
    selector: Selector | None = None
    axis: int = 0
    shape: tuple[int, ...] = ()
    dtype: str = ""
    problem: UnsupportedOutput | None = None

    @property
    def name(self) -> str:
        return self.named.name + (":input" if self.end == "input" else "")


def named_modules(model: nn.Module) -> list[Named]:
    """Every module once, with all names under which it is registered; wrappers' name parts removed."""
    found: dict[int, tuple[nn.Module, list[str]]] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        if any(
            part in module._modules for part in WRAPPED
        ):  # a wrapper: its network comes next, under the same clean name
            continue
        names = found.setdefault(id(module), (module, []))[1]
        if (name := clean(path) or ROOT) not in names:
            names.append(name)
    return [Named(names[0], module, tuple(names[1:])) for module, names in found.values()]


def survey(
    model: nn.Module,
    layers: Layers,
    inputs: Inputs,
    n: int,
    *,
    other: tuple[Inputs, int] | None = None,
    select: Mapping[str, Selector] | None = None,
    forward: Forward | None = None,
    max_calls: int = 64,
) -> Survey:
    """Runs the model on ``n`` rows and finds the sites to capture. The caller isolates the model.

    Args:
        inputs: of ``n`` rows.
        other: inputs of another number of rows, and that number: only so the axis of the rows is told from others of its length.
        select, forward: as for the recorder.
        max_calls: calls of one module that are captured without being asked for.

    Raises:
        LayerNotFound: a pattern matches no module.
        LayerNotExecuted: a module asked for by name never ran.
        UnsupportedOutput: a layer asked for has no single tensor to store.
    """
    if isinstance(layers, Sequence) and not isinstance(layers, str) and "auto" in layers:
        picked = survey(model, "auto", inputs, n, other=other, select=select, forward=forward)
        automatic = [site.name for site in picked.sites]
        layers = [*automatic, *(pattern for pattern in layers if pattern != "auto")]
    modules = named_modules(model)
    auto = isinstance(layers, str) and layers in ("auto", "all")
    wanted = [] if auto else _match(modules, layers)
    watch: list[tuple[Named, End]] = (
        [(m, "output") for m in modules] if auto else [(w[0], w[1]) for w in wanted]
    )
    chosen_by = dict(select or {})
    events = _watch(model, watch, inputs, forward=forward, select=chosen_by)
    again = [] if other is None else _watch_other(model, watch, other[0], forward, chosen_by)
    _settle_axes(events, n, again, 0 if other is None else other[1])
    if auto:
        return _automatic(str(layers), modules, events, max_calls)
    fired = {(id(e.named.module), e.end) for e in events}
    silent = [w[0].name for w in wanted if (id(w[0].module), w[1]) not in fired]
    if any(w[2] and w[0].name in silent for w in wanted) or (silent and not events):
        raise LayerNotExecuted(_silence([w for w in wanted if w[0].name in silent]))
    chosen = [
        e
        for e in events
        if any(
            w[0].module is e.named.module and w[1] == e.end and (w[3] is None or w[3] == e.call)
            for w in wanted
        )
    ]
    for w in wanted:
        if (
            w[3] is not None
            and w[0].name not in silent
            and not any(w[0].module is e.named.module and w[3] == e.call for e in chosen)
        ):
            raise LayerNotExecuted(
                f"layer {w[0].name}#{w[3]}: the module ran {_calls(events)[id(w[0].module), w[1]]} times in one forward, calls count from #0"
            )
    named = [w[0].name for w in wanted if w[2]]
    bad = [e for e in chosen if e.problem is not None and e.named.name in named]
    if bad and bad[0].problem is not None:
        raise bad[0].problem
    for e in chosen:
        if (calls := _calls(events)[id(e.named.module), e.end]) > max_calls and not any(
            w[3] is not None and w[0].module is e.named.module for w in wanted
        ):
            raise InputError(
                f"layer {e.named.name!r} runs {calls} times in one forward, more than max_calls={max_calls}; name the calls you want, e.g. {e.named.name + '#0'!r}"
            )
    notes = [str(e.problem) for e in chosen if e.problem is not None]
    sites = _sites([e for e in chosen if e.problem is None], _calls(events))
    if not sites:
        raise LayerNotExecuted(
            "nothing to capture: " + ("; ".join(notes) or "no pattern matched a module that runs")
        )
    return Survey(sites, tuple(silent), tuple(notes))


def _match(modules: list[Named], layers: Layers) -> list[tuple[Named, End, bool, int | None]]:
    """(module, end, asked for by name, call) for every module a pattern matches."""
    patterns: Iterable[object] = (
        layers if isinstance(layers, Sequence) and not isinstance(layers, str) else [layers]
    )
    wanted: dict[tuple[int, End, int | None], tuple[Named, End, bool, int | None]] = {}
    everything = [n for m in modules for n in (m.name, *m.aliases)]
    missing: list[object] = []
    for pattern in patterns:
        end: End = "output"
        number: int | None = None
        exact = False
        if isinstance(pattern, str):
            text, end = (
                (pattern.removesuffix(":input"), "input")
                if pattern.endswith(":input")
                else (pattern, "output")
            )
            if text not in everything and "#" in text and text.rsplit("#", 1)[1].isdigit():
                text, number = text.rsplit("#", 1)[0], int(text.rsplit("#", 1)[1])
            text = (
                clean(text) or ROOT
            )  # a name read off a compiled or wrapped model finds the layer inside
            exact = text in everything
            hits = [
                _renamed(m, text)
                for m in modules
                if (
                    text in (m.name, *m.aliases)
                    if exact
                    else any(fits(n, text) for n in (m.name, *m.aliases))
                )
            ]
        elif isinstance(pattern, nn.Module):
            bare = unwrap(pattern)
            hits, exact = [m for m in modules if m.module is bare], True
        elif isinstance(pattern, type):
            hits = [m for m in modules if isinstance(m.module, pattern)]
        elif callable(pattern):
            hits = [m for m in modules if pattern(m.name, m.module)]
        else:
            raise InputError(
                f"layers are dotted names, globs, types, modules or predicates, got {pattern!r} ({type(pattern).__name__}); the model has {everything[1:12]}"
            )
        if not hits:
            missing.append(
                pattern
                if isinstance(pattern, str)
                else getattr(pattern, "__name__", type(pattern).__name__)
            )
        for m in hits:
            if isinstance(m.module, torch.jit.ScriptModule):
                raise UnsupportedModel(
                    f"layer {m.name!r} is a ScriptModule: a hook on it never fires; use the eager module"
                )
            wanted[id(m.module), end, number] = (m, end, exact, number)
    if missing:
        names = [n for n in everything if n != ROOT]
        raise LayerNotFound(
            f"no such layers: {missing}; the model has {names[:40]}{' ...' if len(names) > 40 else ''}"
            + _meant(missing, names)
            + _parameters_among(modules[0].module, missing)
        )
    return list(wanted.values())


def _meant(missing: Sequence[object], names: Sequence[str]) -> str:
    """Return the name, or the pattern across dots, that was perhaps meant."""
    for pattern in missing:
        across = str(pattern).replace("*", "**")
        if "*" in across and any(fits(name, across) for name in names):
            return f"; * does not cross dots, ** does: did you mean {across!r}?"
        if meant := did_you_mean(str(pattern), names):
            return meant
    return ""


def _parameters_among(model: nn.Module, missing: Sequence[object]) -> str:
    """A hint where a pattern names parameters: they are no modules, and only what modules return is captured."""
    own = [clean(name) for name, _ in model.named_parameters()]
    hits = [
        n for n in own if any(isinstance(m, str) and fits(n, m.replace("*", "**")) for m in missing)
    ]
    if not hits:
        return ""
    return (
        f"; {hits[:5]} are parameters, which have no output: ask for the module that uses them, or compute what you want of them in a module "
        "of its own (nn.Identity behind it)"
    )


def _renamed(m: Named, asked: str) -> Named:
    """A tied module keeps the name it was asked by; its other names become the aliases."""
    if asked not in m.aliases:
        return m
    return replace(m, name=asked, aliases=tuple(n for n in (m.name, *m.aliases) if n != asked))


def _watch(
    model: nn.Module,
    watch: list[tuple[Named, End]],
    inputs: Inputs,
    *,
    forward: Forward | None,
    select: dict[str, Selector],
) -> list[_Event]:
    events: list[_Event] = []
    counts: dict[tuple[int, End], int] = {}
    handles = []

    def note(named: Named, end: End, value: Any) -> None:  # Any: layer output
        k = counts.get((id(named.module), end), 0)
        counts[id(named.module), end] = k + 1
        events.append(_read(_Event(named, end, k, None), value, select))

    def output_hook(named: Named) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:  # Any: layer output
            note(named, "output", output)

        return hook

    def input_hook(named: Named) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any) -> None:  # Any: module arguments
            note(named, "input", arguments(args, kwargs))

        return hook

    try:
        for named, end in {(id(w[0].module), w[1]): w for w in watch}.values():
            if isinstance(named.module, torch.jit.ScriptModule):
                continue
            if end == "input":
                handles.append(
                    named.module.register_forward_pre_hook(input_hook(named), with_kwargs=True)
                )
            else:
                handles.append(named.module.register_forward_hook(output_hook(named)))
        call(model, inputs, forward)
    finally:
        for handle in handles:
            handle.remove()
    return events


def _watch_other(
    model: nn.Module,
    watch: list[tuple[Named, End]],
    inputs: Inputs,
    forward: Forward | None,
    select: dict[str, Selector],
) -> list[_Event]:
    """The same with another number of rows; nothing where the network does not take it."""
    try:
        return _watch(model, watch, inputs, forward=forward, select=select)
    except Exception:
        return []


def _settle_axes(events: list[_Event], n: int, again: list[_Event], other_n: int) -> None:
    """Find the axis of the rows of every event, from its shapes for two numbers of rows."""
    others = {(id(e.named.module), e.end, e.call): e for e in again if e.problem is None}
    for event in events:
        if event.problem is not None:
            continue
        twin = others.get((id(event.named.module), event.end, event.call))
        try:
            event.axis = outputs.row_axis(
                event.named.module,
                event.name,
                outputs.Shown(n, event.shape),
                None if twin is None else outputs.Shown(other_n, twin.shape),
            )
            event.shape = tuple(s for i, s in enumerate(event.shape) if i != event.axis)
        except UnsupportedOutput as problem:
            event.problem = problem


def _read(event: _Event, value: Any, select: dict[str, Selector]) -> _Event:  # Any: layer output
    name = event.name
    chosen = next(
        (s for k, s in select.items() if fits(name, k) or k in event.named.aliases),
        None,
    )
    try:
        event.selector = outputs.rule(event.named.module, value, name, chosen)
        tensor = outputs.pick(value, event.selector, name)
        event.shape = tuple(tensor.shape)
        event.dtype = str(tensor.dtype).removeprefix("torch.")
    except UnsupportedOutput as problem:
        event.problem = problem
    return event


def _calls(events: list[_Event]) -> dict[tuple[int, End], int]:
    calls: dict[tuple[int, End], int] = {}
    for e in events:
        calls[id(e.named.module), e.end] = max(
            calls.get((id(e.named.module), e.end), 0), e.call + 1
        )
    return calls


def _sites(events: list[_Event], calls: dict[tuple[int, End], int]) -> tuple[Site, ...]:
    made = []
    for e in events:
        n = calls[id(e.named.module), e.end]
        name = (
            e.named.name + (f"#{e.call}" if n > 1 else "") + (":input" if e.end == "input" else "")
        )
        made.append(
            Site(
                name,
                e.named.module,
                e.call,
                e.end,
                e.selector,
                n,
                e.axis,
                e.shape,
                e.dtype,
                e.named.aliases,
            )
        )
    return tuple(made)


def _automatic(which: str, modules: list[Named], events: list[_Event], max_calls: int) -> Survey:
    calls = _calls(events)
    usable = [e for e in events if e.problem is None]
    names = {m.name: m.module for m in modules}
    order = list(dict.fromkeys(e.named.name for e in usable))
    if which == "all":
        picked = {n for n in order if is_leaf(n, names)} or {ROOT}
    else:
        picked = set(choose(names, order))
    kept = [
        e
        for e in usable
        if e.named.name in picked
        and (
            calls[id(e.named.module), e.end] <= max_calls
            or e.call + 1 == calls[id(e.named.module), e.end]
        )
    ]
    if not kept:
        raise LayerNotExecuted(
            "no layer of the model gives a tensor with one entry per row; name the layers and give select={name: lambda out: ...}"
        )
    notes = [
        str(e.problem)
        for e in events
        if e.problem is not None
        and e.named.name in set(choose(names, list(dict.fromkeys(e.named.name for e in events))))
    ]
    bare = [
        e.named.name
        for e in kept
        if isinstance(e.named.module, (nn.Linear, nn.modules.conv._ConvNd)) and e is not kept[-1]
    ]
    if bare and which == "auto":
        notes.append(
            f"{bare} are captured before any activation function: a functional activation (torch.tanh(...)) has no module; "
            'to capture behind it, ask for the input of the next module, e.g. layers=["fc2:input"]'
        )
    return Survey(_sites(kept, calls), (), tuple(dict.fromkeys(notes)))


def _silence(wanted: list[tuple[Named, End, bool, int | None]]) -> str:
    lines = [f"these layers never ran in the probe forward: {[w[0].name for w in wanted]}"]
    for named, *_ in wanted:
        if isinstance(named.module, (nn.ParameterList, nn.ParameterDict)):
            lines.append(
                f"{named.name!r} holds parameters, which have no output; ask for the module that uses them, e.g. {named.name.rpartition('.')[0] or ROOT!r}"
            )
        elif isinstance(named.module, (nn.ModuleList, nn.ModuleDict)):
            lines.append(
                f"{named.name!r} is a container without a forward; ask for its items, e.g. '{named.name}.*'"
            )
        elif named.name.endswith("out_proj"):
            lines.append(
                f"{named.name!r} is used by nn.MultiheadAttention without being called; ask for {named.name.rpartition('.')[0]!r}"
            )
        else:
            lines.append(
                f"{named.name!r}: is it called as module(x), not module.forward(x), and used for this input?"
            )
    return "; ".join(lines)


def tensor_of(site: Site, value: Any) -> Tensor:  # Any: layer output
    """The tensor a site stands for, rows first; still the live tensor, to be copied by the caller."""
    tensor = outputs.pick(value, site.select, site.name)
    return tensor.movedim(site.axis, 0) if site.axis else tensor


__all__ = ["ROOT", "Layers", "Pattern", "Survey", "named_modules", "survey", "tensor_of"]
