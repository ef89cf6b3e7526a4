"""Networks that are what they are, and faults planted in them: `python -m benchmarks.honest`.

Prints the table of docs/rates.md. Every network is trained while it is recorded; then it is judged
as it is, and with the rows of its last layer shuffled.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import infoplane as ip
from infoplane.analysis.dpi.settings import DPISettings
from infoplane.archive import Archive, RunWriter
from infoplane.errors import InfoplaneError
from infoplane.rows import row_digests

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

SPECS = ("exact", "bin:quantile,n=8", "bin:range,n=30")
CAPTURES = (0, 1, 2, 10, 20, 40, 60)
OF_TOKENS = (
    "BertModel",
    "AlbertModel",
    "DebertaV2Model",
    "GPT2LMHeadModel of 2",
    "LlamaForCausalLM",
    "MambaForCausalLM",
    "RwkvForCausalLM",
    "T5EncoderModel",
)
HEAD = (
    "| networks | kinds | trained | called a fault | shuffled layer: found with the live model "
    "| found from the archive alone |\n" + "|---" * 6 + "|"
)


@dataclass(frozen=True)
class Trained:
    """A network, what it was trained on, and the run that was recorded."""

    recorder: ip.Recorder
    archive: Archive


@dataclass
class Score:
    """How often each was said of some networks."""

    kinds: int = 0
    trained: int = 0
    faults: int = 0
    live: int = 0
    alone: int = 0
    planted: int = 0

    def row(self, name: str) -> str:
        """The row of the table."""
        planted = f"{self.live} of {self.planted} | {self.alone} of {self.planted}"
        return f"| {name} | {self.kinds} | {self.trained} | {self.faults} | {planted} |"


def train(
    net: nn.Module,
    probe: tuple[Any, Tensor | None],  # Any: the inputs of any network
    loss: Callable[[nn.Module], Tensor],
    folder: Path,
    *,
    steps: int,
    **options: Any,  # Any: of the recorder
) -> Trained:
    """Train a network with a recorder beside it."""
    optimiser = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], 3e-2)
    schedule = ip.at(*(step for step in CAPTURES if step <= steps), steps)
    recorder = ip.Recorder(
        net, probe=probe, to=folder / "run", schedule=schedule, verbose=False, **options
    )
    with recorder:
        for step in range(1, steps + 1):
            optimiser.zero_grad()
            loss(net).backward()  # type: ignore[no-untyped-call]  # torch
            optimiser.step()
            recorder.step(step)
    return Trained(recorder, ip.open_archive(folder / "run"))


def shuffled(trained: Trained, folder: Path, seed: int) -> Archive:
    """The last checkpoint with the rows of the last layer in another order."""
    archive = trained.archive
    step = trained.archive.steps[-1]
    layers = {name: np.array(archive.z(step, name)) for name in archive.layers}
    last = archive.layers[-1]
    layers[last] = np.random.default_rng(seed).permutation(layers[last])
    with (
        RunWriter.create(
            folder / "shuffled",
            layers=trained.recorder.infos,
            x=np.array(archive.x),
            y=np.array(archive.y),
            chain=archive.chain,
            durable=False,
        ) as run,
        run.step(step, meta=archive.meta(step)) as shard,
    ):
        for name, values in layers.items():
            shard.write(name, values, row_digests=row_digests(values))
    return ip.open_archive(folder / "shuffled")


def passes(archive: Archive) -> bool:
    """Whether the check finds nothing wrong."""
    plane = ip.measure(archive, SPECS, resume=False, progress=False)
    return ip.check_dpi(plane, DPISettings(permutations=99)).passed


def judge(trained: Trained, folder: Path, seed: int, score: Score) -> str:
    """Add what is said of one network to the score; a line where something is wrong."""
    score.trained += 1
    good = passes(trained.archive)
    score.faults += not good
    if trained.archive.row_info.kind != "sample":  # equal tokens may differ: no shuffle is a fault
        return "" if good else f"called a fault: {folder}"
    bad = shuffled(trained, folder, seed)
    last = bad.layers[-1]
    if len(np.unique(np.array(bad.z(bad.steps[-1], last)), axis=0)) > 1:  # else nothing is planted
        score.planted += 1
        found = trained.recorder.selfcheck(bad).problems
        score.live += any(problem.startswith(f"{last}:") for problem in found)
        score.alone += not passes(bad)
    return "" if good else f"called a fault: {folder}"


def own(builds: Sequence[type[nn.Module]], seeds: int) -> Iterator[Callable[[Path], Trained]]:
    """Networks of the tests, each of some seeds, on rows of zeros and ones."""
    from honest_networks import inputs

    for build in builds:
        for seed in range(seeds):

            def make(folder: Path, build: type[nn.Module] = build, seed: int = seed) -> Trained:
                torch.manual_seed(seed)
                x, y = inputs(seed)
                net = build()
                names: Any = net.layers  # Any: an attribute of a module
                return train(
                    net,
                    (x, y),
                    lambda net: nn.functional.cross_entropy(net(x), y),
                    folder,
                    steps=60,
                    layers=list(names),
                )

            yield make


def packaged(
    names: Sequence[str],
    **options: Any,  # Any: of the recorder
) -> Iterator[Callable[[Path], Trained]]:
    """Networks of other packages, on rows that come twice."""
    from zoo.networks import ZOO

    from infoplane.hooks.probing.probe import call, make_probe

    for name in names:

        def make(folder: Path, name: str = name) -> Trained:
            torch.manual_seed(0)
            net = ZOO[name].build()
            given = make_probe((ZOO[name].inputs, None))
            twice = given.take(np.random.default_rng(0).permutation(np.tile(np.arange(given.n), 2)))

            def loss(net: nn.Module) -> Tensor:
                return sum(t.float().pow(2).mean() for t in floats(call(net, twice.inputs)))  # type: ignore[return-value]

            labels = None if "y" in options else torch.arange(twice.n) % 2
            return train(net, (twice.inputs, labels), loss, folder, steps=4, **options)

        yield make


def floats(output: Any) -> list[Tensor]:  # Any: what a network returns
    """The tensors of an output that a loss may be made of."""
    if isinstance(output, Tensor):
        return [output] if output.requires_grad else []
    if isinstance(output, dict):
        output = tuple(output.values())
    if not isinstance(output, (tuple, list)):
        return []
    return list(itertools.chain.from_iterable(map(floats, output)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4, help="networks of each of our own kinds")
    parser.add_argument("--names", nargs="*", help="networks of packages; all when left out")
    given = parser.parse_args()
    from honest_gates import GATES
    from honest_networks import HONEST
    from honest_noise import NOISE
    from honest_saturated import SATURATED
    from zoo.networks import ZOO

    names = list(ZOO) if given.names is None else given.names
    tokens = packaged(OF_TOKENS, rows="token", y="token")
    families = {
        "gates that open, noise, saturation, dead layers": (len(HONEST), own(HONEST, given.seeds)),
        "gates of published networks": (len(GATES), own(GATES, given.seeds)),
        "noise in eval mode, published": (len(NOISE), own(NOISE, given.seeds)),
        "saturated, few padded rows": (len(SATURATED), own(SATURATED, given.seeds)),
        "transformers, vit-pytorch, x-transformers and others": (len(names), packaged(names)),
        "the same with a row for every token": (len(OF_TOKENS), tokens),
    }
    print(HEAD)
    warnings.simplefilter("ignore")
    for family, (kinds, makers) in families.items():
        score = Score(kinds)
        for seed, make in enumerate(makers):
            with tempfile.TemporaryDirectory() as name:
                try:
                    message = judge(make(Path(name)), Path(name), seed, score)
                    if message:
                        print(message, file=sys.stderr)
                except (InfoplaneError, RuntimeError, ValueError, TypeError) as error:
                    print(f"{family}, {seed}: {type(error).__name__}: {error}", file=sys.stderr)
        print(score.row(family), flush=True)


if __name__ == "__main__":
    main()
