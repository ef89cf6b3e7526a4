"""Arrays of others held against the network that gave them.

A few rows are run again, and what differs has a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from infoplane.errors import CaptureError, InputError
from infoplane.hooks.certificates.chosen_rows import evenly_spread
from infoplane.hooks.certificates.comparing import same
from infoplane.hooks.network.isolate import Isolation, clean, device_of, unwrap
from infoplane.hooks.probing.probe import Probe, call, make_probe, to_numpy
from infoplane.patterns import plain_name
from infoplane.sources.rows import Rows
from infoplane.types.arrays import Floats, Ids

ROWS = 32
"""Rows that are run again, spread over all."""
TOLERANCE = 1e-4
"""Relative to the largest value of the layer: batches of another size move the last bits."""
_TOLERANCE_OF = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
"""Of arrays that were stored in half precision: their last bit."""

Values = Floats


def require_same(model: nn.Module, x: object, layers: Mapping[str, Rows]) -> None:
    """Run a few rows again and compare every layer with what the network gives.

    Args:
        model: the network, in evaluation mode here whatever its own.
        x: all inputs, shape ``(n, ...)``, or a mapping of them.
        layers: stored arrays of the same rows.

    Raises:
        InputError: no inputs to run.
        CaptureError: layers differ; the message says how.
    """
    if x is None:
        raise InputError("verify_with= runs a few rows again: give their inputs as x=")
    bare, probe = unwrap(model), make_probe((x, None))
    rows = evenly_spread(ROWS, probe.n)
    live = _outputs(bare, probe.take(rows))
    if not live:
        raise CaptureError("verify_with=: no layer of the network gave an array of as many rows")
    kinds = {clean(name): type(module).__name__ for name, module in bare.named_modules()}
    problems: dict[str, str] = {}
    for name, stored in layers.items():
        text = _difference(name, stored, rows, live, kinds)
        if text:
            problems[name] = text
    strangers = [name for name in problems if "no rows" in problems[name]]
    if len(strangers) == len(layers):
        problems = dict.fromkeys(
            problems,
            "no layer of the network gives these values: another checkpoint, other inputs, or "
            "captured in training mode",
        )
    if problems:
        lines = "\n".join(f"  {name}: {text}" for name, text in problems.items())
        raise CaptureError(f"the arrays are not what this network gives:\n{lines}")


def _outputs(model: nn.Module, rows: Probe) -> dict[str, Values]:
    """The output of every module on these rows, copied before anything can overwrite it."""
    found: dict[str, Values] = {}

    def keep(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, (tuple, list)) and output:
            output = output[0]
        elif isinstance(output, Mapping):
            output = next(iter(output.values()), None)
        if isinstance(output, Tensor) and output.ndim and output.shape[0] == rows.n:
            found.setdefault(name or "output", to_numpy(output).astype(np.float64))

    with ExitStack() as stack:
        for path, module in model.named_modules():
            stack.enter_context(module.register_forward_hook(partial(keep, clean(path))))
        stack.enter_context(Isolation(model, mode="eval", seed=0).entered())
        call(model, rows.whole(device_of(model)))
    return found


def _difference(
    name: str,
    stored: Rows,
    rows: Ids,
    live: Mapping[str, Values],
    kinds: Mapping[str, str],
) -> str:
    """What is wrong with one layer; empty where nothing is."""
    values = np.concatenate([stored.take(row, row + 1) for row in rows.tolist()]).astype(np.float64)
    plain = plain_name(name)
    own = live.get(plain)
    tolerance = _TOLERANCE_OF.get(stored.own_dtype, TOLERANCE)
    matches = []
    for other, there in live.items():
        if same(torch.from_numpy(values), torch.from_numpy(there), tolerance):
            matches.append(other)
    claims_norm = "(normed)" in name
    if plain in matches:
        return ""
    if matches and own is None:
        normed = _norms(matches, kinds)
        if normed and not claims_norm and name not in kinds:
            return (
                f"is the output of {normed}, a norm, and not of a block: name it 'final (normed)'"
            )
        return ""
    if matches:
        normed = _norms(matches, kinds)
        if normed:
            return f"holds the output of {normed}, which is normed: not what {plain} gives"
        return (
            f"holds the output of {matches[0]}: a buffer that was reused or changed in place "
            "before it was copied, or two layers swapped"
        )
    if own is not None:
        return _order(stored, [own])
    return _order(stored, [there for there in live.values() if there.shape == values.shape])


def _norms(names: list[str], kinds: Mapping[str, str]) -> str:
    """The first of these modules that is a norm; empty for none."""
    return next((name for name in names if "norm" in kinds.get(name, "").lower()), "")


def _order(stored: Rows, candidates: list[Values]) -> str:
    """Whether the rows are there in another order, or one batch again and again."""
    count = stored.shape[0]
    whole = np.asarray(stored.take(0, count), dtype=np.float64).reshape(count, -1)  # (N, D)
    distinct = len(np.unique(whole, axis=0))
    tolerance = _TOLERANCE_OF.get(stored.own_dtype, TOLERANCE)
    for values in candidates:
        if values.shape[1:] != stored.shape[1:]:
            return f"has rows of shape {stored.shape[1:]}, the network gives {values.shape[1:]}"
        fresh = values.reshape(len(values), -1)  # (K, D)
        several = len(np.unique(fresh, axis=0))
        found = [row for row in fresh if _holds(whole, row, tolerance)]
        if len(found) == len(fresh) and several <= distinct:
            return "holds the right rows in another order: they were shuffled, or x was"
        if distinct < several or (found and distinct <= count // 2):
            return (
                f"holds {distinct} different rows of {count}: a buffer that was reused, so that "
                "every batch is the last one"
            )
    return "no rows of it are those of the network: another checkpoint, mode or preprocessing"


def _holds(whole: Values, row: Values, tolerance: float) -> bool:
    """Whether a row is among all, up to rounding."""
    apart = float(np.abs(whole - row).max(axis=1).min())
    return apart <= tolerance * max(float(np.abs(row).max()), 1e-30)
