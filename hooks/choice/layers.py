"""Which layers to capture: names, globs, types, predicates, or ``"auto"``: what a researcher would pick."""

from __future__ import annotations

import contextlib
from collections import Counter
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
from infoplane.hooks.choice.auto import choose_layers
from infoplane.hooks.choice.candidates import Candidate, Network, Pick
from infoplane.hooks.choice.dataflow import Dataflow, trace
from infoplane.hooks.choice.kinds import is_leaf
from infoplane.hooks.network import outputs
from infoplane.hooks.network.isolate import WRAPPED, clean, unwrap
from infoplane.hooks.network.operations import Operations, Scope, is_wanted, means_operation
from infoplane.hooks.network.outputs import Selector
from infoplane.hooks.network.own_hooks import OwnHooks
from infoplane.hooks.network.sites import End, Site, arguments, attached, selectors
from infoplane.hooks.probing.inputs import Inputs, map_tensors
from infoplane.hooks.probing.probe import Forward, call
from infoplane.patterns import did_you_mean, fits

Pattern = str | type | nn.Module | Callable[[str, nn.Module], bool]
Layers = Pattern | Sequence[Pattern]
ROOT = "(model)"
_NOTHING = "no layer of the model gives a tensor with one entry per row; name the layers and give select={name: lambda out: ...}"


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
    why: str = ""
    guessed: bool = False
    vague: bool = False
    op: str = ""

    @property
    def key(self) -> tuple[int, End, int, str]:
        """What tells it from others of one forward."""
        return id(self.named.module), self.end, self.call, self.op

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
        select = {**selectors(picked.sites), **(select or {})}
        layers = [*automatic, *(pattern for pattern in layers if pattern != "auto")]
    look = _Looking(model, inputs, n, other, forward, dict(select or {}))
    patterns = _listed(layers)
    names = [name for m in named_modules(model) for name in (m.name, *m.aliases)]
    operations = [p for p in patterns if isinstance(p, str) and means_operation(p, names)]
    if not operations:
        return _modules(look, layers, max_calls)
    found = _operations(look, operations)
    rest = [p for p in patterns if p not in operations]
    if not rest:
        return found
    beside = _modules(look, rest, max_calls)
    sites = _in_order(look, (*found.sites, *beside.sites))
    return Survey(sites, beside.silent, (*found.notes, *beside.notes))


def _listed(layers: Layers) -> Sequence[Pattern]:
    if isinstance(layers, str) or not isinstance(layers, Sequence):
        return [layers]
    return layers


def _modules(look: _Looking, layers: Layers, max_calls: int) -> Survey:
    """The sites at ends of modules, see `survey`."""
    modules = named_modules(look.model)
    auto = isinstance(layers, str) and layers in ("auto", "all")
    wanted = [] if auto else _match(modules, layers)
    watch: list[tuple[Named, End]] = (
        [(m, "output") for m in modules] if auto else [(w[0], w[1]) for w in wanted]
    )
    look = replace(look, guess=auto)
    events = look.events(watch)
    if layers == "all":
        return _every_layer(modules, events, max_calls)
    if layers == "auto":
        return _automatic(look, modules, events)
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


def _operations(look: _Looking, patterns: Sequence[str]) -> Survey:
    """The functional operations that patterns ask for, in order; see `infoplane.hooks.network.operations`.

    Raises:
        LayerNotFound: no operation has such a name.
    """
    modules = named_modules(look.model)
    events, counts = _watch_operations(look, modules, look.inputs)
    again: list[_Event] = []
    if look.other is not None:
        with contextlib.suppress(Exception):  # the network does not take this number of rows
            again = _watch_operations(look, modules, look.other[0])[0]
    _settle_axes(events, look.n, again, 0 if look.other is None else look.other[1])
    for pattern in patterns:
        if not any(is_wanted(e.named.name, [pattern]) for e in events):
            raise LayerNotFound(
                f"no functional operation is called {pattern!r}; the network has {[e.named.name for e in events][:40]}"
            )
    chosen = [e for e in events if is_wanted(e.named.name, patterns)]
    bad = [e.problem for e in chosen if e.problem is not None]
    if bad and not all(p == "ops" for p in patterns):
        raise bad[0]
    sites = [_operation_site(e, counts[e.op]) for e in chosen if e.problem is None]
    return Survey(tuple(sites), (), tuple(dict.fromkeys(str(p) for p in bad)))


def _watch_operations(
    look: _Looking, modules: list[Named], inputs: Inputs
) -> tuple[list[_Event], Counter[str]]:
    """Every operation of one forward outside of layers, and how many there are of every kind."""
    names = {id(m.module): m.name for m in modules}
    table = {m.name: m.module for m in modules}
    events: list[_Event] = []
    scope, hooks = Scope(), OwnHooks()

    def seen(kind: str, number: int, value: Any) -> None:  # Any: what an operation gave
        owner = scope.running[-1] if scope.running else look.model
        name = names.get(id(owner), ROOT)
        if name == ROOT or not (is_leaf(name, table) and _of_torch(owner)):
            event = _Event(Named(f"{name}/{kind}", owner, ()), "output", number, None, op=kind)
            events.append(_read(event, value, look.select, guess=False))

    with hooks, hooks:
        scope.attach(hooks, [m.module for m in modules])
        operations = Operations(seen)
        with operations:
            call(look.model, inputs, look.forward)
    alike = Counter(e.named.name for e in events)
    place: Counter[str] = Counter()
    for event in events:
        name = event.named.name
        if alike[name] > 1:
            event.named = replace(event.named, name=f"{name}#{place[name]}")
            place[name] += 1
    return events, operations.counts


def _of_torch(module: nn.Module) -> bool:
    """Whether a module is one of torch, which stands for its operation itself."""
    return type(module).__module__.startswith("torch.nn.")


def _operation_site(event: _Event, count: int) -> Site:
    return Site(
        event.named.name,
        event.named.module,
        event.call,
        event.end,
        event.selector,
        count,
        event.axis,
        event.shape,
        event.dtype,
        op=event.op,
    )


def _in_order(look: _Looking, sites: Sequence[Site]) -> tuple[Site, ...]:
    """These sites in the order in which they fire."""
    fired: list[Site] = []

    def visit(site: Site, value: Any) -> None:  # Any: layer output
        fired.append(site)

    with attached(sites, visit):
        call(look.model, map_tensors(lambda _, t: t.clone(), look.inputs), look.forward)
    return tuple(dict.fromkeys(fired))


@dataclass(frozen=True, eq=False)
class _Looking:
    """The network and the few rows that it is looked at with, see `survey`.

    Attributes:
        guess: whether to choose among several tensors of an output where nobody did.
    """

    model: nn.Module
    inputs: Inputs
    n: int
    other: tuple[Inputs, int] | None
    forward: Forward | None
    select: dict[str, Selector]
    guess: bool = False

    def events(self, watch: list[tuple[Named, End]]) -> list[_Event]:
        """What these ends of modules showed, with the axis of their rows."""
        found = self._watch(watch, self.inputs)
        again: list[_Event] = []
        if self.other is not None:
            with contextlib.suppress(Exception):  # the network does not take this number of rows
                again = self._watch(watch, self.other[0])
        _settle_axes(found, self.n, again, 0 if self.other is None else self.other[1])
        return found

    def _watch(self, watch: list[tuple[Named, End]], inputs: Inputs) -> list[_Event]:
        return _watch(
            self.model,
            watch,
            inputs,
            forward=self.forward,
            select=self.select,
            guess=self.guess,
        )

    def flow(self) -> Dataflow | None:
        """What flows where; None where the network does not run under a function mode."""
        copies = map_tensors(lambda _, t: t.clone(), self.inputs)
        try:
            return trace(self.model, copies, self.forward, _output_of(self.model))
        except Exception:
            return None


def _output_of(model: nn.Module) -> Callable[[object], object]:
    """What of the value that a network returns counts as its output."""

    def pick(value: object) -> object:
        try:
            return outputs.pick(value, outputs.rule(model, value, ROOT), ROOT)
        except UnsupportedOutput:
            likely = outputs.likely(value)
            return value if likely is None else outputs.pick(value, likely, ROOT)

    return pick


def _watch(
    model: nn.Module,
    watch: list[tuple[Named, End]],
    inputs: Inputs,
    *,
    forward: Forward | None,
    select: dict[str, Selector],
    guess: bool,
) -> list[_Event]:
    events: list[_Event] = []
    counts: dict[tuple[int, End], int] = {}
    handles = []

    def note(named: Named, end: End, value: Any) -> None:  # Any: layer output
        k = counts.get((id(named.module), end), 0)
        counts[id(named.module), end] = k + 1
        events.append(_read(_Event(named, end, k, None), value, select, guess))

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


def _settle_axes(events: list[_Event], n: int, again: list[_Event], other_n: int) -> None:
    """Find the axis of the rows of every event, from its shapes for two numbers of rows."""
    others = {e.key: e for e in again if e.problem is None}
    for event in events:
        if event.problem is not None:
            continue
        twin = others.get(event.key)
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


def _read(
    event: _Event, value: Any, select: dict[str, Selector], guess: bool
) -> _Event:  # Any: layer output
    name = event.name
    chosen = next(
        (s for k, s in select.items() if fits(name, k) or k in event.named.aliases),
        None,
    )
    try:
        event.selector = _rule(event, value, chosen, guess)
        tensor = outputs.pick(value, event.selector, name)
        event.shape = tuple(tensor.shape)
        event.dtype = str(tensor.dtype).removeprefix("torch.")
    except UnsupportedOutput as problem:
        event.problem = problem
    return event


def _rule(
    event: _Event, value: Any, chosen: Selector | None, guess: bool
) -> Selector | None:  # Any: layer output
    try:
        return outputs.rule(event.named.module, value, event.name, chosen)
    except UnsupportedOutput:
        likely = outputs.likely(value) if guess else None
        if likely is None:
            raise
        event.guessed, event.vague = True, hasattr(value, "to_tuple")
        return likely


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
                e.why,
            )
        )
    return tuple(made)


def _every_layer(modules: list[Named], events: list[_Event], max_calls: int) -> Survey:
    """Every layer without parts that gives a usable tensor; the network itself where there is none."""
    calls, names = _calls(events), {m.name: m.module for m in modules}
    usable = [e for e in events if e.problem is None]
    picked = {n for n in {e.named.name for e in usable} if is_leaf(n, names)} or {ROOT}
    kept = [e for e in usable if e.named.name in picked and _is_among(e, calls, max_calls)]
    if not kept:
        raise LayerNotExecuted(_NOTHING)
    notes = [
        str(e.problem) for e in events if e.problem is not None and is_leaf(e.named.name, names)
    ]
    return Survey(_sites(kept, calls), (), tuple(dict.fromkeys(notes)))


def _is_among(event: _Event, calls: dict[tuple[int, End], int], most: int) -> bool:
    """Whether a module does not run too often, or this is its last call."""
    count = calls[id(event.named.module), event.end]
    return count <= most or event.call + 1 == count


def _automatic(look: _Looking, modules: list[Named], events: list[_Event]) -> Survey:
    """What a researcher would pick, see `infoplane.hooks.choice.auto`."""
    usable = {(e.named.name, e.call): e for e in events if e.problem is None}
    if not usable:
        raise LayerNotExecuted(_NOTHING)
    candidates = [_candidate(e) for e in usable.values()]
    network = Network({m.name: m.module for m in modules}, candidates, look.flow())
    choice = choose_layers(network)
    at_inputs = {
        (e.name, e.call): e for e in _inputs_of(look, modules, choice.picks) if e.problem is None
    }
    kept: list[_Event] = []
    for pick in choice.picks:
        event = {**usable, **at_inputs}.get((pick.name, pick.call))
        if event is not None:
            event.why = pick.why
            kept.append(event)
    if not kept:
        raise LayerNotExecuted(_NOTHING)
    calls = {**_calls(events), **_calls(list(at_inputs.values()))}
    notes = [*choice.left_out, *_unusable(network, events), *_guesses(kept), *_bare(kept)]
    return Survey(_sites(kept, calls), (), tuple(dict.fromkeys(notes)))


def _candidate(event: _Event) -> Candidate:
    size = getattr(torch, event.dtype).itemsize
    named = event.named
    return Candidate(
        named.name,
        named.module,
        event.call,
        event.shape,
        size,
        event.selector,
        event.vague,
    )


def _inputs_of(look: _Looking, modules: list[Named], picks: Sequence[Pick]) -> list[_Event]:
    """What the modules showed whose inputs were chosen."""
    chosen = [p for p in picks if p.name.endswith(":input")]
    wanted = {p.name.removesuffix(":input") for p in chosen}
    if not wanted:
        return []
    selectors = {p.name: p.selector for p in chosen if p.selector is not None}
    select: dict[str, Selector] = {**look.select, **selectors}
    watch: list[tuple[Named, End]] = [(m, "input") for m in modules if m.name in wanted]
    return replace(look, select=select).events(watch)


def _unusable(network: Network, events: list[_Event]) -> list[str]:
    """Layers that would have been chosen, had they given a tensor with one entry per row."""
    if not any(e.problem is not None for e in events):
        return []
    candidates = [Candidate(e.named.name, e.named.module, e.call, ()) for e in events]
    network = replace(network, candidates=candidates)
    picked = {(p.name, p.call) for p in choose_layers(network).picks}
    return [
        str(e.problem) for e in events if e.problem is not None and (e.named.name, e.call) in picked
    ]


def _guesses(kept: list[_Event]) -> list[str]:
    return [
        f"{e.name!r} returns several tensors: {e.selector!r} is taken; select={{{e.name!r}: ...}} takes another"
        for e in kept
        if e.guessed
    ]


def _bare(kept: list[_Event]) -> list[str]:
    """Layers that no activation module follows."""
    linear = (nn.Linear, nn.modules.conv._ConvNd)
    bare = [e.name for e in kept[:-1] if e.end == "output" and isinstance(e.named.module, linear)]
    if not bare:
        return []
    return [
        f"{bare} are captured before any activation function: a functional activation (torch.tanh(...)) has no module; "
        'to capture behind it, ask for the input of the next module, e.g. layers=["fc2:input"]'
    ]


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
