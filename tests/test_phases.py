"""Phases, invariance, sensitivity, mechanism, gradients and pooled runs against known truths."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from builders import noisy_run, run_of

import infoplane as ip
from infoplane.analysis.estimators.spec import traits_of
from infoplane.analysis.plot import plot_phases
from infoplane.analysis.studies import phases
from infoplane.analysis.studies.compression import (
    Compression,
    compression,
)
from infoplane.analysis.studies.phase_votes import judge
from infoplane.archive import RunWriter
from infoplane.errors import InputError
from infoplane.types import LayerInfo

# ---- phases --------------------------------------------------------------------------------------


def test_phases_of_a_run_name_families_and_never_call_intact_codes_exact_compression(
    szt_run: Path,
) -> None:
    found = ip.phases(szt_run, splits=3)
    verdicts = {p.layer: p.verdict for p in found.layers}
    assert list(verdicts) == ["act3", "act5", "fc6"] and "exact" not in verdicts.values()
    assert "act5" in str(found) and len(found.rows()) == 12
    ax = plot_phases(found)
    assert "split-half peak [bits]" in ax.get_xlabel()
    plt.close("all")


def test_merging_rows_is_exact_compression(tmp_path: Path) -> None:
    x = np.arange(64, dtype=np.float32)[:, None]
    with RunWriter.create(
        tmp_path / "run",
        layers=[LayerInfo("z", 0, "Linear", (1,), (1,))],
        x=x,
        y=(x[:, 0] > 31).astype(int),
        durable=False,
    ) as writer:
        for step, merge in enumerate([1, 1, 8, 16, 16, 16]):
            with writer.step(step) as shard:
                shard.write("z", x // merge)
    found = ip.phases(tmp_path / "run", ["exact", "kde:variance=0.1"], splits=4).layers[0]
    assert found.verdict == "exact" and "rows truly merge" in found.explanation


@pytest.mark.parametrize("number", [3, 8])
def test_phases_say_that_fewer_than_eight_checkpoints_are_few(tmp_path: Path, number: int) -> None:
    rows = np.arange(32, dtype=np.float32)[:, None]
    run = run_of(tmp_path / "run", [{"z": rows // (1 + step)} for step in range(number)])
    found = ip.phases(run, ["exact"])
    assert bool(found.caveat) == (number < 8) == ("checkpoints are few" in str(found))


def written(path: Path, layer: list[np.ndarray]) -> Path:
    """A run of one layer with these values, shape ``(n, units)``, at steps 0, 1, 2, ..."""
    x = np.arange(len(layer[0]), dtype=np.float32)[:, None]
    return run_of(path, [{"z": values.astype(np.float32)} for values in layer], x=x).path


def merging_in_pairs(seed: int) -> list[np.ndarray]:
    """Half of 2048 rows merge in pairs over training: half a bit is lost."""
    z = np.random.default_rng(seed).normal(size=(2048, 3))
    merged = z.copy()
    merged[:1024:2] = merged[1:1024:2]
    return [z, z, z, z, merged, merged, merged, merged]


def squashed(seed: int) -> list[np.ndarray]:
    """An invertible squashing: every row stays apart while the scale shrinks."""
    z = np.random.default_rng(seed).normal(size=(256, 3))
    return [z * scale for scale in (0.3, 0.6, 1.0, 0.8, 0.3, 0.1, 0.05, 0.05)]


def test_copies_of_rows_narrow_no_error_of_a_drop(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(120, 2))
    found = []
    for times in (1, 3):
        rows = np.tile(np.arange(120), times)
        layer = [{"z": np.tanh(scale * x[rows])} for scale in (0.5, 2.0, 1.0, 0.5)]
        run = run_of(tmp_path / f"run{times}", layer, x=x[rows], y=rows % 2)
        (phase,) = ip.phases(run, ["kde:variance=0.1", "bin:szt"], splits=4).layers
        found.append([(c.drop, c.low, c.high, c.threshold) for c in phase.curves])
    assert np.allclose(found[0], found[1], rtol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_rows_that_merge_in_pairs_are_compression_by_exact_codes(tmp_path: Path, seed: int) -> None:
    path = written(tmp_path / "run", merging_in_pairs(seed))
    (found,) = ip.phases(path, ["bin:szt", "exact"], splits=3).layers
    drop = found.curves[1].drop
    assert found.verdict == "exact" and drop == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(5))
def test_an_invertible_squashing_is_never_robust(tmp_path: Path, seed: int) -> None:
    specs = ["bin:saxe,width=0.2", "kde:variance=0.01", "exact"]
    (found,) = ip.phases(written(tmp_path / "run", squashed(seed)), specs, splits=3).layers
    assert found.verdict == "estimator-dependent"
    assert "rows stay apart (exact stands still)" in found.explanation
    assert "falls under 2 of 3 conventions over these 8 checkpoints" in found.explanation


def curve(spec: str, bits: list[float], mute: str = "") -> Compression:
    """A curve without error."""
    whole = np.array(bits)
    found = compression(range(len(bits)), [(whole, whole)] * 2, whole, estimator=spec)
    return replace(found, mute=mute)


EARLY, LATE = [2.0, 5.0, 3.0, 2.1, 2.0, 2.0, 2.0, 2.0], [2.0, 2.5, 3.0, 4.0, 4.5, 5.0, 3.0, 2.0]
STILL, RISING = [2.0, 3.0, 4.0, 5.0, 5.0, 5.0, 5.0, 5.0], [5.0, 4.0, 3.0, 2.5, 2.4, 2.3, 2.2, 2.1]


@pytest.mark.parametrize(
    ("curves", "verdict", "words"),
    [
        (
            [curve("bin:szt", EARLY), curve("kde:variance=0.1", EARLY)],
            "robust",
            "fixed bins, kde fall together",
        ),
        (
            [curve("bin:szt", EARLY), curve("kde:variance=0.1", EARLY), curve("ksg", STILL)],
            "estimator-dependent",
            "neighbours stand still",
        ),
        (
            [curve("bin:szt", EARLY), curve("kde:variance=0.1", LATE)],
            "estimator-dependent",
            "do not fall at the same time",
        ),
        (
            [curve("bin:szt", EARLY), curve("bin:saxe", STILL), curve("kde:variance=0.1", EARLY)],
            "estimator-dependent",
            "curves of fixed bins contradict each other",
        ),
        (
            [
                curve("bin:szt", EARLY, "clipped: 90% of the values lie outside its cells"),
                curve("kde:variance=0.1", EARLY),
            ],
            "estimator-dependent",
            "without a vote: bin:szt",
        ),
        (
            [curve("bin:quantile,n=9", EARLY, "saturated"), curve("kde:variance=0.1", EARLY)],
            "estimator-dependent",
            r"without a vote: "
            r"bin:quantile,n=9 \(saturated\)",
        ),
        (
            [curve("bin:szt", LATE), curve("kde:variance=0.1", RISING)],
            "estimator-dependent",
            "do not fall at the same time",
        ),
        (
            [curve("bin:szt", STILL), curve("kde:variance=0.1", STILL)],
            "none",
            "falls under 0 of 2 conventions",
        ),
    ],
)
def test_families_vote_where_they_agree(
    curves: list[Compression], verdict: str, words: str
) -> None:
    found, text = judge(curves, {c.estimator: traits_of(c.estimator) for c in curves})
    assert found == verdict, text
    assert re.search(words, text)


def said_of(*curves: Compression) -> str:
    """What is said of a layer."""
    return judge(curves, {c.estimator: traits_of(c.estimator) for c in curves})[1]


def test_only_conventions_with_a_vote_are_counted() -> None:
    text = said_of(curve("bin:szt", EARLY, "saturated"), curve("kde:variance=0.1", STILL))
    assert "falls under 0 of 1 conventions" in text and "(bin:szt) has no vote" in text
    text = said_of(
        curve("bin:szt", STILL, "saturated"), curve("kde:variance=0.1", STILL, "clipped")
    )
    assert "no convention has a vote" in text


def test_a_drop_beyond_its_threshold_that_is_no_fall_says_why() -> None:
    unsure = replace(curve("bin:szt", STILL), drop=0.117, low=0.054, high=0.179)
    text = said_of(unsure, curve("kde:variance=0.1", STILL))
    assert "0.117 bits (bin:szt), whose interval begins at 0.054, threshold 0.100" in text


def test_a_curve_that_stands_still_is_flat_and_has_no_peak() -> None:
    assert curve("exact", [9.0] * 4).peak_text == "flat"
    assert curve("bin:szt", EARLY).peak_text == "1 [1, 1]"


def test_a_curve_without_a_vote_is_not_said_to_stand_still_beside_exact_codes() -> None:
    curves = [
        curve("kde:variance=0.1", EARLY),
        curve("exact", [5.0] * 8),
        curve("bin:quantile,n=9", [5.0] * 8, "saturated"),
    ]
    _, text = judge(curves, {c.estimator: traits_of(c.estimator) for c in curves})
    assert text.endswith("not under exact; without a vote: bin:quantile,n=9 (saturated)")


def test_curves_that_do_not_fall_never_make_a_verdict_of_robust() -> None:
    rng = np.random.default_rng(0)
    specs = ["bin:szt", "bin:quantile,n=30", "kde:variance=0.1", "ksg"]
    found = []
    for _ in range(50):
        walks = rng.normal(size=(4, 12)).cumsum(1)
        walks -= walks.min() - 1
        curves = [curve(spec, list(walk)) for spec, walk in zip(specs, walks, strict=True)]
        verdict, _ = judge(curves, {c.estimator: traits_of(c.estimator) for c in curves})
        if verdict == "robust":
            found.append(np.corrcoef(walks))
    assert all((c >= 0).all() for c in found)


def test_a_layer_of_clipped_and_saturated_curves_says_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    z = np.abs(rng.normal(size=(200, 5)))
    layer = [z * scale for scale in (1.0, 5.0, 20.0, 60.0, 100.0)]
    specs = ["bin:szt", "bin:quantile,n=30", "kde:variance=0.1"]
    (found,) = ip.phases(written(tmp_path / "run", layer), specs, splits=2).layers
    mute = {c.estimator: c.mute for c in found.curves}
    assert mute["bin:szt"].startswith("clipped") and mute["bin:quantile,n=30"] == "saturated"
    assert found.verdict != "robust"


def test_edges_of_a_run_are_those_of_measure(tmp_path: Path) -> None:
    from infoplane.archive import open_archive

    rng = np.random.default_rng(1)
    infos = [LayerInfo(name, k, "Linear", (2,), (2,)) for k, name in enumerate("ab")]
    x = rng.normal(size=(100, 2)).astype(np.float32)
    with RunWriter.create(
        tmp_path / "run", layers=infos, x=x, y=np.arange(100) % 2, durable=False
    ) as writer:
        for step, scale in enumerate((1.0, 3.0, 0.5)):
            with writer.step(step) as shard:
                shard.write("a", x * np.float32(scale))
                shard.write("b", x * np.float32(10 * scale))
    archive = open_archive(tmp_path / "run")
    spec = "bin:range,n=5,scope=run"
    _, measured = ip.measure(archive, [spec]).series("a", "i_xz", spec)
    (found,) = ip.phases(archive, [spec], layers=["a"], splits=2).layers
    assert list(found.curves[0].bits) == [pytest.approx(e.bits) for e in measured]


def test_a_late_fall_from_a_flat_top_is_seen_by_every_family(tmp_path: Path) -> None:
    z = np.random.default_rng(0).normal(size=(200, 2))
    layer = [z, z, z, z, z, z, np.zeros_like(z), np.zeros_like(z)]
    found = ip.phases(written(tmp_path / "run", layer), ["bin:range,n=8", "kde:relative=0.1"])
    (phase,) = found.layers
    assert phase.verdict == "robust" and all(curve.onset == 5 for curve in phase.curves)


def test_rounding_on_a_flat_top_hides_no_late_fall() -> None:
    curve = np.array([1.0, 3.0, 5.0, 5.0, 5.0, 5.0, 5.0, 3.0, 2.0])
    rounding = 1e-14 * np.random.default_rng(0).normal(size=(5, 2, 9))
    found = compression(range(9), list(curve + rounding), curve + rounding[0, 0])
    assert (found.onset_low, found.onset, found.onset_high) == (6, 6, 6) and found.compresses


def test_checkpoints_of_a_training_that_diverged_are_left_out(tmp_path: Path) -> None:
    z = np.random.default_rng(0).normal(size=(200, 2))
    steps = {
        step: {
            "a": np.round(z * (5 - step)),
            "b": z * (np.nan if step == 4 else 1),
            "c": z * np.nan,
        }
        for step in range(5)
    }
    run = ip.from_arrays(steps, x=z, to=tmp_path / "run", nonfinite="keep")
    with (
        pytest.warns(RuntimeWarning, match=r"hold NaN or infinity, the first c at step 0"),
        pytest.warns(RuntimeWarning, match=r"c: left out, phases need at least 3 .* got \[\]"),
    ):
        found = ip.phases(run, ["exact", "bin:range,n=8"])
    assert {phase.layer: phase.curves[0].steps[-1] for phase in found.layers} == {"a": 4, "b": 3}


def test_a_layer_of_two_checkpoints_is_left_out_with_a_warning(tmp_path: Path) -> None:
    z = np.linspace(-1, 1, 12, dtype=np.float32).reshape(6, 2)
    run = run_of(tmp_path / "run", [{"a": z, "b": z}, {"a": z, "b": z}, {"a": z}])
    with pytest.warns(RuntimeWarning, match=r"b: left out.* got \[0, 1\]"):
        found = ip.phases(run.path, ["exact"])
    assert [phase.layer for phase in found.layers] == ["a"]


def test_three_checkpoints_have_phases_and_two_have_not(tmp_path: Path) -> None:
    z = np.linspace(-1, 1, 12, dtype=np.float32).reshape(6, 2)
    two, three = (run_of(tmp_path / str(k), [{"a": z}] * k).path for k in (2, 3))
    assert len(phases.phases(three, ["exact"]).layers) == 1
    with pytest.raises(InputError, match="at least 3 captured steps, got 2"):
        phases.phases(two, ["exact"])


def test_exact_codes_of_a_layer_that_draws_noise_have_no_vote(tmp_path: Path) -> None:
    found = ip.phases(noisy_run(tmp_path / "run"), ["exact", "bin:szt"])
    curves = {phase.layer: [curve.estimator for curve in phase.curves] for phase in found.layers}
    assert curves == {"a": ["exact", "bin:szt"], "mu": ["bin:szt"]}


def test_a_layer_that_swings_to_and_fro_does_not_compress(tmp_path: Path) -> None:
    layer = [np.arange(256)[:, None] % kinds * 1.0 for kinds in (32, 8) * 4]
    specs = ["bin:saxe,width=0.5", "kde:variance=0.01"]
    (found,) = ip.phases(written(tmp_path / "run", layer), specs, splits=3).layers
    assert found.verdict == "none" and "no fall that lasts" in found.explanation
