"""Every architecture in every way of training: true activations, unchanged training."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from architectures import ZOO, call
from builders import hooks_of
from torch import Tensor, nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import (
    apply_activation_checkpointing,
)

from infoplane.archive import open_archive
from infoplane.hooks.recorder import Recorder

State = dict[str, Tensor]
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"
)
AOT = ("mlp", "cnn", "resnet", "lstm", "functional attention")
"""Compiled through autograd as well; the rest through the front end, which is what hooks can
disturb. A code generator would only take minutes.
"""


def _references(
    net: nn.Module, names: tuple[str, ...], x: object, dtype: torch.dtype | None
) -> dict[str, Tensor]:
    """An independent capture in eval mode: one hook per module, every call cloned."""
    seen: dict[str, list[Tensor]] = {}
    handles = []
    for path, module in net.named_modules():
        name = path.replace("._checkpoint_wrapped_module", "") or "(model)"

        def hook(m: nn.Module, a: object, o: object, name: str = name) -> None:
            t = (
                o
                if isinstance(o, Tensor)
                else next(
                    v for v in (o.values() if isinstance(o, dict) else o) if isinstance(v, Tensor)
                )
            )  # type: ignore[attr-defined]
            seen.setdefault(name, []).append(t.clone())

        if not hasattr(module, "_checkpoint_wrapped_module"):
            handles.append(module.register_forward_hook(hook))
    net.eval()
    with (
        torch.no_grad(),
        torch.autocast("cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None),
    ):
        call(net, x)
    for handle in handles:
        handle.remove()
    return {n: seen[n.partition("#")[0]][int(n.partition("#")[2] or 0)] for n in names}


def _prepared(net: nn.Module, how: str, name: str) -> nn.Module:
    """The network as it is trained in one of the ways."""
    if how == "checkpointed" and hasattr(net, "gradient_checkpointing_enable"):
        net.gradient_checkpointing_enable()
    elif how == "checkpointed":
        weighted = {
            m
            for m in net.modules()
            if m is not net
            and any(True for _ in m.parameters(recurse=False))
            and not list(m.children())
        }
        apply_activation_checkpointing(net, check_fn=lambda m: m in weighted)
    if how == "compiled":
        torch.compiler.reset()
        return torch.compile(net, backend="aot_eager" if name in AOT else "eager")  # type: ignore[return-value]
    return net


def _train(
    net: nn.Module, run: nn.Module, x: object, how: str, rec: Recorder | None
) -> list[State]:
    """Three training steps with a capture in each; the weights as they were at step 0 and at every
    capture.
    """
    torch.manual_seed(3)
    optimiser = torch.optim.SGD(net.parameters(), 0.01)
    states = [copy.deepcopy(net.state_dict())]
    for step in range(1, 4):
        optimiser.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=how == "bf16"):
            call(run, x).float().square().mean().backward()
            states.append(copy.deepcopy(net.state_dict()))
            if rec is not None:
                assert rec.step(
                    step
                )  # between backward and update, inside autocast: where a loop may well call it
        optimiser.step()
    return states


def _hooks(net: nn.Module) -> list[list[int]]:
    """Every hook on every module; some frameworks leave their own."""
    return hooks_of(net)


@pytest.mark.parametrize(
    "how",
    [
        "plain",
        *(pytest.param(h, marks=pytest.mark.slow) for h in ("bf16", "checkpointed", "compiled")),
    ],
)
@pytest.mark.parametrize("name", list(ZOO))
def test_what_is_captured_is_true_and_training_ends_as_if_alone(
    name: str, how: str, tmp_path: Path
) -> None:
    build, x = ZOO[name]
    dtype = torch.bfloat16 if how == "bf16" else None
    torch.manual_seed(0)
    net = build().train()
    alone, fresh = copy.deepcopy(net), copy.deepcopy(net)
    run = _prepared(net, how, name)
    hooks = _hooks(net)
    with Recorder(
        run,
        probe=(x, np.arange(9) % 2),
        to=tmp_path / "run",
        layers="all",
        autocast=dtype,
        batch_size=9,
        durable=False,
        verbose=False,
    ) as rec:
        states = _train(net, run, x, how, rec)
    _train(alone, _prepared(alone, how, name), x, how, None)
    for key, value in alone.state_dict().items():
        assert torch.equal(value, net.state_dict()[key]), key
    assert _hooks(net) == hooks
    archive = open_archive(tmp_path / "run")
    assert len(archive.layers) >= 2 and archive.steps == (0, 1, 2, 3)
    for step, state in enumerate(states):
        fresh.load_state_dict(state)
        for layer, want in _references(fresh, archive.layers, x, dtype).items():
            np.testing.assert_array_equal(
                archive.z(step, layer),
                want.float().numpy().reshape(archive.z(step, layer).shape),
                err_msg=layer,
            )
