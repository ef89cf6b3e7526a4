"""What every replication shares: a claim, and its result, which is stored and read again."""

from __future__ import annotations

import importlib
import inspect
import json
import statistics
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from infoplane.errors import InputError

Outcome = Literal["replicated", "not replicated", "undetermined"]
_PAPERS = (
    "szt2017",
    "zhang2017",
    "saxe2018",
    "saxe2018_linear",
    "saxe2018_digits",
    "goldfeld2019",
    "kolchinsky2019",
    "chelombiev2019",
    "yu2019",
    "voita2019",
    "xu2020",
    "yu2020",
    "geiger2021",
    "hewitt2021",
    "lorenzen2022",
    "power2022",
)


@dataclass(frozen=True)
class Result:
    """The outcome of a claim, and what it rests on.

    Attributes:
        claim: name of the claim.
        outcome: ``replicated``, ``not replicated`` or ``undetermined`` (too little training, or too
            few seeds that learnt).
        assertion: the inequality that was tested.
        numbers: per quantity one value per seed, in the units of its name.
        seeds: one training each.
        learnt: how many trainings reached the accuracy that the claim presupposes; the others are
            shown, never dropped.
        quick: whether the setting is smaller than the paper's.
        note: what a reader must know.
        seconds: wall-clock time of training and measuring.
        files: archives, planes and pictures, as paths inside the folder of the results.
        conventions: where paper and code, or two papers, count differently: each convention with
            what comes out under it.
        source: digest of the code that decided; another one makes a stored result stale.
    """

    claim: str
    outcome: Outcome
    assertion: str
    numbers: dict[str, list[float]]
    seeds: list[int]
    learnt: int
    quick: bool
    note: str = ""
    seconds: float = 0.0
    files: list[str] = field(default_factory=list)
    conventions: dict[str, str] = field(default_factory=dict)
    source: str = ""

    def median(self, name: str) -> float:
        """Return the median over seeds of one quantity."""
        return statistics.median(self.numbers[name])


@dataclass(frozen=True)
class Context:
    """Which claim is tested, where its files go, and how large the setting is.

    Attributes:
        claim: name of the claim.
        out: folder of runs (several claims share them), planes and pictures.
        seeds: one training each.
        quick: whether the setting is smaller than the paper's.
        say: receives lines of progress.
    """

    claim: str
    out: Path
    seeds: tuple[int, ...]
    quick: bool
    say: Callable[[str], object]


@dataclass(frozen=True)
class Claim:
    """One headline result of a paper, and the function that tests it.

    Attributes:
        name: as typed on the command line.
        statement: what the paper claims, in a sentence.
        reference: the paper.
        setting: data, network and estimator of the test.
        run: returns the result for a context.
    """

    name: str
    statement: str
    reference: str
    setting: str
    run: Callable[[Context], Result]

    @property
    def source(self) -> str:
        """Digest of the module that decides the claim; a result of other code is run again."""
        text = inspect.getsource(sys.modules[self.run.__module__])
        return f"{zlib.crc32(text.encode()):08x}"


def claim(
    name: str, statement: str, reference: str, setting: str
) -> Callable[[Callable[[Context], Result]], Claim]:
    """Make a claim of the function that tests it.

    Args:
        name, statement, reference, setting: see `Claim`.
    """
    return lambda run: Claim(name, statement, reference, setting, run)


def claims() -> dict[str, Claim]:
    """Return every claim by name, in order of publication."""
    found: dict[str, Claim] = {}
    for paper in _PAPERS:
        module = importlib.import_module(f"infoplane.replications.{paper}")
        for value in vars(module).values():
            if isinstance(value, Claim):
                found[value.name] = value
    return found


def outcome_of(holds: bool, learnt: int, runs: int, *, quick: bool) -> Outcome:
    """Return the outcome; a failure counts only where most runs learnt at the full setting.

    Args:
        holds: whether the assertion is true.
        learnt: how many of the runs learnt.
        runs: how many there are.
        quick: whether the setting is smaller than the paper's.
    """
    if holds:
        return "replicated"
    return "undetermined" if quick or learnt <= runs / 2 else "not replicated"


def replicate(
    names: Sequence[str],
    *,
    out: str | Path = "runs/replications",
    seeds: int = 3,
    quick: bool = False,
    say: Callable[[str], object] = print,
) -> list[Result]:
    """Test claims, or read their results where they are stored for the same seeds and setting.

    Args:
        names: of `claims`.
        out: folder for runs, planes, pictures and results.
        seeds: how many trainings, with the seeds 0, 1, ...
        quick: use smaller settings.
        say: receives lines of progress.

    Raises:
        InputError: an unknown name, or no seed.
    """
    known = claims()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"no such replication: {unknown}; there are {list(known)}")
    if seeds < 1:
        raise InputError(f"expected at least one seed, got {seeds}")
    folder = Path(out) / ("quick" if quick else "full")
    folder.mkdir(parents=True, exist_ok=True)
    results = []
    for name in names:
        context = Context(name, folder, tuple(range(seeds)), quick, say)
        results.append(_read_or_run(known[name], context))
    return results


def _read_or_run(claim: Claim, context: Context) -> Result:
    path = context.out / f"{claim.name}.json"
    stored = _stored(path)
    if stored is not None and stored.seeds != list(context.seeds):
        stored = None
    if stored is not None and stored.source == claim.source:
        context.say(f"{claim.name}: {stored.outcome} (cached)")
        return stored
    context.say(f"{claim.name}: {claim.statement}")
    start = time.perf_counter()
    result = claim.run(context)
    seconds = round(time.perf_counter() - start, 1)
    if stored is not None:  # its runs were read, not trained: their time counts
        seconds = max(seconds, stored.seconds)
    result = replace(result, seconds=seconds, source=claim.source)
    path.write_text(json.dumps(asdict(result), indent=1), "utf-8")
    context.say(f"{claim.name}: {result.outcome}: {result.assertion} ({seconds:.0f} s)")
    return result


def _stored(path: Path) -> Result | None:
    """The result of an earlier call; None where there is none, or one of another version."""
    if not path.is_file():
        return None
    try:
        return Result(**json.loads(path.read_text("utf-8")))
    except (TypeError, ValueError):
        return None
