"""Which tensor a layer's output stands for, by a stated rule; never by guessing.

The rule, first match wins:

1. a selector the user gave for this layer: an index, a key, a field name, or a callable;
2. a tensor is itself;
3. recurrent modules (``nn.RNN``, ``nn.LSTM``, ``nn.GRU``, their cells) and
  ``nn.MultiheadAttention``: the first element, the output;
4. Hugging Face outputs: ``logits``, else ``last_hidden_state``; a block of `transformers` that
  returns a tuple: its first element;
5. a tuple, list, dict or dataclass with exactly one tensor in it (``None`` does not count): that
  tensor;
6. anything else is refused by `UnsupportedOutput`, which lists the choices.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from infoplane.errors import UnsupportedOutput
from infoplane.types.arrays import Shape

Selector = int | str | Callable[[Any], Tensor]  # Any: whatever the layer returned


def parts(output: Any) -> dict[int | str, Any]:  # Any: whatever the layer returned
    """Return the named elements of a structured output, in order; ``{}`` when it has none."""
    if isinstance(output, Mapping):
        return dict(output)
    if isinstance(output, (tuple, list)):
        return dict(enumerate(output))
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        return {field.name: getattr(output, field.name) for field in dataclasses.fields(output)}
    return {}


def rule(
    module: nn.Module, output: Any, where: str, selector: Selector | None = None
) -> Selector | None:  # Any: layer output
    """Return the selector that picks the tensor of ``output``.

    None when the output is the tensor itself.

    Args:
        module: what returned it.
        output: what it returned.
        where: name of the layer, for messages.
        selector: the user's own, which wins.

    Raises:
        UnsupportedOutput: no tensor in it, or several and no rule to choose.
    """
    if selector is not None:
        return selector
    if isinstance(output, (Tensor, PackedSequence)):
        return None
    elements = parts(output)
    tensors = [
        key for key, value in elements.items() if isinstance(value, (Tensor, PackedSequence))
    ]
    if isinstance(module, (nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention)) and 0 in tensors:
        return 0
    for key in ("logits", "last_hidden_state"):
        if key in tensors and hasattr(output, "to_tuple"):
            return key
    if type(module).__module__.startswith("transformers.") and 0 in tensors:
        return 0
    if len(tensors) == 1:
        return tensors[0]
    if not tensors:
        raise UnsupportedOutput(
            f"layer {where!r} ({type(module).__name__}) returned {_describe(output)}, expected a "
            "tensor or one tensor inside a tuple, list, dict or dataclass; give "
            f"select={{{where!r}: lambda out: ...}} or leave the layer out"
        )
    raise UnsupportedOutput(
        f"layer {where!r} ({type(module).__name__}) returned {len(tensors)} tensors: {tensors}; "
        f"say which one, for example select={{{where!r}: {tensors[0]!r}}}"
    )


def likely(output: Any) -> Selector | None:  # Any: layer output
    """Return what to take where nobody was asked.

    The first of several tensors, the last amounts of a dict; None where that is no choice.
    """
    elements = parts(output)
    if isinstance(output, Mapping):
        amounts = [
            key
            for key, value in elements.items()
            if isinstance(value, Tensor) and value.is_floating_point()
        ]
        return amounts[-1] if amounts else None
    first = elements.get(0)
    return 0 if isinstance(first, (Tensor, PackedSequence)) else None


def _describe(output: Any) -> str:  # Any: whatever the layer returned
    elements = parts(output)
    if not elements:
        return type(output).__name__
    kinds = [f"{key}: {type(value).__name__}" for key, value in list(elements.items())[:6]]
    return f"{type(output).__name__} of ({', '.join(kinds)})"


def pick(
    output: Any, selector: Selector | None, where: str
) -> Tensor:  # Any: whatever the layer returned
    """Return the tensor that ``selector`` names, dequantised, padded where it is ragged.

    Samples come first in nested and packed tensors.

    Args:
        output: what a layer returned.
        selector: an index, a key or a callable; None for the output itself.
        where: name of the layer, for messages.

    Raises:
        UnsupportedOutput: it is not there, not a tensor, or complex or sparse.
    """
    value = output
    if callable(selector):
        value = _selected_by(selector, output, where)
    elif selector is not None:
        elements = parts(output)
        if selector not in elements:
            raise UnsupportedOutput(
                f"layer {where!r}: select={selector!r} is not in its output; it has "
                f"{list(elements)}"
            )
        value = elements[selector]
    if isinstance(value, PackedSequence):
        value = pad_packed_sequence(value, batch_first=True)[0]
    if not isinstance(value, Tensor):
        raise UnsupportedOutput(f"layer {where!r}: expected a tensor, got {_describe(value)}")
    if _is_transformed(value):
        raise UnsupportedOutput(
            f"layer {where!r} runs inside vmap, grad or jvp of torch.func, which hands it tensors "
            "without values of their own: ask for the module around the transform"
        )
    if value.is_meta:
        raise UnsupportedOutput(
            f"layer {where!r}: a tensor on the meta device has no values; load weights into the "
            "network first (model.to_empty(device=...), then load_state_dict)"
        )
    if value.is_nested:  # attention with a padding mask; .shape of a nested tensor raises
        value = torch.nested.to_padded_tensor(value.detach(), 0.0)
    if value.is_quantized:
        value = value.dequantize()
    if hasattr(value, "full_tensor"):  # DTensor: collective, every rank is here
        value = value.full_tensor()
    if value.is_complex() or value.layout != torch.strided:
        raise UnsupportedOutput(
            f"layer {where!r}: {value.dtype} {value.layout} cannot be stored; give "
            f"select={{{where!r}: lambda out: ...}}, e.g. torch.view_as_real"
        )
    return value  # type: ignore[no-any-return]  # a tensor, checked above


def _selected_by(
    selector: Callable[[Any], Any], output: Any, where: str
) -> Any:  # Any: whatever the layer returned
    """Return what a callable makes of an output.

    Raises:
        UnsupportedOutput: it writes into the output, which the network goes on with.
    """
    tensors = [value for value in (output, *parts(output).values()) if isinstance(value, Tensor)]
    tensors = [tensor for tensor in tensors if not tensor.is_inference()]  # these have no version
    before = [tensor._version for tensor in tensors]
    value = selector(output)
    if before != [tensor._version for tensor in tensors]:
        raise UnsupportedOutput(
            f"layer {where!r}: select= writes into the output, and the network goes on with what "
            "it wrote: make a new tensor (out * 2 in place of out.mul_(2))"
        )
    return value


def _is_transformed(value: Tensor) -> bool:
    """Whether a tensor belongs to a transform of torch.func: it has no memory of its own."""
    if value.is_nested or value.layout != torch.strided or hasattr(value, "full_tensor"):
        return False
    try:
        value.data_ptr()
    except RuntimeError:
        return True
    return False


def lengths(
    output: Any, selector: Selector | None
) -> list[int] | None:  # Any: whatever the layer returned
    """Return row lengths of a nested or packed (ragged) tensor, else None."""
    value = _selected(output, selector)
    if isinstance(value, PackedSequence):
        return [int(length) for length in pad_packed_sequence(value, batch_first=True)[1]]
    if isinstance(value, Tensor) and value.is_nested:
        return [int(row.shape[0]) for row in value.unbind()]
    return None


def _selected(output: Any, selector: Selector | None) -> Any:  # Any: whatever the layer returned
    return output if selector is None or callable(selector) else parts(output).get(selector)


def put(
    output: Any, selector: Selector | None, tensor: Tensor
) -> Any:  # Any: a layer's output goes back in the form it came
    """Return ``output`` with the selected tensor replaced.

    The inverse of `pick` for the interchange test.

    Args:
        output: what a layer returned.
        selector: which tensor; None for the output itself.
        tensor: takes its place.

    Raises:
        UnsupportedOutput: a callable selector or a nested tensor cannot be put back.
    """
    if isinstance(_selected(output, selector), PackedSequence):
        raise UnsupportedOutput("a packed sequence cannot be replaced")
    if selector is None:
        if output.is_nested or output.is_quantized:
            raise UnsupportedOutput("a nested or quantised output cannot be replaced")
        return tensor
    if callable(selector):
        raise UnsupportedOutput("a callable selector cannot be put back")
    if isinstance(output, tuple):
        items = [tensor if key == selector else value for key, value in enumerate(output)]
        return type(output)(*items) if hasattr(output, "_fields") else tuple(items)
    if isinstance(output, list):
        return [tensor if key == selector else value for key, value in enumerate(output)]
    if isinstance(output, dict):
        fields = {key: (tensor if key == selector else value) for key, value in output.items()}
        return type(output)(**fields) if hasattr(output, "to_tuple") else fields
    return dataclasses.replace(output, **{str(selector): tensor})


@dataclasses.dataclass(frozen=True)
class Shown:
    """The shape of a layer's output for a number of rows."""

    rows: int
    shape: Shape


def row_axis(module: nn.Module, where: str, shown: Shown, other: Shown | None = None) -> int:
    """Return the axis of a layer's output that runs over the rows of the batch.

    The one whose length follows their number.

    Args:
        module: the layer; its ``batch_first`` decides where several axes follow.
        where: name of the layer, for messages.
        shown: rows and shape of one forward.
        other: the same of a forward with another number of rows; None where the network takes one
            number only.

    Raises:
        UnsupportedOutput: no axis follows, or several have the length and nothing tells which.
    """
    both = [shown] if other is None else [shown, other]
    axes = range(len(shown.shape))
    if other is not None and len(other.shape) != len(shown.shape):
        axes = range(0)
    following = [axis for axis in axes if all(one.shape[axis] == one.rows for one in both)]
    if len(following) == 1:
        return following[0]
    told = f"layer {where!r} ({type(module).__name__}): output of shape {shown.shape}"
    remedy = (
        f"give select={{{where!r}: lambda out: ...}} that returns one entry per row, or leave the "
        "layer out"
    )
    if not following:
        missing = f"has no axis of the {shown.rows} rows of the batch"
        several = _several_entries(where, shown, other)
        if several:
            raise UnsupportedOutput(f"{told} {missing}: {several}")
        sizes = "" if other is None else f" (of {other.rows} rows it is {other.shape})"
        raise UnsupportedOutput(f"{told} {missing}{sizes}; {remedy}")
    first = getattr(module, "batch_first", None)
    if first is None:
        first = getattr(getattr(module, "self_attn", None), "batch_first", None)
    if first is False and 1 in following:
        return 1
    if 0 in following and (other is not None or first):
        return 0  # every axis grows with the rows: a matrix of rows by rows
    raise UnsupportedOutput(
        f"{told} has several axes of {shown.rows}, the number of rows, and the network takes no "
        f"other number that would tell them apart; {remedy}"
    )


def _several_entries(where: str, shown: Shown, other: Shown | None) -> str:
    """What an axis that grows in proportion says: each row has several entries in it.

    Args:
        where: name of the layer.
        shown: rows and shape of one forward.
        other: the same of a forward with another number of rows.
    """
    if other is None or len(other.shape) != len(shown.shape):
        return ""
    for axis, length in enumerate(shown.shape):
        entries, rest = divmod(length, shown.rows)
        if entries > 1 and rest == 0 and other.shape[axis] == entries * other.rows:
            apart = f"{{{where!r}: lambda out: out.unflatten({axis}, (-1, {entries}))}}"
            return (
                f"axis {axis} holds {entries} entries of every row; select={apart} takes them apart"
            )
    return ""
