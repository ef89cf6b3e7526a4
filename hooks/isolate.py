"""A probe leaves the model and every random state exactly as it found them, also after an error."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Collection, Iterator
from typing import Literal

import numpy as np
import torch
from torch import nn

from infoplane.errors import UnsupportedModel
from infoplane.hooks.network_state import NetworkState

Mode = Literal["eval", "train", "user"]
WRAPPED = ("_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module")


def unwrap(model: nn.Module) -> nn.Module:
    """The eager network inside DDP, DataParallel and `torch.compile` wrappers.

    Raises:
        UnsupportedModel: scripted, exported, not a module, or with parameters that have no shape yet.
    """
    while isinstance(model, nn.Module) and not isinstance(model, torch.jit.ScriptModule):
        if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            model = model.module
        elif "_orig_mod" in model._modules:
            model = model._orig_mod  # type: ignore[assignment]  # OptimizedModule keeps the network there
        else:
            break
    if isinstance(model, torch.jit.ScriptModule):
        raise UnsupportedModel(
            "the model is a ScriptModule: hooks on its layers never fire; record the eager nn.Module it was scripted from"
        )
    if not isinstance(model, nn.Module):
        raise UnsupportedModel(
            f"expected a torch.nn.Module, got {type(model).__name__}; an ExportedProgram has no layers to hook, record the module it came from"
        )
    lazy = [
        name
        for name, p in model.named_parameters()
        if isinstance(p, nn.parameter.UninitializedParameter)
    ]
    if lazy:
        raise UnsupportedModel(
            f"lazy parameters have no shape yet: {lazy[:5]}; run one batch through the model before attaching the recorder"
        )
    return model


def clean(path: str) -> str:
    """A dotted module name without the parts that compile, checkpoint and FSDP wrappers add.

    Example:
        >>> clean("blocks.0._orig_mod.fc")
        'blocks.0.fc'
    """
    return ".".join(part for part in path.split(".") if part not in WRAPPED)


@contextlib.contextmanager
def random_state_kept(seed: int | None = None) -> Iterator[None]:
    """Python, NumPy and torch (CPU and every used accelerator) random states are restored on exit; inside they follow ``seed``."""
    python, legacy = random.getstate(), np.random.get_state()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]  # torch
    with torch.random.fork_rng(devices=devices):
        try:
            if seed is not None:
                seed_all(seed)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)


def seed_all(seed: int) -> None:
    """Seed Python, NumPy and torch; only ever inside `random_state_kept`."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # torch
        torch.cuda.manual_seed_all(seed)


@contextlib.contextmanager
def _modes_kept(model: nn.Module, mode: Mode) -> Iterator[None]:
    flags = [(m, m.training) for m in model.modules()]
    try:
        if mode != "user":
            wanted = mode == "train"
            for m, training in flags:
                if training != wanted:
                    m.training = wanted
        yield
    finally:
        for (
            m,
            training,
        ) in flags:  # one by one: model.train() would thaw a batch-norm the user froze
            if m.training != training:
                m.training = training


@contextlib.contextmanager
def _state_kept(model: nn.Module, written: Collection[str] | None) -> Iterator[NetworkState]:
    state = NetworkState(model, written)
    try:
        yield state
    finally:
        state.restore()


def _eager() -> contextlib.AbstractContextManager[object]:
    """Compiled regions run eagerly inside; free when nothing was ever compiled."""
    if "torch._dynamo" in sys.modules and hasattr(torch.compiler, "set_stance"):
        return torch.compiler.set_stance("force_eager")  # type: ignore[no-any-return]  # torch
    return contextlib.nullcontext()


@contextlib.contextmanager
def isolated(
    model: nn.Module,
    *,
    mode: Mode,
    seed: int | None,
    autocast: torch.dtype | None,
    device: torch.device,
    written: Collection[str] | None = None,
) -> Iterator[NetworkState]:
    """Everything a probe needs around its forwards, undone in reverse order.

    Args:
        model: the bare network, see `unwrap`.
        mode: ``eval``, ``train``, or ``user``: as the model stands.
        seed: of the noise inside the probe; None leaves the streams where they are (and still puts them back).
        autocast: dtype to compute in; None switches autocast off, whatever the training loop does around the call.
        device: where the model lives.
        written: parameters that forwards write into, see `NetworkState`.

    Yields:
        What the network holds; afterwards it says what the forwards changed.
    """
    dtype = autocast or torch.get_autocast_dtype(device.type)
    with (
        random_state_kept(seed),
        _modes_kept(model, mode),
        _state_kept(model, written) as state,
        _eager(),
        torch.no_grad(),  # never inference_mode: a cache built lazily here would poison the next training step
        # the weight cache must stay off: weights cast under no_grad would be reused without gradient by the loop around us
        torch.autocast(device.type, dtype=dtype, enabled=autocast is not None, cache_enabled=False),
    ):
        yield state


def device_of(model: nn.Module) -> torch.device:
    """Where the model's first parameter or buffer lives; cpu when it has none.

    Weights on the meta device are offloaded and brought where they are needed when a layer runs, so they say nothing.
    """
    for tensor in [*model.parameters(), *model.buffers()]:
        if not tensor.is_meta:
            return tensor.device
    return torch.device("cpu")


def dtype_of(model: nn.Module) -> torch.dtype | None:
    """In which floating type the model's first parameter is; None when it has none."""
    return next((p.dtype for p in model.parameters() if p.is_floating_point()), None)
