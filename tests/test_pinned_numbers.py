"""Numbers of one small run and a few samples, equal in every release.

Truth is tested elsewhere. This file only notices change; renew on purpose: ``python
tests/test_pinned_numbers.py``, and say in the changelog which numbers moved and why.
"""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis.dpi.settings import DPISettings
from infoplane.analysis.estimators import parse
from infoplane.analysis.estimators.entropies import CORRECTIONS, entropy_bits
from infoplane.analysis.lower_bounds import fano_bits, lower_bound_of
from infoplane.analysis.measuring import train_test as splits
from infoplane.analysis.resampling.resampled import Resampled
from infoplane.analysis.studies import compare, histograms, usable
from infoplane.archive import Archive, RunWriter, open_archive
from infoplane.errors import InfoplaneError
from infoplane.types import Chain, LayerInfo, Variable

GOLDEN = Path(__file__).parent / "golden/numbers.json"
N, STEPS = 64, (0, 1, 4, 9, 16)
LAYERS = (("act1", "Tanh", 4), ("relu", "ReLU", 3), ("act2", "Tanh", 2), ("out", "Linear", 2))
SPECS = (
    "exact",
    "bin:szt",
    "bin:saxe",
    "bin:saxe-paper",
    "bin:range,n=8",
    "bin:quantile,n=6",
    "bin:ebab",
    "kde:variance=0.05",
    "kde:relative=0.1",
    "ksg",
    "ksg:k=3,correct=true",
    "ksg:scores=true",
    "knn",
    "ross",
    "mixed",
    "mixed:apart=true",
    "gauss",
    "gauss:copula=true",
    "plugin",
    "plugin:population",
    "sliced:slices=8",
    "renyi:alpha=1.01",
    "renyi:alpha=2",
    "dse",
    "hsic",
    "cka",
    "vinfo:family=linear",
    "vinfo:family=gaussian",
    "vinfo:family=knn",
)
WHOLE = ("bin:szt", "bin:saxe", "kde:variance=0.01", "mixed", "exact")


def run(path: Path) -> Archive:
    """Five checkpoints of four layers that saturate, with ties, atoms, a split, labels and a
    certificate.
    """
    rng = np.random.default_rng(5)
    x = rng.integers(-3, 4, (N, 3)) / 2
    y = (x.sum(axis=1) + rng.normal(size=N) / 2 > 0).astype(int)
    weights = [rng.normal(size=shape) for shape in ((3, 4), (4, 3), (3, 2), (2, 2))]
    names = tuple(name for name, _, _ in LAYERS)
    chain = Chain(
        names,
        tuple(
            tuple("cut" if i <= j else "no-path" for i in range(len(names)))
            for j in range(len(names))
        ),
        rows=N,
    )
    infos = [LayerInfo(name, k, cls, (units,)) for k, (name, cls, units) in enumerate(LAYERS)]
    split = np.where(np.arange(N) % 4 == 3, "test", "train").tolist()
    with RunWriter.create(
        path, layers=infos, x=x, y=y, split=split, chain=chain, durable=False
    ) as writer:
        for step in STEPS:
            gain, z = 0.3 + step / 3, x
            with writer.step(step, metrics={"loss": 1 / (1 + step)}) as shard:
                for (name, cls, _), w in zip(LAYERS, weights, strict=True):
                    z = z @ w * (gain if cls != "Linear" else 1.0)
                    z = np.tanh(z) if cls == "Tanh" else np.maximum(z, 0) if cls == "ReLU" else z
                    z = np.round(z, 5)  # what the last bits of a product are does not matter
                    shard.write(name, z.astype(np.float32))
    return open_archive(path)


LATER = ("bound", "unit", "null")
"""Fields of an estimate that the pinned ones do not have; tests/test_contract.py and
test_errorbars.py have theirs.
"""


def plain(value: Any) -> Any:
    """As JSON: numbers as they are, numbers inside of texts as ``#``."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: plain(getattr(value, f.name))
            for f in fields(value)
            if f.name not in (*LATER, "provenance", "file", "run", "row_info", "chain", "seconds")
        }
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (bool, type(None))):
        return value
    if isinstance(value, (int, float, np.number)):
        return float(f"{float(value):.10g}") if math.isfinite(value) else str(value)
    return re.sub(r"[-+]?\d[\d.e+-]*", "#", re.sub(r"\S*/\S*", "", str(value)))


def same(now: Any, pinned: Any, where: str = "") -> None:
    if isinstance(pinned, dict):
        assert isinstance(now, dict) and list(now) == list(pinned), (
            f"{where}: {list(now)} was {list(pinned)}"
        )
        for key in pinned:
            same(now[key], pinned[key], f"{where}/{key}")
    elif isinstance(pinned, list):
        assert isinstance(now, list) and len(now) == len(pinned), f"{where}: {now} was {pinned}"
        for k, (a, b) in enumerate(zip(now, pinned, strict=True)):
            same(a, b, f"{where}/{k}")
    elif isinstance(pinned, float) and not isinstance(now, (str, bool, type(None))):
        assert now == pytest.approx(pinned, rel=2e-6, abs=2e-7), f"{where}: {now} was {pinned}"
    else:
        assert now == pinned, f"{where}: {now} was {pinned}"


def _points(plane: ip.Plane) -> dict[str, Any]:
    return {
        f"{p.step} {p.layer} {p.quantity} {p.estimate.estimator} {p.estimate.sense}": plain(
            p.estimate
        )
        for p in plane.points
    } | {
        "failures": plain(plane.failures),
        "h_y": plain(plane.h_y_bits),
        "h_x": plain(plane.h_x_bits),
    }


def _samples() -> dict[str, tuple[Variable, Variable]]:
    rng = np.random.default_rng(9)
    u = rng.normal(size=(N, 3))
    z = np.round(u @ rng.normal(size=(3, 2)) + 0.5 * rng.normal(size=(N, 2)), 6)
    u, labels = np.round(u, 6), rng.integers(0, 3, N)
    near = np.round(z + labels[:, None], 6)
    return {
        "vectors": (ip.continuous(u), ip.continuous(z)),
        "line": (ip.continuous(u[:, 0]), ip.continuous(z[:, 0])),
        "labels": (ip.continuous(near), ip.discrete(labels)),
        "atoms": (ip.continuous(np.maximum(z, 0)), ip.discrete(labels)),
        "atoms of both": (
            ip.continuous(np.maximum(z[:, :1], 0)),
            ip.continuous(np.maximum(u[:, :1], 0)),
        ),
        "symbols": (ip.discrete(labels), ip.discrete((labels + rng.integers(0, 2, N)) % 4)),
    }


def estimates(spec: str) -> dict[str, Any]:
    found = {}
    for name, (a, b) in _samples().items():
        try:
            found[name] = plain(
                Resampled(parse(spec), 3).estimate(a, b, rng=np.random.default_rng(0))
            )
        except InfoplaneError as error:
            found[name] = type(error).__name__
    return found


def corrections() -> dict[str, Any]:
    rows = ([1, 1, 2, 5, 9], [3] * 7, [1] * 6, [1] * 2 + [2] * 8, [40, 1, 1, 1, 2, 2], [17])
    return {f"{c} {r}": plain(entropy_bits(np.array(r), c)) for c in CORRECTIONS for r in rows}


SECTIONS: dict[str, Callable[[Archive], Any]] = {
    **{
        f"measure {spec}": (
            lambda a, spec=spec: _points(ip.measure(a, [spec], null=0, resume=False))
        )
        for spec in WHOLE
    },
    "measure with error bars and nulls": lambda a: _points(
        ip.measure(
            a, ["bin:saxe", "kde:variance=0.01"], errorbars=2, null=5, steps=[1, 9], resume=False
        )
    ),
    "check": lambda a: plain(
        ip.check_dpi(
            ip.measure(a, WHOLE[1:4], steps=[1, 16], resume=False),
            DPISettings(permutations=199, splits=3),
            archive=a,
        )
    ),
    "phases": lambda a: plain(ip.phases(a, ["bin:szt", "kde:relative=0.1", "exact"], splits=3)),
    "sensitivity": lambda a: plain(
        ip.sensitivity(a, ["bin:szt", "bin:saxe,width=0.1", "kde:relative=0.1"])
    ),
    "invariance": lambda a: plain([ip.invariance(a, quantity=q) for q in ("i_zy", "i_xz")]),
    "mechanism": lambda a: plain([ip.mechanism(a), ip.mechanism(a, estimator="bin:saxe")]),
    "floors": lambda a: plain(
        [
            [lower_bound_of(a, s) for s in STEPS],
            [fano_bits(h, e, c) for h, e, c in ((1, 0.1, 2), (2, 0.3, 4), (1, 0, 2), (3, 0.9, 8))],
        ]
    ),
    "between": lambda a: plain(
        [ip.layer_information(a, spec, step=9) for spec in ("mixed", "cka", "exact")]
    ),
    "drift": lambda a: plain([ip.drift(a), ip.drift(a, reference="previous", method="binned")]),
    "given": lambda a: plain(
        [ip.information_given_labels(a), ip.information_given_labels(a, "mixed", steps=[4])]
    ),
    "sides": lambda a: plain(
        [ip.train_and_held_out(a, ["bin:szt", "mixed"], divisions=3), splits.split_rows(a, seed=1)]
    ),
    "usable": lambda a: plain(
        [usable.usable_beyond(a, "out", steps=[4]), usable.code_lengths(a, steps=[0, 9])]
    ),
    "histograms": lambda a: plain(
        [histograms.histograms(a, name, bins=7) for name, _, _ in LAYERS]
    ),
    "pooled": lambda a: plain(
        compare.pool(
            {
                str(k): ip.measure(
                    a, ["bin:szt", "bin:saxe"], steps=STEPS[k:], resume=False, seed=k
                )
                for k in (0, 1)
            },
            estimator="bin:saxe",
        )
    ),
    **{f"estimates {spec}": (lambda a, spec=spec: estimates(spec)) for spec in SPECS},
    "corrections": lambda a: corrections(),
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return run(tmp_path_factory.mktemp("pinned") / "run")


@pytest.mark.parametrize("section", SECTIONS)
def test_the_numbers_of_a_small_run_are_those_of_the_last_release(
    section: str, archive: Archive
) -> None:
    same(
        json.loads(json.dumps(SECTIONS[section](archive))), json.loads(GOLDEN.read_text())[section]
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        there = run(Path(folder) / "run")
        import time

        pinned = {}
        for section, work in SECTIONS.items():
            start = time.perf_counter()
            pinned[section] = work(there)
            print(
                f"{time.perf_counter() - start:6.2f} s  {len(json.dumps(pinned[section])):7d} "
                f"bytes  {section}",
                flush=True,
            )
        GOLDEN.write_text(
            "{\n"
            + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in pinned.items())
            + "\n}\n"
        )
