"""State outside parameters and buffers is unchanged after a probe."""

from __future__ import annotations

import collections
import copy
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from builders import hooks_of
from torch import Tensor, nn
from torch.nn.attention.flex_attention import flex_attention

from infoplane.hooks.network import network_state, writes
from infoplane.hooks.network.isolate import Isolation
from infoplane.hooks.network.network_state import NetworkState
from infoplane.hooks.recorder import Recorder


def scaled(weight: Tensor) -> Tensor:
    """Scripted code writes through the same operations."""
    return weight.mul_(0.5)


class Stateful(nn.Module):
    """Two linear layers; what a subclass returns from `scale` depends on the forwards before."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 6), nn.Linear(6, 3)

    def scale(self, hidden: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.first(x))
        return self.last(hidden * self.scale(hidden))  # type: ignore[no-any-return]


class TensorReplaced(Stateful):
    state = torch.ones(1, 6)

    def scale(self, hidden: Tensor) -> Tensor:
        self.state = 0.5 * self.state + hidden.mean(0, keepdim=True).detach()
        return self.state


class TensorInPlace(Stateful):
    def __init__(self) -> None:
        super().__init__()
        self.state = torch.ones(1, 6)

    def scale(self, hidden: Tensor) -> Tensor:
        self.state.mul_(0.5).add_(hidden.mean(0, keepdim=True).detach())
        return self.state.clone()


class ArrayInPlace(Stateful):
    def __init__(self) -> None:
        super().__init__()
        self.state = np.ones(6, dtype=np.float32)

    def scale(self, hidden: Tensor) -> Tensor:
        self.state *= 0.9
        return torch.from_numpy(self.state.copy())


class Counter(Stateful):
    calls = 0

    def scale(self, hidden: Tensor) -> Tensor:
        self.calls += 1
        return torch.tensor(1 / (1 + self.calls))


class Containers(Stateful):
    def __init__(self) -> None:
        super().__init__()
        self.history: collections.deque[Tensor] = collections.deque(maxlen=3)
        self.table: dict[str, list[int]] = {"calls": [0]}
        self.seen: set[int] = set()

    def scale(self, hidden: Tensor) -> Tensor:
        self.history.append(hidden.mean().detach())
        self.table["calls"][0] += 1
        self.table.setdefault("more", []).append(1)
        self.seen.add(self.table["calls"][0])
        return torch.stack([*self.history]).sum() + len(self.table["more"]) + len(self.seen)


class ObjectOfItsOwn(Stateful):
    def __init__(self) -> None:
        super().__init__()
        self.memory = SimpleNamespace(slots=[torch.ones(6)], writes=0)

    def scale(self, hidden: Tensor) -> Tensor:
        self.memory.writes += 1
        self.memory.slots[0].add_(hidden.mean(0).detach())
        return self.memory.slots[0] / self.memory.writes


@dataclass(slots=True)
class Memory:
    """State without a ``__dict__``."""

    writes: int
    slots: list[Tensor]


class SlottedObject(Stateful):
    def __init__(self) -> None:
        super().__init__()
        self.memory, self.mask = Memory(0, [torch.ones(6)]), bytearray(6)

    def scale(self, hidden: Tensor) -> Tensor:
        self.memory.writes += 1
        self.memory.slots[0] = self.memory.slots[0] * 0.5 + hidden.mean(0).detach()
        self.mask[self.memory.writes % 6] += 1
        return self.memory.slots[0] / self.memory.writes + torch.tensor([*self.mask])


class TeacherInList(Stateful):
    """A mean of the past weights, in a list so that no optimiser sees it."""

    def __init__(self) -> None:
        super().__init__()
        self.teachers = [copy.deepcopy(self.first)]

    def scale(self, hidden: Tensor) -> Tensor:
        (teacher,) = self.teachers
        with torch.no_grad():
            for mean, now in zip(teacher.parameters(), self.first.parameters(), strict=True):
                mean.mul_(0.9).add_(0.1 * now)
        return 1 + teacher.weight.mean()


class OwnRandomStreams(Stateful):
    def __init__(self) -> None:
        super().__init__()
        self.torch_stream = torch.Generator().manual_seed(1)
        self.numpy_stream, self.old_numpy = np.random.default_rng(1), np.random.RandomState(1)
        self.python_stream = random.Random(1)

    def scale(self, hidden: Tensor) -> Tensor:
        drawn = self.numpy_stream.random() + self.old_numpy.rand() + self.python_stream.random()
        return drawn + torch.rand(6, generator=self.torch_stream)


class RescaledInEvaluation(Stateful):
    rescaled = False

    def scale(self, hidden: Tensor) -> Tensor:
        if self.rescaled == self.training:
            with torch.no_grad():
                self.last.weight.mul_(3.0 if self.training else 1 / 3.0)
            self.rescaled = not self.training
        return torch.ones(1)


class ClippedByData(Stateful):
    def scale(self, hidden: Tensor) -> Tensor:
        self.last.weight.data.mul_(0.99)
        self.first.weight.data = self.first.weight.data.clamp(-0.3, 0.3)
        return torch.ones(1)


class MadeInForward(Stateful):
    def scale(self, hidden: Tensor) -> Tensor:
        if not hasattr(self, "gate"):
            self.gate = nn.Linear(6, 6)
            self.register_buffer("count", torch.zeros(1))
        self.count += 1
        return torch.sigmoid(self.gate(hidden)).detach() * self.count


class GrowingBuffer(Stateful):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("cache", torch.ones(1), persistent=False)

    def scale(self, hidden: Tensor) -> Tensor:
        if len(self.cache) < len(hidden):
            self.cache = torch.linspace(1, 2, len(hidden))
        return self.cache[-1] * len(self.cache)


class RenormalisedEmbedding(Stateful):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 6, max_norm=0.5)

    def scale(self, hidden: Tensor) -> Tensor:
        return self.table(torch.arange(len(hidden)) % (2 if self.training else 5))  # type: ignore[no-any-return]


class HooksItself(Stateful):
    """Hooks its own layer when it first runs, and notes that it did, as `transformers` does."""

    hooked = False

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def scale(self, hidden: Tensor) -> Tensor:
        if not self.hooked:
            self.first.register_forward_hook(lambda module, args, out: self.seen.append(out))
            self.hooked = True
        total = torch.ones(1) + len(self.seen)
        self.seen.clear()
        return total


KINDS = [
    TensorReplaced,
    TensorInPlace,
    ArrayInPlace,
    Counter,
    Containers,
    ObjectOfItsOwn,
    SlottedObject,
    TeacherInList,
    OwnRandomStreams,
    RescaledInEvaluation,
    ClippedByData,
    MadeInForward,
    GrowingBuffer,
    RenormalisedEmbedding,
    HooksItself,
]


def _trained(kind: type[Stateful], run: Path | None) -> dict[str, Tensor]:
    torch.manual_seed(0)
    net, x, y = kind(), torch.randn(16, 4), torch.arange(16) % 3
    rec = None
    if run is not None:
        rec = Recorder(
            net, probe=(3 + torch.randn(40, 4), torch.arange(40) % 3), to=run, verbose=False
        ).open()
        torch.manual_seed(1)
    torch.manual_seed(1)
    optimiser = torch.optim.SGD(net.parameters(), 0.1)
    for step in range(1, 5):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()
        if rec is not None:
            rec.step(step)
    if rec is not None:
        rec.close()
        assert rec.steps == (0, 1, 2, 3, 4)
    return net.state_dict()


@pytest.mark.parametrize("kind", KINDS)
def test_training_ends_bit_identically_whatever_the_network_keeps(
    kind: type[Stateful], tmp_path: Path
) -> None:
    plain, recorded = _trained(kind, None), _trained(kind, tmp_path / "run")
    assert plain.keys() == recorded.keys()
    assert all(torch.equal(plain[name], recorded[name]) for name in plain)


def test_what_a_forward_changed_is_named() -> None:
    net = nn.Sequential(Counter(), nn.Linear(3, 2))
    state = NetworkState(net)
    net(torch.zeros(2, 4))
    net[1].weight.data.add_(1)
    state.restore()
    assert state.changed == ["1.weight", "0.calls"] and state.lost == []
    state.restore()
    assert state.changed == ["1.weight", "0.calls"]


def test_a_forward_that_changes_nothing_is_said_to_change_nothing() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.LSTM(4, 2), nn.Flatten()).eval()
    state = NetworkState(net[0])
    net[0](torch.zeros(2, 3))
    state.restore()
    assert state.changed == state.lost == []


def test_hooks_that_a_forward_adds_go_and_hooks_of_others_stay() -> None:
    net = HooksItself()
    net.first.register_forward_hook(lambda module, args, out: None)
    before, state = hooks_of(net), NetworkState(net)
    net(torch.zeros(2, 4))
    assert hooks_of(net) != before
    state.restore()
    assert hooks_of(net) == before
    assert sorted(state.changed) == ["first.hooks", "hooked"]


def test_the_same_objects_are_put_back_not_equal_ones() -> None:
    net = TensorReplaced()
    net.state = before = torch.ones(1, 6)
    state = NetworkState(net)
    net(torch.zeros(2, 4))
    assert net.state is not before
    state.restore()
    assert net.state is before


def test_an_object_that_leads_into_the_program_is_not_followed() -> None:
    net = nn.Linear(2, 2)
    net.trainer = trainer = SimpleNamespace(lock=threading.Lock(), epochs=[1])
    state = NetworkState(net)
    trainer.epochs.append(2)
    net.trainer = None  # type: ignore[assignment]
    state.restore()
    assert net.trainer is trainer and trainer.epochs == [1, 2]


def test_a_write_that_changes_nothing_yet_is_named() -> None:
    net = nn.Linear(2, 2)
    net.weight.data.clamp_(-0.5, 0.5)
    state = NetworkState(net)
    with torch.no_grad():
        net.weight.clamp_(-1, 1)
    state.restore()
    assert state.changed == ["weight"]


def test_a_module_of_the_network_in_a_list_is_followed_once() -> None:
    net = nn.Sequential(nn.Linear(2, 2))
    net.again = [net[0], net]
    state = NetworkState(net)
    net[0].weight.data.add_(1)
    state.restore()
    assert state.changed == ["0.weight"]


def test_parameters_too_large_to_copy_are_named_when_a_forward_writes_into_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network_state, "COPY_BYTES", 16)
    net = RescaledInEvaluation().eval()
    state = NetworkState(net)
    net(torch.zeros(2, 4))
    state.restore()
    assert state.lost == ["last.weight"] and state.changed == ["rescaled"]
    assert NetworkState(net, written=["last.weight"]).lost == []


@pytest.mark.parametrize("kind", [RescaledInEvaluation, ClippedByData, RenormalisedEmbedding])
def test_large_parameters_are_copied_before_a_forward_writes_into_them(
    kind: type[Stateful], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_state, "COPY_BYTES", 16)
    plain, recorded = _trained(kind, None), _trained(kind, tmp_path / "run")
    assert all(torch.equal(plain[name], recorded[name]) for name in plain)


@pytest.mark.filterwarnings("ignore:.*jit.script:DeprecationWarning")
@pytest.mark.parametrize(
    "write",
    [
        lambda net: net.last.weight.data.copy_(torch.zeros(3, 6)),
        lambda net: torch.zeros(3, 6, out=net.last.weight.data),
        lambda net: torch._foreach_add_([net.last.weight.data], 1.0),
        lambda net: net.last.weight.data[1:].t().mul_(2),
        lambda net: net.last.weight.data.__setitem__(0, 1.0),
        lambda net: torch.jit.script(scaled)(net.last.weight.data),
    ],
)
def test_every_way_in_which_torch_writes_is_seen(
    write: Callable[[Stateful], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_state, "COPY_BYTES", 16)
    net = Stateful()
    before = net.last.weight.detach().clone()
    state = NetworkState(net)
    with torch.no_grad(), state.watching():
        write(net)
    assert not torch.equal(net.last.weight, before)
    state.restore()
    assert torch.equal(net.last.weight, before)
    assert state.changed == ["last.weight"] and not state.lost


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_operators_of_functions_run_while_writes_are_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network_state, "COPY_BYTES", 16)
    query = torch.randn(2, 1, 4, 8)
    alone = flex_attention(query, query, query)
    with Isolation(Stateful(), mode="eval", seed=0).entered():
        assert torch.equal(flex_attention(query, query, query), alone)


class Wrapped(Tensor):
    """A tensor that holds another one and has no storage, as sharded and quantised ones."""

    @staticmethod
    def __new__(cls, inner: Tensor) -> Wrapped:
        return Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)

    def __init__(self, inner: Tensor) -> None:
        self.inner = inner

    @classmethod
    def __torch_dispatch__(
        cls,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        func(*(arg.inner if isinstance(arg, cls) else arg for arg in args), **(kwargs or {}))
        return args[0]


def test_tensors_without_storage_run_while_writes_are_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network_state, "COPY_BYTES", 16)
    hidden = torch.ones(2, 3)
    with Isolation(Stateful(), mode="eval", seed=0).entered():
        Wrapped(hidden).mul_(2)
    assert torch.equal(hidden, torch.full((2, 3), 2.0))


def test_large_parameters_are_read_once_before_and_once_after_what_was_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network_state, "COPY_BYTES", 16)
    net, read = nn.Linear(4, 6), []
    monkeypatch.setattr(writes, "crc32", lambda data, start: read.append(data.nbytes) or 0)
    with Isolation(net, mode="eval", seed=0).entered():
        net(torch.zeros(2, 4))
    assert sum(read) == 2 * sum(parameter.nbytes for parameter in net.parameters())


def test_a_write_without_torch_into_a_large_parameter_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network_state, "COPY_BYTES", 16)
    net = Stateful()
    state = NetworkState(net)
    with state.watching():
        net.last.weight.detach().numpy()[0] = 1.0
    state.restore()
    assert state.lost == ["last.weight"]


def test_parameters_that_no_forward_writes_into_are_not_copied_again() -> None:
    net = RescaledInEvaluation().eval()
    state = NetworkState(net, written=())
    net(torch.zeros(2, 4))
    state.restore()
    assert state.lost == ["last.weight"]
    before = net.last.weight.detach().clone()
    state = NetworkState(net.train(), written=state.lost)
    net(torch.zeros(2, 4))
    state.restore()
    assert state.lost == [] and torch.equal(net.last.weight, before)


def test_a_state_is_put_back_after_an_error_too() -> None:
    net = Counter()
    state = NetworkState(net)
    with pytest.raises(RuntimeError):
        net(torch.zeros(2, 5))
    net.calls = 7
    state.restore()
    assert net.calls == 0
