"""What attaching to large networks costs: `python -m benchmarks.networks [gpt2 ...]`.

Weights are random.
Times but the first words are those of the processor, so that other work on the machine moves them
little; forwards and captures are taken in turns, and the least of each counts. Every network runs
in a process of its own. `--small` takes networks of the same kinds that run in seconds.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import infoplane as ip
from benchmarks.tokens import peak_of
from infoplane.types import Chain

MIB = 2**20
TURNS = 3
HEAD = (
    "| network | layers | first words | attaching, in forwards of 8 rows | of the rows of the test "
    "| interchange test alone | capture against its bare forwards | batch | peak of attaching | of "
    "a capture | of its bare forwards | one batch of all layers |\n" + "|---" * 12 + "|"
)


@dataclass(frozen=True)
class Subject:
    """A network of the size at which it is used.

    Attributes:
        model, config: classes of transformers.
        rows: makes so many inputs.
        small: settings of a network of this kind that runs in seconds.
    """

    model: str
    config: str
    rows: Callable[[int], Mapping[str, Tensor]]
    small: Mapping[str, Any]  # Any: settings of transformers

    def build(self, *, small: bool = False) -> nn.Module:
        """The network with random weights."""
        package = importlib.import_module("transformers")
        config = getattr(package, self.config)(**(self.small if small else {}))
        network: nn.Module = getattr(package, self.model)(config)
        return network.eval()


def tokens(rows: int) -> Mapping[str, Tensor]:
    """64 token ids a row."""
    return {"input_ids": torch.randint(0, 50_000, (rows, 64))}


def images(rows: int) -> Mapping[str, Tensor]:
    """Images of 224 by 224 pixels."""
    return {"pixel_values": torch.randn(rows, 3, 224, 224)}


SUBJECTS = {
    "gpt2": Subject(
        "GPT2LMHeadModel", "GPT2Config", tokens, {"n_embd": 32, "n_layer": 2, "n_head": 2}
    ),
    "resnet50": Subject(
        "ResNetForImageClassification",
        "ResNetConfig",
        images,
        {"embedding_size": 8, "hidden_sizes": [16, 16, 32, 32], "depths": [1, 1, 1, 1]},
    ),
    "vit-base": Subject(
        "ViTForImageClassification",
        "ViTConfig",
        images,
        {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 64,
        },
    ),
}


class FirstWords:
    """Standard output that remembers when something was written first."""

    def __init__(self) -> None:
        self.at: float | None = None
        self._out = sys.stdout

    def write(self, text: str) -> int:
        """Note the time, and write to standard error: the table alone is standard output."""
        self.at = time.perf_counter() if self.at is None else self.at
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Write through."""
        sys.stderr.flush()


def processor_seconds(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def bare_forwards(network: nn.Module, inputs: Mapping[str, Tensor], batch: int) -> None:
    """The network alone on all rows in batches, as a capture runs it."""
    count = len(next(iter(inputs.values())))
    with torch.no_grad():
        for start in range(0, count, batch):
            network(**{name: t[start : start + batch] for name, t in inputs.items()})


def measure(name: str, rows: int, *, small: bool) -> str:
    """Attach, capture and run alone, in turns; one row of the table."""
    torch.manual_seed(0)
    network = SUBJECTS[name].build(small=small)
    inputs = SUBJECTS[name].rows(rows)
    eight = {key: t[:8] for key, t in inputs.items()}
    bare_forwards(network, eight, 8)
    folder = Path(tempfile.mkdtemp())
    options = {"probe": dict(inputs), "durable": False}
    words = FirstWords()
    peaks = list[int]()
    spent = dict[str, float]()
    sys.stdout, began = words, time.perf_counter()  # type: ignore[assignment]  # what print needs of it
    recorder = ip.Recorder(network, to=folder / "a", **options)  # type: ignore[arg-type]  # of the recorder

    def attach() -> None:
        with peak_of(peaks):
            recorder.open(capture=False)

    spent["attach"] = processor_seconds(attach)
    sys.stdout = sys.__stdout__
    assert words.at is not None
    made: list[Chain] = []
    spent["test"] = processor_seconds(lambda: made.append(recorder.certify(-1, shown=False)))
    recorder.close()
    forward = min(processor_seconds(lambda: bare_forwards(network, eight, 8)) for _ in range(TURNS))
    captures = list[float]()
    bare = list[float]()
    second = ip.Recorder(network, to=folder / "b", chain=False, verbose=False, **options)  # type: ignore[arg-type]  # as above
    plan = second.look()
    second.open(capture=False)
    for step in range(TURNS):
        with peak_of(peaks):
            captures.append(processor_seconds(lambda step=step: second.capture(step)))
        with peak_of(peaks):
            bare.append(processor_seconds(lambda: bare_forwards(network, inputs, plan.batch_size)))
    second.close()
    one_batch = sum(i.bytes_per_row for i in plan.infos) * plan.batch_size
    cells: list[Any] = [  # Any: text and numbers
        name,
        len(plan.infos),
        f"{words.at - began:.1f} s",
        f"{spent['attach'] / forward:.1f}",
        f"{spent['attach'] / forward * 8 / (2 * made[0].rows):.1f}",
        f"{spent['test'] / forward:.1f}",
        f"{min(captures) / min(bare):.2f}",
        plan.batch_size,
        f"{peaks[0] / MIB:.0f} MiB",
        f"{max(peaks[1::2]) / MIB:.0f} MiB",
        f"{max(peaks[2::2]) / MIB:.0f} MiB",
        f"{one_batch / MIB:.0f} MiB",
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    """Every network in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=list(SUBJECTS))
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--small", action="store_true", help="small networks: checks that it runs")
    parser.add_argument("--here", action="store_true", help="measure in this process")
    asked = parser.parse_args()
    if asked.here:
        warnings.simplefilter("ignore")
        torch.set_num_threads(asked.threads)
        for name in asked.networks:
            print(measure(name, asked.rows, small=asked.small), flush=True)
        return
    print(HEAD, flush=True)
    for name in asked.networks:
        command = [sys.executable, "-m", "benchmarks.networks", name, "--here"]
        options = ["--rows", str(asked.rows), "--threads", str(asked.threads)]
        small = ["--small"] if asked.small else []
        subprocess.run([*command, *options, *small], check=True)


if __name__ == "__main__":
    main()
