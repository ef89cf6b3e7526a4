"""How often the verdicts are right: `python -m benchmarks.verdicts [--runs 300] [--networks 10]`
prints the table of docs/rates.md.

False positives on chains where no layer has more information than another; power on layers that do;
planted bugs on real networks.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from infoplane.analysis.dpi.significance import holm, permutation_p
from infoplane.analysis.estimators.entropies import counts_of, information_bits
from infoplane.analysis.resampling.half_samples import balanced_halves, rows_of_halves
from infoplane.archive import Archive, RunWriter, open_archive
from infoplane.rows import row_codes, row_digests
from infoplane.types.arrays import Codes, Values
from infoplane.types.chain import LayerInfo

BIN_RULES = (
    "bin:szt",
    "bin:saxe",
    "bin:saxe,width=0.5",
    "bin:range,n=30",
    "bin:quantile,n=30",
    "bin:ebab,n=30",
    "kde:variance=0.1",
    "kde:relative=0.1",
)


def equal_chain(
    n: int, symbols: int, layers: int, rng: np.random.Generator
) -> tuple[list[np.ndarray], np.ndarray]:
    """Layers that all have the same information about y: each relabels the one before and adds
    symbols that y does not know.
    """
    symbols_now = rng.integers(0, symbols, n)
    labels = (symbols_now % 2) ^ (rng.random(n) < 0.2)
    chain = [symbols_now]
    for _ in range(layers - 1):
        symbols_now = symbols_now + symbols * rng.integers(0, 2, n)
        symbols *= 2
        chain.append(symbols_now)
    return [row_codes(column[:, None]) for column in chain], labels.astype(np.int64)


def coverage_of(codes: np.ndarray) -> float:
    """1 - share of rows alone in their cell."""
    counts = counts_of(codes)
    return 1 - float((counts == 1).sum()) / len(codes)


def false_positives(runs: int, n: int, symbols: int, draws: int = 999) -> dict[str, float]:
    """Per pair and family-wise (10 pairs, Holm) rejection rates at 5 %, and how often the raw
    comparison flags any pair.
    """
    rng = np.random.default_rng([n, symbols])
    earlier_later = list(itertools.combinations(range(5), 2))
    raw = 0
    families = 0
    chances = []
    covered = []
    for run in range(runs):
        chain, labels = equal_chain(n, symbols, 5, rng)
        bits = [information_bits(codes, labels) for codes in chain]
        covered.append(np.mean([coverage_of(codes) for codes in chain]))
        raw += any(bits[later] > bits[earlier] for earlier, later in earlier_later)
        of_pairs = []
        for earlier, later in earlier_later:
            of_pairs.append(
                permutation_p(chain[earlier], chain[later], labels, draws=draws, seed=run)
            )
        chances += of_pairs
        families += any(chance <= 0.05 for chance in holm(of_pairs, len(of_pairs)))
    return {
        "coverage": float(np.mean(covered)),
        "raw": raw / runs,
        "pair": float(np.mean(np.array(chances) <= 0.05)),
        "family": families / runs,
    }


def power(runs: int, n: int, bits: float, draws: int = 999) -> float:
    """Share of layer swaps found: the upstream layer is the downstream one through a channel that
    loses ``bits`` about y.
    """
    from scipy.optimize import brentq

    def entropy(share: float) -> float:
        if share in (0, 1):
            return 0.0
        return float(-(share * np.log2(share) + (1 - share) * np.log2(1 - share)))

    noise = 0.1

    def too_much(flip: float) -> float:
        both = noise * (1 - flip) + flip * (1 - noise)
        return entropy(both) - entropy(noise) - bits

    flip = brentq(too_much, 1e-9, 0.49)
    rng = np.random.default_rng(int(1e4 * bits))
    found = 0
    for run in range(runs):
        labels = rng.integers(0, 2, n)
        better = labels ^ (rng.random(n) < noise)  # stands downstream, by mistake
        worse = better ^ (rng.random(n) < flip)
        layers = (worse.astype(np.int64), better.astype(np.int64))
        found += permutation_p(*layers, labels, draws=draws, seed=run) <= 0.05
    return found / runs


def gaussian_chains(runs: int, n: int = 600) -> float:
    """Share of Gaussian chains with equal information (a rotation between the layers, so that the
    estimates differ) that k-NN calls more than chance.
    """
    from scipy.stats import norm

    import infoplane as ip
    from infoplane.types import continuous

    rng = np.random.default_rng(4)
    hits = 0
    ksg = ip.estimators.KSG(k=5)
    for _ in range(runs):
        x = rng.normal(size=(n, 1))
        first = np.c_[x + rng.normal(size=(n, 1)), rng.normal(size=(n, 1))]
        second = first @ np.linalg.qr(rng.normal(size=(2, 2)))[0]
        layers = (first, second)

        def excess(
            rows: np.ndarray, x: np.ndarray = x, layers: tuple[np.ndarray, np.ndarray] = layers
        ) -> float:
            sample = continuous(x[rows])
            before, after = (ksg.estimate(sample, continuous(z[rows])).bits for z in layers)
            return float(after - before)

        whole = excess(np.arange(n))
        if whole <= 0.02:
            continue
        halves = [excess(rows) for rows in rows_of_halves(balanced_halves(n, 5, rng))]
        hits += bool(norm.sf(whole / np.std(halves, ddof=1)) <= 0.05)
    return hits / runs


@dataclass
class Score:
    """How often one bug was found.

    Attributes:
        networks: that had it.
        live: found with the live model.
        alone: found from the archive alone.
    """

    networks: int = 0
    live: int = 0
    alone: int = 0

    def count(self, live: bool, alone: bool) -> None:
        """Add one network."""
        self.networks += 1
        self.live += live
        self.alone += alone


def planted(
    networks: int, epochs: int, say: Callable[[str], object] = print
) -> dict[str, tuple[int, int, int]]:
    """Plant bugs in recordings of the 12-bit network, and count which are found.

    Args:
        networks: seeds of each activation.
        epochs: of training.
        say: is told of every network that is done.

    Returns:
        By bug: networks, found with the live model, found from the archive alone; by "untouched"
        false alarms instead.
    """
    import torch

    scores: dict[str, Score] = defaultdict(Score)
    for activation, seed in itertools.product(("tanh", "relu"), range(networks)):
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _plant_in_one(activation, seed, epochs, Path(folder), scores)
        torch.manual_seed(0)
        say(f"{activation} {seed}: done")
    return {bug: astuple(score) for bug, score in scores.items()}


def _plant_in_one(
    activation: str, seed: int, epochs: int, folder: Path, scores: dict[str, Score]
) -> None:
    """Train and record one network, judge it, then judge it with every bug.

    Args:
        activation: of the network.
        seed: of the network, its training and the bugs.
        epochs: of training.
        folder: for the recordings.
        scores: counted here, by bug.
    """
    import infoplane as ip
    from infoplane.analysis.dpi.check import check_dpi

    inputs, labels = ip.data.szt.load()
    network = ip.data.szt.network(activation, seed=seed)
    recorder = ip.Recorder(
        network,
        probe=(inputs, labels),
        to=folder / "good",
        layers="act*",
        schedule=ip.at(0, epochs),
        verbose=False,
    )

    def record(epoch: int, metrics: dict[str, float]) -> None:
        recorder.step(epoch, **metrics)

    with recorder:
        ip.data.szt.train(network, epochs=epochs, seed=seed, on_epoch=record)
        good = open_archive(folder / "good")
        plane = ip.measure(good, [*BIN_RULES, "exact"], workers=2)
        alarm = not check_dpi(plane).passed or not recorder.selfcheck().passed
        scores["untouched"].count(alarm, alarm)
        for bug, layers in changed_layers(good, epochs, np.random.default_rng(seed)).items():
            with_bug = np.roll(labels, 1) if bug == MISALIGNED else labels
            sound = Sound(good, epochs, recorder.infos, inputs)
            bad = sound.with_bug(layers, with_bug, folder / "bad")
            live = not recorder.selfcheck(bad).passed
            scores[bug].count(live, _found_alone(bad))


MISALIGNED = "labels misaligned by one"


def changed_layers(
    good: Archive, step: int, rng: np.random.Generator
) -> dict[str, dict[str, Values]]:
    """Return what each bug makes of which layers, shape ``(n, units)`` each.

    Args:
        good: the sound recording.
        step: that the bugs are planted in.
        rng: of shuffles and of dropout.
    """
    third = good.z(step, "act3")  # (n, units)
    fourth, fifth = good.z(step, "act4"), good.z(step, "act5")
    dropped = rng.random(third.shape) < 0.3
    dropout = np.where(dropped, 0, third / 0.7).astype(np.float32)
    with np.errstate(over="ignore"):
        overflown = (third * 1e4).astype(np.float16).astype(np.float32)
    swapped = {"act4": np.pad(fifth, ((0, 0), (0, 1))), "act5": fourth[:, :3]}
    return {
        "rows of a layer shuffled": {"act3": third[rng.permutation(len(third))]},
        "two layers swapped": swapped,
        "a layer of another checkpoint": {"act3": good.z(0, "act3")},
        "a layer in train mode (dropout)": {"act3": dropout},
        "float16 overflow": {"act3": overflown},
        MISALIGNED: {},
    }


@dataclass(frozen=True, eq=False)
class Sound:
    """A recording in which nothing is wrong.

    Attributes:
        archive: of the run.
        step: that bugs are planted in.
        layers: what the recorder knows of them.
        inputs: shape ``(n, bits)``.
    """

    archive: Archive
    step: int
    layers: Sequence[LayerInfo]
    inputs: Values

    def with_bug(self, changed: dict[str, Values], labels: Codes, to: Path) -> Archive:
        """Write the step once more with some layers and labels changed.

        Args:
            changed: layers, shape ``(n, units)`` each; the others stay.
            labels: shape ``(n,)``.
            to: folder.
        """
        writer = RunWriter.create(
            to,
            layers=self.layers,
            x=self.inputs,
            y=labels,
            chain=self.archive.chain,
            overwrite=True,
            durable=False,
        )
        with writer as run, run.step(self.step, meta=self.archive.meta(self.step)) as shard:
            for name in self.archive.layers:
                values = changed[name] if name in changed else self.archive.z(self.step, name)
                shard.write(name, values, row_digests=row_digests(values))
        return open_archive(to)


def _found_alone(archive: Archive) -> bool:
    """Return whether a bug is found without the network."""
    import infoplane as ip
    from infoplane.errors import InfoplaneError

    try:
        plane = ip.measure(archive, ["bin:saxe", "exact"], resume=False)
        return not ip.check_dpi(plane).passed
    except InfoplaneError:
        return True  # refused by name is found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--networks", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=300)
    given = parser.parse_args()
    print(
        "| equal-information chain, 5 layers | coverage | raw comparison flags | rejected per pair "
        "| family-wise over 10 pairs |\n|---|---|---|---|---|"
    )
    for n, symbols in ((400, 4), (400, 16), (400, 40), (400, 80), (400, 160), (400, 240)):
        r = false_positives(given.runs, n, symbols)
        print(
            f"| N={n}, {symbols} symbols first | {r['coverage']:.2f} | {r['raw']:.1%} | "
            f"{r['pair']:.1%} | {r['family']:.1%} |",
            flush=True,
        )
    print(
        f"\nGaussian chains, KSG, {given.runs} runs: {gaussian_chains(given.runs):.1%} beyond "
        "chance at 5 %",
        flush=True,
    )
    for n, bits in ((500, 0.05), (2000, 0.011)):
        print(
            f"power: a layer swap worth {bits} bit at N={n}: found in "
            f"{power(given.runs, n, bits):.1%} of {given.runs}",
            flush=True,
        )
    print(
        "\n| planted bug | networks | found with the live model | found from the archive alone |\n"
        "|---|---|---|---|"
    )
    for bug, (n, live, alone) in planted(
        given.networks, given.epochs, say=lambda text: None
    ).items():
        print(f"| {bug} | {n} | {live} | {alone} |")


if __name__ == "__main__":
    main()
