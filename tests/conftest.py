"""Settings shared by all tests: one thread, no display, no network names, a home for caches."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("INFOPLANE_STATE", tempfile.mkdtemp())  # the key of result lines
os.environ["INFOPLANE_CACHE"] = ""  # every check judges; what is kept has tests of its own

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402  # after the environment

settings.register_profile(
    "infoplane", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.register_profile("once", settings.get_profile("infoplane"), max_examples=20)
settings.load_profile("infoplane")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--once",
        action="store_true",
        help="one case of every parametrised test, 20 examples of every law",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Load the profile of few examples before the first test is read."""
    if config.getoption("--once"):
        settings.load_profile("once")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --once keep the first case of every test that is left by -m and -k."""
    if not config.getoption("--once"):
        return
    first: dict[str, pytest.Item] = {}
    for item in items:
        first.setdefault(item.nodeid.partition("[")[0], item)
    kept = {id(item) for item in first.values()}
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in kept])
    items[:] = first.values()


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers of seed 0, the same whichever tests run before."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def split_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four steps of two layers with training and held-out rows; only to be read."""
    from builders import write_split_run

    return write_split_run(tmp_path_factory.mktemp("split") / "run")


@pytest.fixture(scope="session")
def szt_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the 12-bit task: three layers, eight checkpoints, gradient statistics."""
    from torch import nn

    import infoplane as ip

    x, y = ip.data.szt.load()
    rows = slice(0, None, 4)
    net = ip.data.szt.network("tanh", seed=0)
    path = tmp_path_factory.mktemp("phases") / "run"
    loss = nn.functional.cross_entropy
    with ip.Recorder(
        net,
        probe=(x[rows], y[rows]),
        to=path,
        layers=["act3", "act5", "fc6"],
        schedule=ip.log_spaced(150, 8),
        verbose=False,
        gradients=loss,
    ) as rec:
        ip.data.szt.train(net, epochs=150, seed=0, on_epoch=lambda e, m: rec.step(e, **m))
    return path
