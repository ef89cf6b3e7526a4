"""Estimates of half samples are stored, and computed again where a cause has changed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_dpi import chain_of, honest, write

import infoplane as ip
from infoplane.analysis.dpi import significance as resample
from infoplane.analysis.dpi.settings import DPISettings
from infoplane.analysis.resampling.half_samples import balanced_halves, random_halves
from infoplane.archive import Archive, ResultLog, pack
from infoplane.errors import ArchiveError
from infoplane.plane import Plane
from infoplane.types import DPIReport

SPECS = ["bin:saxe,width=0.5", "kde:variance=0.1", "bin:saxe,width=1,correction=mm"]


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Plane, list[object], Path]:
    """A plane with excesses, the list to which every cell that is halved adds itself, and the log
    of its halves.
    """
    monkeypatch.setenv("INFOPLANE_CACHE", "")
    first = honest()
    write(
        tmp_path / "run",
        [first, {"a": first["a"] / 9, "b": first["a"][:, :4] * 3}],
        chain=chain_of(["a", "b"]),
    )
    made: list[object] = []
    plain = resample.layer_variable

    def counted(archive: Archive, step: int, layer: str, estimator: object) -> object:
        made.append((step, layer, str(estimator)))
        return plain(archive, step, layer, estimator)  # type: ignore[arg-type]

    monkeypatch.setattr(resample, "layer_variable", counted)
    return (
        ip.measure(tmp_path / "run", SPECS, resume=False),
        made,
        tmp_path / "run/planes/halves.jsonl",
    )


def test_the_next_judgement_halves_nothing_and_says_the_same(
    judged: tuple[Plane, list[object], Path],
) -> None:
    plane, made, path = judged
    report = ip.check_dpi(plane)
    cells = sorted(set(map(str, made)))
    assert len(cells) == len(made) >= 3 and len(path.read_text().splitlines()) == len(made)
    made.clear()
    assert ip.check_dpi(plane) == report and made == []
    assert (
        ip.check_dpi(plane, DPISettings(alpha=0.5, permutations=99)).checked == report.checked
        and made == []
    )
    for k, settings in enumerate(({"seed": 1}, {"splits": 4})):
        ip.check_dpi(plane, DPISettings(**settings))  # type: ignore[arg-type]
        assert len(made) == (k + 1) * len(cells), settings


def test_another_version_and_an_activation_that_changed_are_halved_anew(
    judged: tuple[Plane, list[object], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plane, made, _ = judged
    ip.check_dpi(plane)
    cells = len(made)
    monkeypatch.setattr("infoplane.__version__", "0.0.9")
    ip.check_dpi(plane)
    assert len(made) == 2 * cells
    monkeypatch.setattr(Archive, "content_key", lambda self, step, layer: "other")
    ip.check_dpi(plane)
    assert len(made) == 3 * cells


def forged(record: dict[str, object]) -> list[dict[str, object]]:
    """What an enemy may put under the very key that judging looks for."""
    halves = record["halves"]
    assert isinstance(halves, list)
    quantity, sense, values = halves[0]
    wrong: list[object] = [
        [],
        None,
        3,
        "halves",
        [[quantity, sense]],
        [[quantity, sense, values[:-1]], *halves[1:]],
        [[quantity, sense, [*values[:-1], float("nan")]]],
        [[quantity, sense, ["a"] * len(values)]],
        [[quantity, sense, [values] * 2]],
        [[quantity, sense, [*values[:-1], float("inf")]]],
        [[quantity, sense, [10**400, *values[1:]]]],
        {"a": 1},
    ]
    return [*({**record, "halves": h} for h in wrong), {}]


def test_lines_that_are_no_halves_are_made_anew(judged: tuple[Plane, list[object], Path]) -> None:
    plane, made, path = judged
    report = ip.check_dpi(plane)
    cells = len(made)
    good = {
        d["key"]: d["record"]
        for d in (json.loads(line.partition(" ")[2]) for line in path.read_text().splitlines())
    }
    for k in range(len(forged(next(iter(good.values()))))):
        path.unlink()
        ResultLog(path.parents[1], "halves").extend(
            (key, forged(record)[k]) for key, record in good.items()
        )
        made.clear()
        assert ip.check_dpi(plane) == report and len(made) == cells, k


def test_a_judgement_that_was_given_up_is_gone_on_with(
    judged: tuple[Plane, list[object], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plane, made, path = judged
    monkeypatch.setenv("INFOPLANE_THREADS", "1")
    read = resample.layer_variable

    def interrupted(*of: object) -> object:
        if made:
            raise KeyboardInterrupt
        return read(*of)

    check = ip.check_dpi  # loaded before what it looks at is replaced
    with monkeypatch.context() as m:
        m.setattr(resample, "layer_variable", interrupted)
        with pytest.raises(KeyboardInterrupt):
            check(plane)
    assert len(path.read_text().splitlines()) == 1
    made.clear()
    report: DPIReport = ip.check_dpi(plane)
    assert len(set(made)) == len(made) > 0
    path.unlink()
    assert ip.check_dpi(plane) == report


@pytest.mark.parametrize("harm", ["read", "extend"])
def test_a_run_that_may_not_be_written_to_or_read_is_judged_as_well(
    harm: str, judged: tuple[Plane, list[object], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plane, _, path = judged
    report = ip.check_dpi(plane)
    path.unlink()

    def refused(*_: object) -> None:
        raise ArchiveError("read-only")

    monkeypatch.setattr(ResultLog, harm, refused)
    assert ip.check_dpi(plane) == report and path.exists() == (harm == "read")


def test_a_packed_run_gets_nothing_written_beside_it(
    judged: tuple[Plane, list[object], Path], tmp_path: Path
) -> None:
    packed = pack(tmp_path / "run", tmp_path / "packed.h5")
    before = sorted(tmp_path.rglob("*"))
    ip.check_dpi(ip.measure(packed, SPECS))
    assert sorted(tmp_path.rglob("*")) == before


def test_halves_come_back_to_the_last_bit(
    judged: tuple[Plane, list[object], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plane, _, _ = judged
    seen: list[dict[object, np.ndarray]] = []
    plain: Callable[..., object] = resample.Resampler.half_values

    def watched(self: resample.Resampler, cell: resample.Cell) -> object:
        found = plain(self, cell)  # type: ignore[arg-type]
        if found is not None:
            seen.append(found)
        return found

    monkeypatch.setattr(resample.Resampler, "half_values", watched)
    monkeypatch.setenv("INFOPLANE_THREADS", "1")
    ip.check_dpi(plane)
    first, count = list(seen), len(seen)
    seen.clear()
    ip.check_dpi(plane)
    assert count == len(seen)
    for a, b in zip(first, seen, strict=True):
        assert a.keys() == b.keys() and all(a[k].tobytes() == b[k].tobytes() for k in a)


@pytest.mark.parametrize(
    ("n", "splits"), [(4096, 5), (100, 5), (11, 4), (3, 5), (600, 10), (37, 1)]
)
def test_balanced_halves_are_halves_of_few_blocks_that_overlap_by_half(n: int, splits: int) -> None:
    halves = balanced_halves(n, splits, np.random.default_rng(3))
    again = balanced_halves(n, splits, np.random.default_rng(3))
    other = balanced_halves(n, splits, np.random.default_rng(4))
    assert len(halves) == splits and all(h.sum() == n // 2 for h in halves)
    assert np.array_equal(halves, again) and (n < 11 or not np.array_equal(halves, other))
    count = 1 << splits.bit_length()
    left = n % count
    for a, b in itertools.combinations(halves, 2):
        assert abs(int((a & b).sum()) - n / 4) <= left + 1
        assert n % count or 4 * (a & b).sum() == n
    assert len({tuple(pattern) for pattern in np.transpose(halves).tolist()}) <= count + left


@pytest.mark.parametrize("kind", [balanced_halves, random_halves])
def test_what_halves_of_either_kind_differ_by_is_the_standard_error_at_all_rows(
    kind: Callable[..., list[np.ndarray]],
) -> None:
    """Of the mean and of the entropy of a coin, whose standard errors are known: over ten halves of
    five splits, 10/9 of their square on average.
    """
    n, draws, rng = 192, 4000, np.random.default_rng(5)
    squares = np.empty((2, draws))
    for k in range(draws):
        x = rng.normal(size=n)
        sides = [x[side] for half in kind(n, 5, rng) for side in (half, ~half)]
        coins = np.array([np.mean(side > 0.8416212) for side in sides])
        entropies = -coins * np.log2(coins) - (1 - coins) * np.log2(1 - coins)
        squares[:, k] = np.var([side.mean() for side in sides], ddof=1), np.var(entropies, ddof=1)
    known = np.array([1.0, np.log2(0.8 / 0.2) ** 2 * 0.8 * 0.2]) / n
    ratio, error = (
        squares.mean(axis=1) / known / (10 / 9),
        squares.std(axis=1) / known / np.sqrt(draws),
    )
    assert np.all(np.abs(ratio - 1) < 4 * error + [0, 0.05]), (
        ratio
    )  # an entropy is not linear: half of the rows spread it a little more


def test_checkpoints_that_are_no_longer_in_the_run_are_judged_by_their_numbers_alone(
    judged: tuple[Plane, list[object], Path],
) -> None:
    plane, made, path = judged
    before = ip.check_dpi(plane)
    path.unlink()
    made.clear()
    (shard,) = (path.parents[1] / "ckpt").glob("*-s000000000001-*")
    shard.unlink()
    after = ip.check_dpi(plane)
    (limit,) = [text for text in after.limits if "no longer in the run" in text]
    assert limit.startswith("1 of 2 checkpoints, the first at step 1") and not any(
        "no longer" in text for text in before.limits
    )
    assert [f for f in after.findings if f.step == 0] == [f for f in before.findings if f.step == 0]
    assert {step for step, *_ in made} <= {0}
    lost = [f for f in after.findings if f.step == 1]
    assert (
        lost
        and all(f.p is None for f in lost)
        and any(f.p is not None for f in before.findings if f.step == 1)
    )
