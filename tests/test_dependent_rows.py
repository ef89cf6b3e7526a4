"""Rows that are positions of samples: folds, halves and shuffled labels go by whole samples."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis.estimators import parse
from infoplane.analysis.estimators.dependent_rows import (
    groups_in_halves,
    groups_of_one_label,
    label_of_sample,
    sample_by_sample,
    samples_of,
    stderr_of_mean,
)
from infoplane.analysis.estimators.surprise import folds_of
from infoplane.analysis.estimators.vinfo import VInformation
from infoplane.analysis.estimators.wide import Wide
from infoplane.analysis.resampling.permutation_null import permutation_null
from infoplane.analysis.resampling.resampled import Resampled
from infoplane.types import Variable

TEXTS, TOKENS = 40, 12


def texts_without_meaning(seed: int, to: str) -> ip.Archive:
    """Return a run whose layer knows the text of every token, and labels of texts at random."""
    rng = np.random.default_rng(seed)
    of_text = rng.normal(size=(TEXTS, 1, 6))
    z = of_text + 0.3 * rng.normal(size=(TEXTS, TOKENS, 6))
    labels = rng.permutation(np.arange(TEXTS) % 2)
    tokens = rng.integers(0, 50, (TEXTS, TOKENS))
    return ip.from_arrays({"l": z}, x=tokens, y=labels, to=to, rows="token")


def positioned(values: np.ndarray, samples: np.ndarray) -> Variable:
    """Return symbols of rows that are positions of samples."""
    symbols = np.asarray(values, np.int64)[:, None]
    return Variable("y", symbols, "discrete", samples=np.asarray(samples, np.int64))


@pytest.mark.parametrize("spec", ["knn", "bin:quantile,n=2", "gauss"])
def test_labels_of_texts_at_random_are_within_their_null(tmp_path: Path, spec: str) -> None:
    run = texts_without_meaning(0, str(tmp_path / "run"))
    plane = ip.measure(run, [spec], null=19)
    (estimate,) = (point.estimate for point in plane.points if point.quantity == "i_zy")
    assert estimate.null is not None and estimate.null.p > 0.05
    assert estimate.null.mean > 0.3  # a layer that tells texts apart knows any label of texts


def test_a_label_that_texts_mean_is_beyond_its_null(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(TEXTS) % 2
    z = labels[:, None, None] + 0.1 * rng.normal(size=(TEXTS, TOKENS, 2))
    tokens = rng.integers(0, 50, (TEXTS, TOKENS))
    run = ip.from_arrays({"l": z}, x=tokens, y=labels, to=str(tmp_path / "run"), rows="token")
    plane = ip.measure(run, ["bin:range,n=3"], null=39)
    (estimate,) = (point.estimate for point in plane.points if point.quantity == "i_zy")
    assert estimate.null is not None and estimate.null.p == pytest.approx(1 / 40)


def test_usable_information_of_texts_is_held_out_by_text(tmp_path: Path) -> None:
    run = texts_without_meaning(1, str(tmp_path / "run"))
    plane = ip.measure(run, ["vinfo:family=linear"])
    (estimate,) = (point.estimate for point in plane.points if point.quantity == "i_zy")
    assert estimate.stderr is not None and estimate.bits < 2 * estimate.stderr


def test_wide_layers_are_held_out_by_text() -> None:
    rng = np.random.default_rng(0)
    samples = np.repeat(np.arange(120), 5)
    z = rng.normal(size=(120, 20))[samples] + 0.3 * rng.normal(size=(600, 20))
    y = positioned(rng.permutation(np.arange(120) % 2)[samples], samples)
    found = Wide().estimate(ip.continuous(z), y)
    assert found.stderr is not None and found.bits < min(0.1, 2 * found.stderr)


def test_wide_names_samples_that_are_too_few_to_hold_out() -> None:
    rng = np.random.default_rng(0)
    y = positioned(np.arange(600) % 2, np.repeat(np.arange(3), 200))
    notes = Wide().estimate(ip.continuous(rng.normal(size=(600, 20))), y).notes
    assert any("3 samples are fewer than 8" in note for note in notes)


def test_a_critic_does_not_read_the_texts_that_it_was_trained_on(tmp_path: Path) -> None:
    run = texts_without_meaning(2, str(tmp_path / "run"))
    plane = ip.measure(run, ["infonce:batch=32,seeds=1"])
    (estimate,) = (point.estimate for point in plane.points if point.quantity == "i_zy")
    assert estimate.bits < 0.1


def test_the_note_names_what_labels_of_samples_show(tmp_path: Path) -> None:
    run = texts_without_meaning(3, str(tmp_path / "run"))
    plane = ip.measure(run, ["bin:quantile,n=2"])
    (estimate,) = (point.estimate for point in plane.points if point.quantity == "i_zy")
    assert any(f"one label for all tokens of each of {TEXTS} samples" in n for n in estimate.notes)


def test_tokens_with_labels_of_their_own_are_shuffled_one_by_one() -> None:
    y = positioned(np.arange(60) % 3, np.repeat(np.arange(10), 6))
    z = ip.continuous(np.random.default_rng(0).normal(size=60))
    assert not label_of_sample(y)
    assert groups_of_one_label(z, y) is None


def test_halves_take_whole_samples_where_there_are_enough() -> None:
    samples = np.repeat(np.arange(10), 6)
    many = positioned(np.arange(60) % 3, samples)
    few = positioned(np.arange(60) % 3, samples // 2)
    groups = groups_in_halves(many)
    assert groups is not None and np.array_equal(groups, samples)
    assert groups_in_halves(few) is None


def test_folds_hold_whole_samples_out_and_spread_their_classes() -> None:
    labels = np.repeat(np.arange(20) % 2, 5)
    samples = np.repeat(np.arange(20), 5)
    fold = folds_of(positioned(labels, samples), VInformation(), np.random.default_rng(0))
    of_samples = [set(fold[samples == sample].tolist()) for sample in range(20)]
    assert all(len(folds) == 1 for folds in of_samples)
    table = np.zeros((5, 2), int)
    np.add.at(table, (fold, labels), 1)
    assert (table == 10).all()


def test_usable_information_names_samples_that_are_fewer_than_folds() -> None:
    y = positioned(np.arange(60) % 2, np.repeat(np.arange(3), 20))
    z = ip.continuous(np.random.default_rng(0).normal(size=(60, 2)))
    assert any(
        "3 samples are fewer than the folds" in n for n in VInformation().estimate(z, y).notes
    )


def test_rows_keep_their_samples_when_some_are_taken() -> None:
    y = positioned(np.arange(6), np.array([7, 7, 9, 9, 9, 4]))
    codes = samples_of(y.take(np.array([5, 2, 3])))
    assert codes is not None and codes.tolist() == [0, 1, 1]
    assert samples_of(y.take(np.array([0, 2, 5]))) is None  # one row each: rows are samples


def test_rows_are_put_sample_by_sample() -> None:
    samples = np.arange(30) % 5
    rng = np.random.default_rng(0)
    order = sample_by_sample(rng.permutation(30), samples, rng)
    assert sorted(order.tolist()) == list(range(30))
    assert np.count_nonzero(np.diff(samples[order])) == 4


def test_equal_rows_of_a_sample_count_once_in_the_error() -> None:
    of_samples = np.random.default_rng(0).normal(size=50)
    expected = of_samples.std(ddof=1) / math.sqrt(50)
    samples = np.repeat(np.arange(50), 9)
    assert stderr_of_mean(of_samples[samples], samples) == pytest.approx(expected)


def rows_that_come_again(seed: int) -> tuple[Variable, Variable]:
    """Return 60 rows of a layer, one to three times each, and labels at random."""
    rng = np.random.default_rng(seed)
    times = rng.integers(1, 4, 60)
    z = ip.continuous(np.repeat(rng.normal(size=(60, 2)), times, axis=0))
    return z, ip.discrete(np.repeat(rng.integers(0, 2, 60), times))


@pytest.mark.parametrize("spec", ["knn", "gauss", "bin:quantile,n=4"])
def test_labels_of_rows_that_come_again_are_shuffled_together(spec: str) -> None:
    small = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        null = permutation_null(spec, *rows_that_come_again(seed), draws=9, rng=rng)
        small += null.p <= 0.1
    assert small <= 4  # row by row 11 or 12 of 12


def test_rows_that_come_again_fall_in_one_half() -> None:
    groups = [groups_in_halves(*rows_that_come_again(seed)) for seed in range(12)]
    numbers = [len(np.unique(found)) for found in groups if found is not None]
    assert len(numbers) >= 10 and set(numbers) == {60}


def test_atoms_and_symbols_are_no_rows_that_come_again() -> None:
    rng = np.random.default_rng(0)
    relu = ip.continuous(np.maximum(rng.normal(size=(200, 1)), 0))
    rounded = ip.continuous(np.round(rng.normal(size=(200, 1)), 1))
    y = ip.discrete(rng.integers(0, 2, 200))
    assert groups_in_halves(relu, y) is None and groups_in_halves(rounded, y) is None


def dependent_pair(rng: np.random.Generator) -> tuple[Variable, Variable]:
    """Two scalars of correlation 0.7 of 480 tokens, most of whose variance is their text's."""
    samples = np.repeat(np.arange(TEXTS), TOKENS)
    of_text, of_token = rng.normal(size=(2, TEXTS)), rng.normal(size=(2, len(samples)))
    x, noise = math.sqrt(0.8) * of_text[:, samples] + math.sqrt(0.2) * of_token
    z = 0.7 * x + math.sqrt(1 - 0.49) * noise
    return (
        Variable("x", x[:, None], "continuous", samples=samples),
        Variable("z", z[:, None], "continuous", samples=samples),
    )


@pytest.mark.parametrize("spec", ["gauss", "gauss:copula=true", "plugin:population"])
def test_tokens_have_no_error_that_counts_each_of_them(spec: str) -> None:
    x, z = dependent_pair(np.random.default_rng(0))
    if spec.startswith("plugin"):
        samples = np.repeat(np.arange(TEXTS), TOKENS)
        x, z = positioned(x.values[:, 0] > 0, samples), positioned(z.values[:, 0] > 0, samples)
    pair = (x, z)
    alone = parse(spec).estimate(*(replace(v, samples=None) for v in pair))
    found = parse(spec).estimate(*pair)
    assert found.bits == alone.bits and alone.stderr is not None
    assert (found.stderr, found.low, found.high) == (None, None, None)
    assert any("no independent evidence" in note for note in found.notes)
    by_texts = Resampled(parse(spec)).estimate(*pair, rng=np.random.default_rng(0))
    assert by_texts.stderr is not None and by_texts.stderr > 1.5 * alone.stderr


def test_the_error_of_a_gaussian_of_tokens_is_that_of_other_texts() -> None:
    drawn = [dependent_pair(np.random.default_rng(seed)) for seed in range(30)]
    found = [
        Resampled(parse("gauss")).estimate(*pair, rng=np.random.default_rng(0)) for pair in drawn
    ]
    errors = [one.stderr for one in found if one.stderr is not None]
    assert np.mean(errors) == pytest.approx(np.std([one.bits for one in found]), rel=0.4)


def test_wide_of_few_texts_names_no_negative_bound() -> None:
    rng = np.random.default_rng(0)
    samples = np.repeat(np.arange(16), 40)
    z = rng.normal(size=(16, 20))[samples] + 0.3 * rng.normal(size=(640, 20))
    y = positioned(np.arange(16)[samples] % 2, samples)
    with pytest.raises(ip.errors.EstimatorError, match="the held-out rows show no information"):
        Wide().estimate(ip.continuous(z), y)


@pytest.mark.parametrize(("meaning", "verdict"), [(False, "sampling"), (True, "estimator")])
def test_an_excess_is_chance_where_labels_of_texts_mean_nothing(
    tmp_path: Path, meaning: bool, verdict: str
) -> None:
    """Cells of two units miss the text that the next layer shows; labels are of texts."""
    verdicts = set()
    for seed in range(6):
        rng = np.random.default_rng(seed)
        of_text = rng.normal(size=(60, 1))
        signal = of_text + 0.05 * rng.normal(size=(60, 15))
        hidden = 3 * rng.normal(size=(60, 15))
        layers = {"a": np.stack([signal + hidden, signal - hidden], -1), "b": signal[..., None]}
        y = of_text[:, 0] > 0 if meaning else rng.permutation(np.arange(60) % 2)
        tokens = rng.integers(0, 5000, (60, 15))
        run = ip.from_arrays(
            layers,
            x=tokens,
            y=y.astype(int),
            to=str(tmp_path / f"run{seed}"),
            rows="token",
            chain="sequential",
        )
        found = ip.check_dpi(ip.measure(run, ["bin:quantile,n=4"])).findings
        verdicts |= {one.verdict for one in found if one.law.startswith("I(Z;Y) pair")}
    assert verdicts == {verdict}
