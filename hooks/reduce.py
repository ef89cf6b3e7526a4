"""Reductions at capture time: fewer numbers per row in the archive.

Row digests of the raw activation are kept whatever the reduction.

A reduced layer is another variable than the layer: it gets no data-processing flag, and every label
shows the reduction.

| spec | a row of shape | becomes | meaning |
|---|---|---|---|
| ``flatten`` | any | (d,) | all units in one axis |
| ``gap`` | (C, ...) | (C,) | mean over everything but the first axis (channels first) |
| ``channels`` | (C, ...) | (2, C) | mean and standard deviation of every channel |
| ``token:cls`` ``token:last`` ``token:mean`` | (T, D) | (D,) | first, last, mean real token |
| ``token:full`` | (T, D) | (T*D,) | all tokens side by side |
| ``pca:k`` | any | (k,) | first k principal components, fitted once on the probe set |
| ``project:k`` | any | (k,) | a fixed Gaussian projection, variance 1/k |
| ``sample:k`` | any | (k,) | k units drawn once; their indices are stored |

A callable ``f(tensor (b, ...)) -> tensor (b, ...)`` may be given in place of a spec; it is stored
by its name.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from infoplane.errors import InputError
from infoplane.hooks.certificates.comparing import same
from infoplane.hooks.network.isolate import random_state_kept
from infoplane.types.arrays import Shape

Custom = Callable[[Tensor], Tensor]
_ROUNDING = 1e-2
"""How much a row may change by rounding in a batch of another size, of the largest magnitude."""
FIT_ROWS = 4096
"""At most so many probe rows, evenly spaced, fit a ``pca`` basis."""


def _flat(rows: Tensor) -> Tensor:
    return rows.reshape(rows.shape[0], -1)


def _rest(rows: Tensor) -> Tensor:
    return rows.reshape(rows.shape[0], rows.shape[1], -1)


def _channels(rows: Tensor) -> Tensor:
    return torch.stack([_rest(rows).mean(2), _rest(rows).std(2, unbiased=False)], 1)


def _first_real(rows: Tensor, valid: Tensor) -> Tensor:
    return rows[torch.arange(len(rows)), valid.int().argmax(1)]


def _last_real(rows: Tensor, valid: Tensor) -> Tensor:
    return rows[torch.arange(len(rows)), valid.shape[1] - 1 - valid.flip(1).int().argmax(1)]


def _mean_of_real(rows: Tensor, valid: Tensor) -> Tensor:
    weight = valid.reshape(*valid.shape, *[1] * (rows.ndim - 2)).to(rows.dtype)
    real = torch.where(weight > 0, rows, torch.zeros((), dtype=rows.dtype))  # padding may hold NaN
    return real.sum(1) / weight.sum(1)


@dataclass(frozen=True)
class PlainReduction:
    """A reduction that remembers nothing.

    Attributes:
        axes: how many axes a row needs.
        function: of rows ``(b, ...)``.
        of_real: the same of padded samples, rows ``(b, T, ...)`` and their real positions
            ``(b, T)``; only of reductions that pick or average positions.
        computes: whether what it makes of integers are amounts.
    """

    axes: int
    function: Custom
    of_real: Callable[[Tensor, Tensor], Tensor] | None = None
    computes: bool = False


PLAIN = {
    "flatten": PlainReduction(0, _flat),
    "gap": PlainReduction(2, lambda rows: _rest(rows).mean(2), computes=True),
    "channels": PlainReduction(2, _channels, computes=True),
    "token:cls": PlainReduction(2, lambda rows: rows[:, 0], _first_real),
    "token:last": PlainReduction(2, lambda rows: rows[:, -1], _last_real),
    "token:mean": PlainReduction(2, lambda rows: rows.mean(1), _mean_of_real, computes=True),
    "token:full": PlainReduction(2, _flat),
}
"""By spec; a new one is a line here and one in the table above."""
_SIZED = ("pca", "project", "sample")


def over_positions(spec: object) -> bool:
    """Return whether a reduction picks or averages positions."""
    return isinstance(spec, str) and spec in PLAIN and PLAIN[spec].of_real is not None


class Reduction:
    """One reduction at one layer, with whatever it has to remember (a basis, unit indices).

    Args:
        spec: its name, as ``reduce=`` takes it.
        layer: name of the layer.
        raw_shape: of one row of the layer.
        plain: what it computes; None for those that have a basis or units.
        k: units that it leaves; 0 for those that have a function.
        seed: of random projections and units.
    """

    def __init__(
        self,
        spec: str,
        layer: str,
        raw_shape: Shape,
        plain: PlainReduction | None,
        *,
        k: int = 0,
        seed: int = 0,
    ) -> None:
        self.spec, self.layer, self.raw_shape, self.k = spec, layer, raw_shape, k
        self._plain = plain
        self._state: dict[str, Tensor] = {}
        width = math.prod(raw_shape)
        rng = np.random.default_rng([seed, zlib.crc32(layer.encode())])
        if spec.startswith("project"):
            self._state["basis"] = torch.from_numpy(
                rng.standard_normal((width, k), dtype=np.float32) / np.float32(math.sqrt(k))
            )
        elif spec.startswith("sample"):
            self._state["units"] = torch.from_numpy(
                np.sort(rng.choice(width, size=k, replace=False))
            )

    @property
    def needs_fit(self) -> bool:
        """Whether `fit` must run before `apply`."""
        return self.spec.startswith("pca") and "basis" not in self._state

    def fit(self, rows: Tensor) -> None:
        """Fit the principal components of ``rows``, shape ``(m, *raw_shape)``."""
        flat = _flat(rows).double()
        mean = flat.mean(0)
        _, _, vt = torch.linalg.svd(flat - mean, full_matrices=False)
        if len(vt) < self.k:
            raise InputError(
                f"layer {self.layer!r}: {self.spec} needs at least {self.k} probe rows and units, "
                f"got {len(vt)}"
            )
        basis = vt[: self.k].T
        largest = basis.abs().argmax(0, keepdim=True)
        signs = torch.sign(basis.gather(0, largest))  # a component's sign is arbitrary: fix it
        self._state |= {"mean": mean.float(), "basis": (basis * signs).float()}

    def apply(self, rows: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return what rows become, given in shape ``(b, *raw_shape)``.

        Args:
            rows: of the layer.
            valid: real positions of padded rows, shape ``(b, T)``; None where all are.
        """
        if self._plain is not None:
            return self._computed(self._plain, rows, valid)
        flat = _flat(rows)
        if "units" in self._state:
            return flat[:, self._state["units"]]
        return (flat.float() - self._state.get("mean", 0)) @ self._state["basis"]

    def _computed(self, plain: PlainReduction, rows: Tensor, valid: Tensor | None) -> Tensor:
        if plain.computes and not rows.is_floating_point():
            rows = rows.float()
        if valid is not None and plain.of_real is not None:
            out = plain.of_real(rows, valid)
        else:
            out = plain.function(rows)
        if isinstance(out, Tensor) and out.ndim and len(out) == len(rows):
            return out
        got = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise InputError(
            f"layer {self.layer!r}: reduction {self.spec!r} must return a tensor of {len(rows)} "
            f"rows, got {got}"
        )

    def shape(self, dtype: torch.dtype) -> Shape:
        """Return the feature shape after the reduction."""
        if self._plain is None:
            return (self.k,)
        return tuple(self.apply(torch.zeros((1, *self.raw_shape), dtype=dtype)).shape[1:])

    def dtype(self, own: torch.dtype) -> torch.dtype:
        """Return the dtype of reduced rows of a layer of dtype ``own``."""
        if own.is_floating_point or "units" in self._state:
            return own
        if self._plain is None:
            return torch.float32
        return self.apply(torch.zeros((1, *self.raw_shape), dtype=own)).dtype

    def state(self) -> dict[str, Any] | None:  # Any: JSON
        """Return a JSON-ready form of what it remembers; None when it remembers nothing."""
        if not self._state:
            return None
        return {
            "spec": self.spec,
            "layer": self.layer,
            "arrays": {
                name: {
                    "dtype": str(values.numpy().dtype),
                    "shape": list(values.shape),
                    "base64": base64.b64encode(values.contiguous().numpy().tobytes()).decode(),
                }
                for name, values in self._state.items()
            },
        }

    def load(self, state: Mapping[str, Any]) -> None:  # Any: JSON
        """Take back what `state` gave, so that a resumed run keeps its basis."""
        for name, stored in state["arrays"].items():
            raw = np.frombuffer(base64.b64decode(stored["base64"]), np.dtype(stored["dtype"]))
            self._state[name] = torch.from_numpy(raw.reshape(stored["shape"]).copy())


def _check_each_row_alone(function: Custom, name: str, layer: str, raw_shape: Shape) -> None:
    """Refuse a function that makes something else of a row when others are in its batch.

    Args:
        function: of rows ``(b, *raw_shape)``.
        name, layer: for the message.
        raw_shape: of one row.

    Raises:
        InputError: it depends on the batch, or draws random numbers.
    """
    rows = torch.rand((3, *raw_shape), generator=torch.Generator().manual_seed(0))
    rows[1] /= 2  # of other sizes, so that statistics of the batch differ from those of a row
    rows[2] /= 4
    try:
        with random_state_kept():
            together = function(rows.clone())
            alone = torch.cat([function(row[None].clone()) for row in rows])
    except Exception:  # it takes other values than these, or fails: `Reduction.apply` says so
        return
    if together.shape == alone.shape and not same(together, alone, _ROUNDING):
        raise InputError(
            f"layer {layer!r}: reduction {name!r} gives other values for a row that comes alone: "
            "expected what is computed from each row by itself, without means over the batch and "
            "without random numbers, since a batch has as many rows as fit into memory"
        )


def reduction(
    spec: str | Custom | None, layer: str, raw_shape: Shape, *, seed: int = 0
) -> Reduction | None:
    """Return the `Reduction` of one layer; None for ``none``.

    Args:
        spec: as ``reduce=`` takes it.
        layer: its name.
        raw_shape: of one row.
        seed: of random projections.

    Raises:
        InputError: unknown spec, or one that does not fit the layer's shape.
    """
    if spec is None or spec == "none":
        return None
    if callable(spec):
        name = getattr(spec, "__name__", type(spec).__name__)
        _check_each_row_alone(spec, name, layer, raw_shape)
        # what is reduced is the network's own memory: a copy of it may be written into
        plain = PlainReduction(0, lambda rows: spec(rows.clone()))
        return Reduction(name, layer, raw_shape, plain)
    family, _, size = spec.partition(":")
    if family in _SIZED:
        width = math.prod(raw_shape)
        if not size.isdigit() or not 1 <= int(size) <= width:
            raise InputError(
                f"layer {layer!r}: {family}:k needs a whole k from 1 to its {width} units, got "
                f"{spec!r}"
            )
        return Reduction(spec, layer, raw_shape, None, k=int(size), seed=seed)
    if spec not in PLAIN:
        raise InputError(
            f"no such reduction: {spec!r}; there are none, {', '.join(PLAIN)}, "
            f"{', '.join(f + ':k' for f in _SIZED)}, or a callable"
        )
    plain = PLAIN[spec]
    if not has_axes_for(spec, raw_shape):
        raise InputError(
            f"layer {layer!r}: reduction {spec!r} needs rows of at least {plain.axes} axes, got "
            f"shape {raw_shape}; leave it unreduced or use flatten"
        )
    return Reduction(spec, layer, raw_shape, plain)


def has_axes_for(spec: str | Custom | None, raw_shape: Shape) -> bool:
    """Return whether rows of this shape have the axes that a reduction takes together."""
    plain = PLAIN.get(spec) if isinstance(spec, str) else None
    return plain is None or len(raw_shape) >= plain.axes
