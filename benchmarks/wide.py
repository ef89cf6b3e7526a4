"""Two wide layers: what `wide` reads, and what one who knows the classes of the rows could.

`python -m benchmarks.wide BANK [--rows N] [--draws K] [--only NAME] [--write PAGE]`, where BANK is
`wide` or `late-wide`. Who knows the classes predicts those of held-out rows by a logistic fit of
each layer, is given the channel between the classes, and averages the log ratio of densities; or
names the likeliest class on both sides and counts. Both are bounds on what pairs alone can show.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.calibration import markdown, put
from infoplane.analysis.calibrate import late_wide, wide_cases
from infoplane.analysis.calibrate.case import Sample
from infoplane.analysis.calibrate.wide_cases import Layer, LayerPair, flip_of
from infoplane.analysis.estimators.entropies import information_bits
from infoplane.analysis.estimators.spec import parse
from infoplane.analysis.estimators.wide_features import principal_scores
from infoplane.errors import EstimatorError
from infoplane.types import Variable
from infoplane.types.arrays import Codes, Floats

PAIRS = {"wide": wide_cases.PAIRS, "late-wide": late_wide.PAIRS}
PENALTIES = (3.0, 30.0, 300.0)
FOLDS = 10


@dataclass(frozen=True, eq=False)
class KnownLayer:
    """A layer whose classes are known.

    Attributes:
        posterior: probabilities of the classes by a fit that never saw the row, ``(N, classes)``.
        classes: shape ``(N,)``.
        places: where a row of the layer stands, by its bytes.
    """

    posterior: Floats
    classes: Codes
    places: dict[bytes, int]

    def find(self, rows: Variable) -> Codes:
        """Return where the rows of a sample stand in the layer, shape ``(n,)``."""
        return np.array([self.places[row.tobytes()] for row in rows.values])


def know(layer: Layer) -> KnownLayer:
    """Fit the classes of held-out rows of a layer, as sharply as suits them best."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    rows, classes = layer.rows()
    scores = principal_scores(rows).weighted
    best, most = np.empty(0), -np.inf
    for penalty in PENALTIES:
        fit = LogisticRegression(C=penalty, max_iter=300)
        found = cross_val_predict(fit, scores, classes, cv=FOLDS, method="predict_proba")
        posterior = 0.998 * found + 0.002 / found.shape[1]
        likelihood = float(np.log(posterior[np.arange(len(classes)), classes]).mean())
        if likelihood > most:
            best, most = posterior, likelihood
    return KnownLayer(best, classes, {row.tobytes(): k for k, row in enumerate(rows)})


@dataclass(frozen=True)
class Known:
    """What one who knows the classes reads of a sample, in bits.

    Attributes:
        of_classes: information that the true classes of these very rows have.
        ratio: mean log ratio by posteriors of held-out rows and the true channel.
        named: information of the likeliest classes, counted and corrected.
    """

    of_classes: float
    ratio: float
    named: float


def read_known(first: KnownLayer, second: KnownLayer, sample: Sample, bits: float) -> Known:
    """Read a sample with the classes and the channel known."""
    one, other = first.find(sample.a), second.find(sample.b)
    posteriors = first.posterior[one], second.posterior[other]
    count = posteriors[0].shape[1]
    flip = flip_of(count, bits)
    ratio = np.full((count, count), flip / (count - 1))
    np.fill_diagonal(ratio, 1 - flip)
    of_pairs = ((posteriors[0] @ (ratio * count)) * posteriors[1]).sum(axis=1)
    names = [posterior.argmax(axis=1) for posterior in posteriors]
    return Known(
        information_bits(first.classes[one], second.classes[other], "mm"),
        float(np.log2(of_pairs).mean()),
        information_bits(names[0], names[1], "mm"),
    )


def rows_of(pair: LayerPair, n: int, draws: int) -> list[tuple[str, ...]]:
    """Return a line of the table for every number of bits of a pair of layers."""
    wide = parse("wide")
    first = know(pair.first)
    second = first if pair.second is pair.first else know(pair.second)
    lines = []
    for bits, case in pair.cases().items():
        known, found, bounds = [], [], []
        for seed in range(draws):
            sample = case.sample(n, seed)
            known.append(read_known(first, second, sample, bits))
            try:
                found.append(wide.estimate(sample.a, sample.b).bits)
            except EstimatorError as refusal:
                bounds.append(str(refusal).split("at least ")[1].split(" bits")[0])
        name = case.name.split(": pair")[0]
        oracle = [(k.of_classes, k.ratio, k.named) for k in known]
        knowing = [f"{value:.2f}" for value in np.mean(oracle, axis=0)]
        if 2 * pair.classes**2 > n:  # a table of so many classes is not counted from n rows
            knowing[0] = knowing[2] = "-"
        lines.append((name, str(n), f"{bits:.2f}", *knowing, _shown(found, bits, bounds)))
        print(*lines[-1], sep=" | ", flush=True)
    return lines


def _shown(found: list[float], bits: float, bounds: list[str]) -> str:
    """Say the mean and the worst error of the numbers given, and the bounds of those refused."""
    refused = f"refused: at least {', '.join(bounds)}" if bounds else ""
    if not found:
        return refused
    worst = max(found, key=lambda value: abs(value - bits))
    given = f"{np.mean(found):.2f} (worst {worst - bits:+.2f})"
    return f"{given}; {refused}" if refused else given


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bank", choices=tuple(PAIRS))
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--only", default="", help="pairs whose first layer's name has this in it")
    parser.add_argument("--write", type=Path, help="page with markers to put the table into")
    asked = parser.parse_args()
    lines = []
    for pair in PAIRS[asked.bank]:
        if asked.only in pair.first.name:
            lines += rows_of(pair, asked.rows, asked.draws)
    head = ("layers", "rows", "truth", "classes drawn", "known, ratio", "known, named", "`wide`")
    text = f"{asked.draws} draws of each case, in bits.\n\n" + markdown(head, lines)
    print(text)
    if asked.write:
        put(asked.write, f"{asked.bank}-pairs", text)


if __name__ == "__main__":
    main()
