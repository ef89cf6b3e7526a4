from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infoplane.errors import InputError
from infoplane.hooks.schedule import Schedule, at, every, log_spaced


@given(st.integers(1, 10**6), st.integers(2, 300))
def test_log_spaced_starts_at_zero_ends_at_last_and_keeps_its_budget(last: int, n: int) -> None:
    steps = log_spaced(last, n).steps
    assert steps[0] == 0 and steps[-1] == last
    assert len(steps) <= n or len(steps) == last + 1
    assert list(steps) == sorted(set(steps))


@given(st.integers(200, 10**6), st.integers(2, 200))
def test_log_spaced_uses_nearly_all_of_its_budget(last: int, n: int) -> None:
    assert len(log_spaced(last, n).steps) >= 0.9 * min(n, last + 1) - 1


def test_log_spaced_is_equally_spaced_in_the_logarithm_once_rounding_stops_mattering() -> None:
    steps = [s for s in log_spaced(100_000, 60).steps if s > 100]
    ratios = [b / a for a, b in itertools.pairwise(steps)]
    assert max(ratios) / min(ratios) < 1.02


def test_due_agrees_with_the_listed_steps() -> None:
    schedule = log_spaced(500, 20)
    assert [s for s in range(600) if schedule.due(s)] == list(schedule.steps)
    assert schedule.count() == len(schedule.steps)


def test_steps_may_be_integers_of_numpy() -> None:
    assert at(*np.array([4, 1, 4])) == at(1, 4)


def test_every_takes_the_multiples_and_has_no_end() -> None:
    assert [s for s in range(11) if every(5).due(s)] == [0, 5, 10]
    assert every(5).count() is None


def test_schedules_print_as_they_are_written() -> None:
    assert str(at(3, 1)) == "at(1, 3)"
    assert str(every(7)) == "every(7)"
    assert str(log_spaced(8000, 60)) == "log_spaced(8000, 60)"
    assert isinstance(at(1), Schedule) and isinstance(every(1), Schedule)


@pytest.mark.parametrize(
    "build",
    [
        lambda: at(-1),
        lambda: at(1.5),
        lambda: every(0),
        lambda: log_spaced(0, 5),
        lambda: log_spaced(10, 1),
    ],
)  # type: ignore[arg-type]
def test_a_bad_schedule_says_what_it_needs(build: object) -> None:
    with pytest.raises(InputError, match="whole"):
        build()  # type: ignore[operator]


def test_a_schedule_is_imported_without_torch() -> None:
    code = "import sys, infoplane as ip; ip.log_spaced(10, 3); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
