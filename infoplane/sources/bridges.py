"""Layers in what other tools return, recognised by its class without importing the tool."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infoplane.errors import InputError

Layers = dict[str, Any]  # Any: an array of any library
FINAL = "final (normed)"
"""Name of the last hidden state of a language model, which is the output of its last norm."""


def layers_of(source: Any) -> tuple[Layers, bool]:  # Any: checked here
    """Return the layers in what a tool returned, and whether the tool named them.

    Args:
        source: a dictionary of arrays (nested where you like), the output of a Hugging Face model
            with ``output_hidden_states=True`` or its ``hidden_states``, an ``ActivationCache`` of
            TransformerLens, a cache of nnsight, or a trace of torchlens.

    Raises:
        InputError: none of these, or nothing in it.
    """
    for fits, layers in BRIDGES:
        if fits(source):
            found = layers(source)
            if not found:
                raise InputError(
                    f"{type(source).__name__}: holds no arrays; run the model before reading it"
                )
            return found, True
    if not isinstance(source, Mapping):
        raise InputError(
            "expected {layer: array}, {step: {layer: array}}, hidden_states, or a cache of "
            f"TransformerLens, nnsight or torchlens, got {type(source).__name__}"
        )
    found = {}
    for name, array in _nested(source, ()):
        if name in found:
            raise InputError(f"two arrays have the name {name!r}: rename one of them")
        found[name] = array
    if not found:
        raise InputError("expected {layer: array}, got a dictionary that holds no arrays")
    return found, False


def _is_array(value: object) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _nested(tree: Mapping[Any, Any], path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Arrays of nested dictionaries by dotted names; a tuple holds the calls of one layer."""
    for key, value in tree.items():
        names = (*path, str(key))
        if isinstance(value, Mapping):
            yield from _nested(value, names)
        elif isinstance(value, tuple) and value and all(map(_is_array, value)):
            for call, array in enumerate(value):
                yield _joined(names) + (f"#{call}" if call else ""), array
        elif isinstance(value, list) and len(value) == 1 and _is_array(value[0]):
            yield _joined(names), value[0]
        elif value is not None:
            yield _joined(names), value


def _joined(names: tuple[str, ...]) -> str:
    """A dotted name, without the parts that Flax adds to names."""
    own = [name for name in names if name not in ("__call__", "intermediates")]
    return ".".join(own or names)


def _of(module: str, *classes: str) -> Callable[[Any], bool]:
    """Return a test for values of a class of a package, or of one derived from it."""

    def is_of(source: Any) -> bool:
        for cls in type(source).__mro__:
            package = cls.__module__.partition(".")[0]
            if package == module and (not classes or cls.__name__ in classes):
                return True
        return False

    return is_of


def _hidden_states(source: Any) -> Layers:
    """Embeddings, blocks, and the last state, which language models norm: ``final (normed)``."""
    states = getattr(source, "hidden_states", None)
    if states is None and (of_both := _states_of_both_sides(source)):
        return of_both
    if states is None:
        raise InputError(
            f"{type(source).__name__} holds no hidden states: call the model with "
            "output_hidden_states=True"
        )
    if not all(map(_is_array, states)):
        raise InputError(
            f"{type(source).__name__} holds the states of every generated token by itself: call "
            "the model on the whole sequence, model(ids, output_hidden_states=True)"
        )
    last = getattr(source, "last_hidden_state", None)
    return _named_states(states, normed=last is None or _equal(states[-1], last))


def _states_of_both_sides(source: Any) -> Layers:
    """States of an encoder and a decoder, under ``encoder block 1``."""
    found: Layers = {}
    for side in ("encoder", "decoder"):
        states = getattr(source, f"{side}_hidden_states", None)
        if states is not None:
            found |= {f"{side} {name}": state for name, state in _named_states(states).items()}
    return found


def _equal(a: Any, b: Any) -> bool:
    return tuple(a.shape) == tuple(b.shape) and bool((a == b).all())


def _named_states(states: Any, *, normed: bool = True) -> Layers:
    names = ["embeddings", *(f"block {number}" for number in range(1, len(states)))]
    if normed:
        names[-1] = FINAL
    return dict(zip(names, states, strict=True))


def _is_states(source: Any) -> bool:
    return isinstance(source, tuple) and len(source) > 1 and all(map(_is_array, source))


def _activation_cache(source: Any) -> Layers:
    return dict(source.items())


def _nnsight(source: Any) -> Layers:
    found: Layers = {}
    for name in source.keys():  # noqa: SIM118  # no mapping
        tensor = _first(source[name].output)
        if tensor is not None:
            found[name.removeprefix("model.")] = tensor
    return found


def _first(value: Any) -> Any:
    """The tensor of an output: itself, or the first of a tuple, or its logits."""
    if _is_array(value):
        return value
    first = value[0] if isinstance(value, tuple) and value else None
    return first if _is_array(first) else getattr(value, "logits", None)


def _torchlens(source: Any) -> Layers:
    """Every saved operation of a trace under the name of its module, else under its own."""
    found: Layers = {}
    for op in source:
        if op.has_saved_activation and not op.is_input and not op.is_output:
            module = str(op.module).partition(":")[0] if op.is_module_output else ""
            found[module or op.layer_label] = op.out
    return found


BRIDGES: tuple[tuple[Callable[[Any], bool], Callable[[Any], Layers]], ...] = (
    (_of("transformers", "ModelOutput"), _hidden_states),
    (_is_states, _named_states),
    (_of("transformer_lens", "ActivationCache"), _activation_cache),
    (_of("nnsight"), _nnsight),
    (_of("torchlens", "Trace", "ModelLog"), _torchlens),
)
"""For each tool, how its output is recognised and read; another tool is a line here."""
