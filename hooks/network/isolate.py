"""A probe leaves the model and every random state exactly as it found them.

It does so after an error too.
"""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Collection, Iterator
from typing import Literal, Self

import numpy as np
import torch
from torch import nn

from infoplane.errors import UnsupportedModel
from infoplane.hooks.network.network_state import NetworkState

Mode = Literal["eval", "train", "user"]
WRAPPED = ("_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module")


def unwrap(model: nn.Module) -> nn.Module:
    """Return the eager network inside DDP, DataParallel, Fabric and `torch.compile` wrappers.

    Raises:
        UnsupportedModel: scripted, exported, not a module, or with parameters that have no shape
            yet.
    """
    while isinstance(model, nn.Module) and not isinstance(model, torch.jit.ScriptModule):
        if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            model = model.module
        elif "_orig_mod" in model._modules:
            model = model._orig_mod  # type: ignore[assignment]  # OptimizedModule keeps the network there
        elif "_forward_module" in model._modules:  # of Lightning Fabric, which adds autocast
            model = model.module  # type: ignore[assignment]  # the network as it was given
        else:
            break
    if isinstance(model, torch.jit.ScriptModule):
        raise UnsupportedModel(
            "the model is a ScriptModule: hooks on its layers never fire; record the eager "
            "nn.Module it was scripted from"
        )
    if not isinstance(model, nn.Module):
        advice = "an ExportedProgram has no layers to hook, record the module it came from"
        if callable(model):
            name = getattr(model, "__name__", "make_model")
            advice = f"where it makes the network, give what it returns: {name}()"
        raise UnsupportedModel(f"expected a torch.nn.Module, got {type(model).__name__}; {advice}")
    lazy = [
        name
        for name, parameter in model.named_parameters()
        if isinstance(parameter, nn.parameter.UninitializedParameter)
    ]
    if lazy:
        raise UnsupportedModel(
            f"lazy parameters have no shape yet: {lazy[:5]}; run one batch through the model "
            "before attaching the recorder"
        )
    return model


def clean(path: str) -> str:
    """Return a module name without the parts that compile, checkpoint and FSDP wrappers add.

    Example:
        >>> clean("blocks.0._orig_mod.fc")
        'blocks.0.fc'
    """
    return ".".join(part for part in path.split(".") if part not in WRAPPED)


class RandomState:
    """The random states of Python, NumPy and torch as they are now, on CPU and accelerators."""

    def __init__(self) -> None:
        self._python = random.getstate()
        self._numpy = np.random.get_state()
        self._torch = torch.get_rng_state()
        used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]  # torch
        self._cuda = torch.cuda.get_rng_state_all() if used else []

    def restore(self) -> None:
        """Put all of them back; repeating it changes nothing."""
        random.setstate(self._python)
        np.random.set_state(self._numpy)
        torch.set_rng_state(self._torch)
        for index, state in enumerate(self._cuda):
            torch.cuda.set_rng_state(state, index)


@contextlib.contextmanager
def random_state_kept() -> Iterator[None]:
    """Restore Python, NumPy and torch random states on exit."""
    state = RandomState()
    try:
        yield
    finally:
        state.restore()


def seed_all(seed: int) -> None:
    """Seed Python, NumPy and torch; only ever where the states are restored afterwards."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # torch
        torch.cuda.manual_seed_all(seed)


class _Compiler:
    """Whether compiled regions run compiled; nothing to do where nothing was ever compiled."""

    def __init__(self) -> None:
        self._in_use = "torch._dynamo" in sys.modules and hasattr(torch.compiler, "set_stance")
        self._touched = False
        self._eager: contextlib.AbstractContextManager[object] | None = None

    def run_eagerly(self) -> None:
        if self._in_use:
            self._touched = True
            self._eager = torch.compiler.set_stance("force_eager")

    def restore(self) -> None:
        if not self._touched:
            return
        if self._eager is None:  # interrupted inside torch, which had no time to say how it was
            torch.compiler.set_stance("default")
        else:
            with self._eager:  # its exit puts back what was before it was made
                pass
        self._touched = False


class _Autocast:
    """Autocast of one type of device as it is now."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._enabled = torch.is_autocast_enabled(device)
        self._dtype = torch.get_autocast_dtype(device)
        self._cache = torch.is_autocast_cache_enabled()
        self._nesting = _autocast_nesting()

    def set(self, dtype: torch.dtype | None) -> None:
        # entered and never left: `restore` sets every value itself, which an interrupt cannot cut
        # in half the weight cache must stay off: weights cast under no_grad would be reused without
        # gradient by the loop around us
        wanted = dtype or self._dtype
        enabled = dtype is not None
        torch.autocast(self._device, wanted, enabled, cache_enabled=False).__enter__()  # type: ignore[no-untyped-call]  # torch

    def restore(self) -> None:
        torch.set_autocast_enabled(self._device, self._enabled)
        torch.set_autocast_dtype(self._device, self._dtype)
        torch.set_autocast_cache_enabled(self._cache)
        while _autocast_nesting() > self._nesting:
            torch.autocast_decrement_nesting()
        if self._nesting == 0:
            torch.clear_autocast_cache()


def _autocast_nesting() -> int:
    return torch.autocast_increment_nesting() and torch.autocast_decrement_nesting()


class Isolation:
    """Everything a probe needs around its forwards, and how all of it was before.

    An interrupt (Ctrl-C) may come between any two lines, also while things are put back. Therefore
    enter it twice: what an interrupt cuts short in the first exit, the second does::

        isolation = Isolation(model, mode="eval", seed=0)
        with isolation, isolation:
            isolation.prepare()
            model(x)

    Args:
        model: the bare network, see `unwrap`.
        mode: ``eval``, ``train``, or ``user``: as the model stands.
        seed: of the noise inside the probe; None leaves the streams where they are (and still puts
            them back).
        autocast: dtype to compute in; None switches autocast off, whatever the training loop does
            around the call.
        written: parameters that forwards write into, see `NetworkState`.

    Attributes:
        network: what the network holds; after `restore` it says what the forwards changed.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        mode: Mode,
        seed: int | None,
        autocast: torch.dtype | None = None,
        written: Collection[str] | None = None,
    ) -> None:
        self._mode, self._seed, self._dtype = mode, seed, autocast
        self._flags = [(module, module.training) for module in model.modules()]
        self.network = NetworkState(model, written)
        self._random = RandomState()
        self._grad = torch.is_grad_enabled()
        self._autocast = _Autocast(device_of(model).type)
        self._compiler = _Compiler()

    def prepare(self) -> None:
        """Set mode, seed, grad mode, autocast and compiler for a probe."""
        if self._seed is not None:
            seed_all(self._seed)
        if self._mode != "user":
            wanted = self._mode == "train"
            for module, training in self._flags:
                if training != wanted:
                    module.training = wanted
        self._compiler.run_eagerly()
        # never inference_mode: a cache built lazily here would poison the next training step
        torch.set_grad_enabled(False)
        self._autocast.set(self._dtype)

    def restore(self) -> None:
        """Put everything back as it was; repeating it changes nothing, not even for a moment."""
        self._autocast.restore()
        torch.set_grad_enabled(self._grad)
        self._compiler.restore()
        self.network.restore()
        for module, training in self._flags:  # one by one: model.train() would thaw a frozen layer
            if module.training != training:
                module.training = training
        self._random.restore()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.restore()

    @contextlib.contextmanager
    def entered(self) -> Iterator[NetworkState]:
        """Surround what runs before training, where no interrupt puts a training at stake.

        Yields:
            What the network holds; afterwards it says what the forwards changed.
        """
        with self, self:
            self.prepare()
            with self.network.watching():
                yield self.network


def device_of(model: nn.Module) -> torch.device:
    """Return where the model's first parameter or buffer lives; cpu when it has none.

    Weights on the meta device are offloaded and brought where they are needed when a layer runs, so
    they say nothing.
    """
    for tensor in [*model.parameters(), *model.buffers()]:
        if not tensor.is_meta:
            return tensor.device
    return torch.device("cpu")


def dtype_named(name: str) -> torch.dtype:
    """Return the torch dtype of this name, ``float32``."""
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def dtype_of(model: nn.Module) -> torch.dtype | None:
    """Return the floating type of the model's first parameter; None when it has none."""
    return next(
        (parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()), None
    )
