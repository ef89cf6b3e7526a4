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
from collections.abc import Callable
from pathlib import Path

import numpy as np

from infoplane.analysis.dpi.significance import holm, permutation_p
from infoplane.analysis.estimators.entropies import counts_of, information_bits
from infoplane.analysis.resampling.half_samples import balanced_halves, rows_of_halves
from infoplane.rows import row_codes

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

        def excess(rows: np.ndarray, x: np.ndarray = x, layers: tuple = layers) -> float:
            sample = continuous(x[rows])
            before, after = (ksg.estimate(sample, continuous(z[rows])).bits for z in layers)
            return float(after - before)

        whole = excess(np.arange(n))
        if whole <= 0.02:
            continue
        halves = [excess(rows) for rows in rows_of_halves(balanced_halves(n, 5, rng))]
        hits += bool(norm.sf(whole / np.std(halves, ddof=1)) <= 0.05)
    return hits / runs


def planted(
    networks: int, epochs: int, say: Callable[[str], object] = print
) -> dict[str, tuple[int, int, int]]:
    """Bug -> (networks, found with the live model, found from the archive alone); key "untouched"
    counts false alarms instead.
    """
    import torch

    import infoplane as ip
    from infoplane.analysis.dpi.check import check_dpi
    from infoplane.archive import RunWriter
    from infoplane.rows import row_digests

    x, y = ip.data.szt.load()
    score: dict[str, list[int]] = {}
    for activation in ("tanh", "relu"):
        for seed in range(networks):
            with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                path = Path(folder)
                net = ip.data.szt.network(activation, seed=seed)
                rec = ip.Recorder(
                    net,
                    probe=(x, y),
                    to=path / "good",
                    layers="act*",
                    schedule=ip.at(0, epochs),
                    verbose=False,
                )
                with rec:
                    ip.data.szt.train(
                        net,
                        epochs=epochs,
                        seed=seed,
                        on_epoch=lambda e, m, rec=rec: rec.step(e, **m),
                    )
                    good = ip.open_archive(path / "good")
                    alarms = sum(
                        not check_dpi(ip.measure(good, [*BIN_RULES, "exact"], workers=2)).passed
                        for _ in range(1)
                    )
                    alarms += not rec.selfcheck().passed
                    _count(score, "untouched", alarms > 0, alarms > 0)
                    z = {name: good.z(epochs, name) for name in good.layers}
                    rng = np.random.default_rng(seed)
                    dropout = np.where(
                        rng.random(z["act3"].shape) < 0.3, 0, z["act3"] / 0.7
                    ).astype(np.float32)
                    with np.errstate(over="ignore"):
                        half = (z["act3"] * 1e4).astype(np.float16).astype(np.float32)
                    bugs = {
                        "rows of a layer shuffled": {"act3": z["act3"][rng.permutation(len(x))]},
                        "two layers swapped": {
                            "act4": np.pad(z["act5"], ((0, 0), (0, 1))),
                            "act5": z["act4"][:, :3],
                        },
                        "a layer of another checkpoint": {"act3": good.z(0, "act3")},
                        "a layer in train mode (dropout)": {"act3": dropout},
                        "float16 overflow": {"act3": half},
                        "labels misaligned by one": {},
                    }
                    for bug, changed in bugs.items():
                        labels = np.roll(y, 1) if bug.startswith("labels") else y
                        with RunWriter.create(
                            path / "bad",
                            layers=rec.infos,
                            x=x,
                            y=labels,
                            chain=good.chain,
                            overwrite=True,
                            durable=False,
                        ) as run:
                            with run.step(epochs, meta=good.meta(epochs)) as shard:
                                for name in good.layers:
                                    a = changed.get(name, z[name])
                                    shard.write(name, a, row_digests=row_digests(a))
                        bad = ip.open_archive(path / "bad")
                        live = not rec.selfcheck(bad).passed
                        alone = _alone(bad)
                        _count(score, bug, live, alone)
                torch.manual_seed(0)
                say(f"{activation} {seed}: done")
    return {bug: tuple(values) for bug, values in score.items()}  # type: ignore[misc]  # three each


def _alone(archive: object) -> bool:
    import infoplane as ip
    from infoplane.errors import InfoplaneError

    try:
        return not ip.check_dpi(ip.measure(archive, ["bin:saxe", "exact"], resume=False)).passed  # type: ignore[arg-type]  # an archive
    except InfoplaneError:
        return True  # refused by name is found


def _count(score: dict[str, list[int]], bug: str, live: bool, alone: bool) -> None:
    row = score.setdefault(bug, [0, 0, 0])
    row[0] += 1
    row[1] += live
    row[2] += alone


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
