"""Layers with ties of every kind that networks make: the number is that of a known channel."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logsumexp, softmax

from infoplane.analysis.estimators import parse
from infoplane.types import continuous, discrete

ROWS = 600


def bfloat16(values: np.ndarray) -> np.ndarray:
    """Cut float32 to its upper sixteen bits."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return (bits & np.uint32(0xFFFF0000)).view(np.float32)


def layers(seed: int) -> dict[str, np.ndarray]:
    """Return layers of `ROWS` rows, all of one pair of normal inputs."""
    rng = np.random.default_rng(seed)
    g = rng.normal(size=(ROWS, 2))
    h = g @ np.array([[1.0, -0.6, 0.3, 0.8], [0.2, 0.9, -1.0, 0.5]])
    frequency = 1 / np.arange(1, 41)
    tokens = rng.choice(40, ROWS, p=frequency / frequency.sum())
    embedding = np.random.default_rng(99).normal(size=(40, 6))
    centred = g - g.mean(axis=1, keepdims=True)
    return {
        "ReLU, a third off": np.maximum(h + 0.5, 0),
        "ReLU, 60 % off": np.maximum(h - 0.3, 0),
        "ReLU, 95 % off": np.maximum(h - 1.9, 0),
        "saturated": np.tanh(6 * h[:, :2]).astype(np.float16),
        "clipped at both ends": np.clip(1.5 * g, -1, 1),
        "bfloat16": bfloat16(g),
        "8 bits": np.clip((20 * g).round(), -128, 127).astype(np.int8),
        "4 bits": np.clip((1.5 * h).round(), -8, 7),
        "one-hot": np.eye(10)[np.clip((2 * g[:, 0] + 5).astype(int), 0, 9)],
        "a confident softmax": softmax(8 * h, axis=1).astype(np.float16),
        "two units normalised": centred / np.sqrt(centred.var(axis=1, keepdims=True) + 0.1),
        "embedded tokens": embedding[tokens],
        "dropped units": g * (rng.random((ROWS, 2)) > 0.5),
        "counts": rng.poisson(np.exp(g[:, :1])),
        "a unit doubled": np.hstack([g, 2 * g[:, :1]]),
    }


def labelled(layer: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """Draw labels from a logistic channel; return them and their information in bits."""
    values = layer.astype(np.float64)
    drive = (values - values.mean(axis=0)) @ np.arange(1, values.shape[1] + 1)
    of_one = expit(2 * drive / drive.std())
    y = np.random.default_rng(seed).random(ROWS) < of_one
    return y.astype(int), float(entropy(of_one.mean()) - entropy(of_one).mean())


def entropy(p: np.ndarray | float) -> np.ndarray:
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return -p * np.log2(p) - (1 - p) * np.log2(1 - p)


def knn_bits(layer: np.ndarray, y: np.ndarray) -> float:
    return parse("knn").estimate(continuous(layer), discrete(y)).bits


@pytest.mark.parametrize("kind", list(layers(0)))
def test_labels_of_a_layer_with_ties_are_read_to_a_twentieth_of_a_bit(kind: str) -> None:
    errors = []
    for seed in range(4):
        layer = layers(seed)[kind]
        y, truth = labelled(layer, seed)
        errors.append(knn_bits(layer, y) - truth)
    assert abs(float(np.mean(errors))) < 0.05


@pytest.mark.parametrize("kind", list(layers(0)))
def test_a_repeated_row_rounding_and_new_names_move_no_estimate_beyond_its_error(kind: str) -> None:
    layer = layers(0)[kind]
    y, _ = labelled(layer, 0)
    bits = knn_bits(layer, y)
    again = np.r_[np.arange(ROWS), 0]
    standard_error = 0.02  # of n = 600 in this channel: 0.02 to 0.04 in half-samples
    assert knn_bits(layer[again], y[again]) == pytest.approx(bits, abs=standard_error)
    assert knn_bits(layer.astype(np.float16), y) == pytest.approx(bits, abs=standard_error)
    assert knn_bits(layer, 7 - 3 * y) == pytest.approx(bits, abs=1e-9)
    assert knn_bits(layer[::-1], y[::-1]) == pytest.approx(bits, abs=1e-9)


def test_classes_of_two_rows_beside_a_large_one_add_nothing() -> None:
    """506 rows, three classes of two of them: H(Y) is 0.1 bit, I is 0."""
    y = np.r_[np.zeros(2), np.ones(2), np.full(2, 2), np.full(500, 3)].astype(int)
    for seed in range(3):
        z = np.random.default_rng(seed).normal(size=(506, 3))
        assert abs(knn_bits(z, y)) < 0.05


def channel(
    inputs: np.ndarray, all_inputs: np.ndarray, noise: float, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Add noise to inputs, ``(n, dim)``; return that and its information on them in bits.

    Args:
        inputs: a sample.
        all_inputs: many more of the same distribution, for the density of the output.
        noise: standard deviation.
        rng: draws the noise.
    """
    sent = noise * rng.normal(size=inputs.shape)
    output = inputs + sent
    square = ((output[:, None] - all_inputs[None]) ** 2).sum(axis=-1) / (2 * noise**2)
    log_density = logsumexp(-square, axis=1) - np.log(len(all_inputs))
    nats = -(sent**2).sum(axis=1).mean() / (2 * noise**2) - log_density.mean()
    return output, float(nats / np.log(2))


@pytest.mark.parametrize("units", [3, 5])
@pytest.mark.parametrize("noise", [0.15, 0.6])
def test_a_quantised_layer_is_read_beside_what_a_noisy_channel_makes_of_it(
    units: int, noise: float
) -> None:
    """Spread over its cells, five units of about six levels read 2.8 bits of 5.7 short."""
    mixing = np.random.default_rng(42).normal(size=(3, units)) / 1.7
    readout = np.random.default_rng(3).normal(size=(units, 2)) / np.sqrt(units)

    def layer(rows: int, rng: np.random.Generator) -> np.ndarray:
        values = rng.normal(size=(rows, 3)) @ mixing + 0.3 * rng.normal(size=(rows, units))
        return values.round()

    errors = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        z = layer(1000, rng)
        y, truth = channel(z @ readout, layer(4000, rng) @ readout, noise, rng)
        errors.append(parse("knn").estimate(continuous(z), continuous(y)).bits - truth)
        swapped = parse("knn").estimate(continuous(y), continuous(z)).bits - truth
        assert swapped == pytest.approx(errors[-1], abs=1e-4)  # sums in another order part ties
    assert abs(float(np.mean(errors))) < 0.25


def test_a_few_rows_at_no_atom_refuse_no_layer_of_many_units() -> None:
    """Sixteen patterns of nine units, and ten rows of which each is alone."""
    rng = np.random.default_rng(0)
    patterns = rng.normal(size=(16, 9))
    drawn = rng.integers(0, 16, 600)
    z = np.vstack([patterns[drawn], rng.normal(size=(10, 9))])
    y = np.r_[drawn, rng.integers(0, 16, 10)] + 0.01 * rng.normal(size=610)
    found = parse("knn").estimate(continuous(z), continuous(y))
    assert found.bits == pytest.approx(4.0, abs=0.15)
    assert "2% of the rows read by KSG alone" in found.notes


def test_two_quantised_layers_carry_the_note_that_neighbours_fall_short() -> None:
    z = np.random.default_rng(0).normal(size=(500, 4))
    rounded = continuous(z.round())
    found = parse("knn").estimate(rounded, continuous((z + 0.1).round()))
    assert any("falls short" in note for note in found.notes)
    beside_values = parse("knn").estimate(rounded, continuous(z[:, :2]))
    assert not any("falls short" in note for note in beside_values.notes)
