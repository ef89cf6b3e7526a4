"""What every replication shares.

A claim, its runs, numbers per seed, a verdict, a file that makes it cheap to ask again.
"""

from __future__ import annotations

import importlib
import inspect
import json
import statistics
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
    """What came out.

    Attributes:
        claim: its name.
        outcome: ``replicated``, ``not replicated`` or ``undetermined`` (too little training, or too
            few seeds that learnt).
        assertion: the inequality that was tested.
        numbers: per quantity one value per seed, in the units of its name.
        seeds: which seeds.
        learnt: how many reached the accuracy that the claim presupposes; the others are shown,
            never dropped.
        quick: a smaller setting than the paper's.
        note: what a reader must know.
        seconds: what it took.
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
    """What is to be tested, where and how large.

    Attributes:
        claim: its name.
        out: folder of shared runs, planes and pictures.
        seeds: one training for each.
        quick: a smaller setting than the paper's.
        say: takes lines of progress.
    """

    claim: str
    out: Path
    seeds: tuple[int, ...]
    quick: bool
    say: Callable[[str], object]


@dataclass(frozen=True)
class Claim:
    """One headline result.

    Attributes:
        name: for the command line.
        statement: what is claimed, in a sentence.
        reference: the paper.
        setting: how we measure it.
        run: from a context to a result.
    """

    name: str
    statement: str
    reference: str
    setting: str
    run: Callable[[Context], Result]

    @property
    def source(self) -> str:
        """Digest of the module that decides the claim.

        A stored verdict of other code is not read again.
        """
        return (
            f"{zlib.crc32(inspect.getsource(inspect.getmodule(self.run) or inspect).encode()):08x}"
        )


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
        found |= {one.name: one for one in vars(module).values() if isinstance(one, Claim)}
    return found


def outcome_of(holds: bool, learnt: int, runs: int, *, quick: bool) -> Outcome:
    """Return ``replicated`` when the assertion holds.

    When it does not, ``undetermined`` unless most runs learnt at the full setting.

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
    """Run claims, cached.

    A result that is there for the same seeds and setting is read, not run again.

    Args:
        names: of `claims`.
        out: folder for runs, planes, pictures and results.
        seeds: how many, from 0.
        quick: small settings, one number each.

    Raises:
        InputError: an unknown name, or no seed.
    """
    known = claims()
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"no such replication: {unknown}; there are {list(known)}")
    if seeds < 1:
        raise InputError(f"expected at least one seed, got {seeds}")
    folder = Path(out) / ("quick" if quick else "full")
    folder.mkdir(parents=True, exist_ok=True)
    results = []
    for name in names:
        path = folder / f"{name}.json"
        wanted = list(range(seeds))
        old = _stored(path)
        if old is not None and old.seeds == wanted and old.source == known[name].source:
            results.append(old)
            say(f"{name}: {old.outcome} (cached)")
            continue
        began = time.perf_counter()
        say(f"{name}: {known[name].statement}")
        result = known[name].run(Context(name, folder, tuple(wanted), quick, say))
        seconds = round(time.perf_counter() - began, 1)
        if old is not None and old.seeds == wanted and old.quick == quick:
            seconds = max(
                seconds, old.seconds
            )  # judged again from runs that are there: what it took is what the runs took
        result = replace(result, seeds=wanted, seconds=seconds, source=known[name].source)
        path.write_text(json.dumps(asdict(result), indent=1), "utf-8")
        say(f"{name}: {result.outcome}: {result.assertion} ({result.seconds:.0f} s)")
        results.append(result)
    return results


def _stored(path: Path) -> Result | None:
    """A result of an earlier call; None where there is none, or one of another version."""
    if not path.is_file():
        return None
    try:
        return Result(**json.loads(path.read_text("utf-8")))
    except (TypeError, ValueError):
        return None
