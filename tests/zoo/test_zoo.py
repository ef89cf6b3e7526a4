"""Networks of other packages, attached to by ``auto``: a dozen whenever the tests run, all of them
by `make zoo`.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import random
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import infoplane as ip
from infoplane.analysis.dpi.settings import DPISettings
from infoplane.hooks.network.isolate import unwrap
from zoo.functional import FUNCTIONAL
from zoo.kinds import ROWS
from zoo.networks import SMALL, ZOO

NAMES = list(ZOO) if os.environ.get("ZOO") == "all" else list(SMALL)
EXPECTED: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "expected.json").read_text(encoding="utf-8")
)
LABELS = np.arange(ROWS) % 2


@pytest.fixture(autouse=True)
def _warnings_of_others() -> Iterator[None]:
    """Configurations of a few words and layers are warned of by their packages."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _network(name: str) -> nn.Module:
    package = ZOO[name].package.replace("-", "_")
    if package not in sys.modules and importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    torch.manual_seed(0)
    random.seed(0)
    return ZOO[name].build()


def _call(network: nn.Module, inputs: object) -> object:
    given = copy.deepcopy(inputs)
    if isinstance(given, dict):
        return network(**given)
    return network(*given) if isinstance(given, tuple) else network(given)


def _record(name: str, network: nn.Module, to: Path, **options: Any) -> ip.Recorder:
    return ip.Recorder(
        network,
        probe=(ZOO[name].inputs, LABELS),
        to=to / "run",
        verbose=False,
        durable=False,
        batch_size=ROWS,
        **options,
    )


def _train(name: str, network: nn.Module, recorder: ip.Recorder | None) -> dict[str, Tensor]:
    """Three steps of gradient descent on the size of the output."""
    if not all(isinstance(value, Tensor) for value in network.state_dict().values()):
        pytest.skip("a quantised network is not trained")
    network.train()
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-2)
    for step in (1, 2, 3):
        optimiser.zero_grad()
        loss = sum(t.pow(2).mean() for t in _tensors(_call(network, ZOO[name].inputs)))
        assert isinstance(loss, Tensor)
        loss.backward()
        optimiser.step()
        if recorder is not None:
            recorder.step(step)
    return {key: value.clone() for key, value in network.state_dict().items()}


def _tensors(output: object) -> list[Tensor]:
    items = list(output.values()) if isinstance(output, Mapping) else output
    listed = list(items) if isinstance(items, (tuple, list)) else [items]
    amounts = [t for t in listed if isinstance(t, Tensor) and t.requires_grad]
    assert amounts
    return amounts


def _seen_by_hooks(name: str, network: nn.Module) -> dict[tuple[str, int], list[Any]]:
    """What every module returned and was called with (``name:input``), call by call."""
    seen: dict[tuple[str, int], list[Any]] = {}
    calls: Counter[str] = Counter()

    def look(path: str) -> Any:  # a hook
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            for end, value in ((path, output), (f"{path}:input", args[0] if args else None)):
                tensors = _parts(value)
                seen[end, calls[path]] = [t.detach().clone().numpy() for t in tensors]
            calls[path] += 1

        return hook

    modules = unwrap(network).named_modules()
    handles = [module.register_forward_hook(look(path)) for path, module in modules]
    with torch.no_grad():
        _call(network.eval(), ZOO[name].inputs)
    for handle in handles:
        handle.remove()
    return seen


def _parts(value: object) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    items = value.values() if isinstance(value, Mapping) else value
    if not isinstance(items, (tuple, list)) and not isinstance(value, Mapping):
        return []
    return [t for t in items if isinstance(t, Tensor)]  # type: ignore[union-attr]  # a container


@pytest.mark.parametrize("name", NAMES)
def test_auto_takes_blocks_embedding_last_norm_and_output(name: str, tmp_path: Path) -> None:
    with _record(name, _network(name), tmp_path, chain=False) as recorder:
        assert list(recorder.layers) == EXPECTED[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_bit_is_that_of_a_plain_forward(name: str, tmp_path: Path) -> None:
    network = _network(name)
    with _record(name, network, tmp_path, chain=False) as recorder:
        layers = recorder.layers
    seen = _seen_by_hooks(name, network)
    archive = ip.open_archive(tmp_path / "run")
    for layer in layers:
        path, _, call = layer.replace(":input", "").replace("(model)", "").partition("#")
        end = ":input" if layer.endswith(":input") else ""
        stored = archive.z(0, layer)
        candidates = seen[path + end, int(call or 0)]
        assert any(
            np.array_equal(stored.reshape(-1), np.moveaxis(z, axis, 0).reshape(-1))
            for z in candidates
            for axis in range(min(z.ndim, 2))
            if z.size == stored.size
        ), layer


@pytest.mark.parametrize("name", NAMES)
def test_training_ends_with_the_same_bits(name: str, tmp_path: Path) -> None:
    alone = _train(name, _network(name), None)
    network = _network(name)
    with _record(name, network, tmp_path) as recorder:
        together = _train(name, network, recorder)
    assert all(torch.equal(value, together[key]) for key, value in alone.items())


@pytest.mark.parametrize("name", NAMES)
def test_no_fault_is_found_where_there_is_none(name: str, tmp_path: Path) -> None:
    network = _network(name)
    with _record(name, network, tmp_path) as recorder:
        _train(name, network, recorder)
    plane = ip.measure(ip.open_archive(tmp_path / "run"), ["exact", "bin:range,n=8"])
    report = ip.check_dpi(plane, DPISettings(permutations=19))
    assert report.of("fault") == ()


def _first_tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else _parts(value)[0]


def _with_first(value: Any, tensor: Tensor) -> Any:
    """The same structure with another first tensor; a mapping keeps its class."""
    if isinstance(value, Tensor):
        return tensor
    return (tensor, *value[1:])


def _alike(a: Tensor, b: Tensor) -> bool:
    return float((a - b).abs().max()) <= 1e-5 * float(torch.maximum(a.abs(), b.abs()).max())


def _outputs(
    name: str, network: nn.Module, layers: list[str], rows: Tensor, put: tuple[str, Tensor] | None
) -> dict[str, Tensor]:
    """First tensors of layers on some rows, one of them given another value."""
    modules, seen = dict(unwrap(network).named_modules()), {}

    def look(path: str) -> Any:  # a hook
        def hook(module: nn.Module, args: Any, output: Any) -> Any:
            seen[path] = _first_tensor(output).detach().clone()
            if put is not None and path == put[0]:
                return _with_first(output, put[1])
            return None

        return hook

    # first of all hooks: some networks collect what their layers give by hooks of their own
    handles = [modules[path].register_forward_hook(look(path), prepend=True) for path in layers]
    inputs = ZOO[name].inputs
    given = {k: v[rows] for k, v in inputs.items()} if isinstance(inputs, dict) else inputs[rows]  # type: ignore[index]  # a tensor
    with torch.no_grad():
        _call(network.eval(), given)
    for handle in handles:
        handle.remove()
    return seen


@pytest.mark.parametrize("name", [n for n in NAMES if not isinstance(ZOO[n].inputs, tuple)])
def test_the_certificate_agrees_with_an_exchange_by_hand(name: str, tmp_path: Path) -> None:
    network = _network(name)
    with _record(name, network, tmp_path) as recorder:
        chain, layers = recorder.chain, list(recorder.layers)
    assert chain is not None
    plain = [layer for layer in layers if not set("#:(") & set(layer)]
    half = torch.arange(ROWS // 2)
    here = _outputs(name, network, plain, half, None)
    away = _outputs(name, network, plain, half + ROWS // 2, None)
    for up in plain[:-1]:
        mixed = _outputs(name, network, plain, half + ROWS // 2, (up, here[up]))
        for down in plain[plain.index(up) + 1 :]:
            relation = chain.matrix[layers.index(up)][layers.index(down)]
            if torch.equal(here[down], away[down]) or relation == "unknown":
                continue
            is_here, is_away = _alike(mixed[down], here[down]), _alike(mixed[down], away[down])
            assert relation == ("cut" if is_here else "no-path" if is_away else "partial"), (
                up,
                down,
            )


@pytest.mark.parametrize("name", [n for n in NAMES if n in FUNCTIONAL])
def test_sums_of_functions_have_a_certified_chain(name: str, tmp_path: Path) -> None:
    with _record(name, _network(name), tmp_path) as recorder:
        chain, reasons = recorder.chain, [site.why for site in recorder.look().sites]
    assert chain is not None
    assert sum("residual stream" in why for why in reasons) >= 4
    layers = range(len(chain.layers))
    assert {chain.matrix[i][j] for i in layers for j in layers if i < j} == {"cut"}
