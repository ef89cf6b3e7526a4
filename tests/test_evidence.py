"""What a verdict is computed from: edges of bins, codes, and rounding."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from builders import one_step, plane_with, point

import infoplane as ip
from infoplane.analysis.dpi.evidence import Evidence
from infoplane.archive import RunWriter, open_archive
from infoplane.types import Chain, LayerInfo


def test_ranges_behind_a_verdict_are_those_of_finite_checkpoints(tmp_path: Path) -> None:
    good, bad = (
        np.linspace(-1, 3, 12, dtype=np.float32).reshape(6, 2),
        np.full((6, 2), np.nan, np.float32),
    )
    infos = [
        LayerInfo(name, k, "Linear", (2,), store_dtype="float32") for k, name in enumerate("ab")
    ]
    with RunWriter.create(
        tmp_path / "run", layers=infos, x=np.eye(6), y=np.arange(6) % 2, durable=False
    ) as writer:
        for step, z in enumerate((good, bad)):
            with writer.step(step) as shard:
                shard.write("a", z)
                shard.write("b", good)
    archive = open_archive(tmp_path / "run")
    plane = ip.measure(archive, "bin:range,scope=layer")
    assert plane.steps == (0, 1)
    found = Evidence(plane, archive).fitted("bin:range,scope=layer", "a")
    assert (found.frozen_low, found.frozen_high) == ((-1.0,), (3.0,))


def test_a_rounding_that_parts_rows_is_no_fault_and_a_leak_is(tmp_path: Path) -> None:
    up = np.repeat(np.arange(4.0), 2).astype(np.float32)[:, None]
    rounded = np.where(
        np.arange(8)[:, None] % 2, np.nextafter(up + 1, np.float32(9)), up + 1
    ).astype(np.float32)
    for down, verdict, words in (
        (rounded, "ok", "4 rows differ by rounding only"),
        (np.arange(8, dtype=np.float32)[:, None], "fault", "do not follow"),
    ):
        archive = one_step(tmp_path / verdict, a=("Linear", up), b=("Linear", down))
        plane = ip.measure(archive, "exact")
        points = {p.layer: p for p in plane if p.quantity == "i_xz"}
        evidence = Evidence(
            replace(
                plane, chain=Chain(("a", "b"), (("no-path", "cut"), ("no-path", "no-path")), rows=8)
            ),
            archive,
        )
        finding = evidence.judge_excess(0, "exact", "i_xz", "exact", points["a"], points["b"])
        assert finding.verdict == verdict and re.search(words, finding.explanation)


def test_edges_are_frozen_over_the_run_or_the_layer_where_the_rule_asks_for_it(tmp_path) -> None:  # type: ignore[no-untyped-def]

    layers = [LayerInfo("a", 0, shape=(2,)), LayerInfo("b", 1, shape=(2,))]
    with RunWriter.create(
        tmp_path / "run", layers=layers, x=None, y=np.arange(4) % 2, durable=False
    ) as writer:
        for step in (0, 1):
            with writer.step(step) as shard:
                shard.write("a", np.arange(8.0).reshape(4, 2) + step)
                shard.write("b", -10 * np.arange(8.0).reshape(4, 2) - step)
    plane = replace(plane_with([point(name, "i_xz", 1.0, s) for name in "ab" for s in (0, 1)]), n=4)
    evidence = Evidence(plane, open_archive(tmp_path / "run"))
    assert (
        evidence.fitted("bin:szt", "a").frozen_low is None
        and Evidence(plane, None).fitted("bin:range", "a") is None
    )
    for spec, layer, low, high in (
        ("bin:range", "a", (-71.0,), (8.0,)), ("bin:range", "b", (-71.0,), (8.0,)), ("bin:range,scope=layer", "a", (0.0,), (8.0,)),
        ("bin:range,scope=layer", "b", (-71.0,), (0.0,)), ("bin:range,scope=unit", "b", (-61.0, -71.0), (0.0, -10.0)),
    ):  # fmt: skip
        fitted = evidence.fitted(spec, layer)
        assert (
            (fitted.frozen_low, fitted.frozen_high) == (low, high)
            and str(fitted) == spec
            and evidence.fitted(spec, layer) is fitted
        )
