"""How objects appear in notebooks, terminals and logs; foreign text stays text everywhere."""

from __future__ import annotations

import contextlib
import io
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import infoplane as ip
from infoplane.archive import RunWriter, open_archive
from infoplane.display.progress import progress, progress_line, working
from infoplane.display.tables import print_phases, print_plane, print_report, table_of
from infoplane.errors import InputError
from infoplane.plane import Plane, Point
from infoplane.types import DPIReport, Episode, Estimate, Finding, LayerInfo, printable

HOSTILE = [
    "<script>alert(1)</script>",
    "x" * 10_000,
    "😀 名前",
    "שלום",
    "\x1b[31mred\x1b]0;owned\x07",
    "a\u202eb",
    "[bold]b[/bold]",
    "tab\tnew\nline",
]


def plane_of(layers: list[str]) -> Plane:
    points = [
        Point(s, name, q, Estimate(1.5, 8, "bin:szt", ceiling_bits=3.0))
        for name in layers
        for s in (0, 9)
        for q in ("i_xz", "i_zy")
    ]  # type: ignore[arg-type]
    return Plane(tuple(points), tuple(layers), 8, 1.0)


def report_of(layers: list[str]) -> DPIReport:
    a, b = layers[0], layers[1]
    findings = tuple(
        Finding("I(X;Z) pair", 9, u, v, 0.3, "fault", f"{u} leaks into {v}", estimator="exact")
        for u, v in ((a, b), (b, a))
    )
    episodes = tuple(
        Episode("I(X;Z) pair", name, b, "fault", 0, 9, 2, 0.3, "exact") for name in layers
    )
    return DPIReport(2, findings, episodes, {"fault": 2}, (f"nothing of {a}",))


def archive_of(path: Path, names: list[str]) -> Any:
    layers = [LayerInfo(name, k, "Linear", (1,), (1,)) for k, name in enumerate(names)]
    with RunWriter.create(
        path / "run", layers=layers, x=np.zeros((4, 1), "f4"), y=np.arange(4) % 2, durable=False
    ) as writer:
        for step in (0, 9):
            with writer.step(step) as shard:
                for name in names:
                    shard.write(name, np.full((4, 1), step, "f4"))
    return open_archive(path / "run")


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("hostile") / "run"
    layers = [LayerInfo(name, k, "Linear", (2,), (2,)) for k, name in enumerate(HOSTILE)]
    with RunWriter.create(
        path,
        layers=layers,
        x=rng.normal(size=(32, 2)).astype("f4"),
        y=np.arange(32) % 2,
        durable=False,
    ) as writer:
        for step in range(4):
            with writer.step(step) as shard:
                for name in HOSTILE:
                    shard.write(name, rng.normal(size=(32, 2)).astype("f4"))
    return path


def test_hostile_names_are_text_in_every_notebook_view(tmp_path: Path) -> None:
    estimate = Estimate(1.0, 8, "bin:szt", notes=tuple(HOSTILE))
    views = [plane_of(HOSTILE), report_of(HOSTILE), estimate, archive_of(tmp_path, HOSTILE)]
    for view in views:
        shown = view._repr_html_()
        assert "<script" not in shown and "&lt;script&gt;" in shown, type(view)
        assert not re.search(r"[\x00-\x1f\u202e]", shown.replace("\n", "")), type(view)
        assert len(shown) < 20_000 and "שלום" in shown, type(view)


def printed(console: Console, show: Callable[[Any], None], what: object) -> str:
    """What a console holds once something was shown on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("infoplane.display.tables.console_here", lambda: console)
        show(what)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_hostile_names_write_no_control_character_to_a_terminal() -> None:
    for force in (True, False):
        console = Console(file=io.StringIO(), force_terminal=force, width=100, color_system=None)
        printed(console, print_plane, plane_of(HOSTILE))
        printed(console, print_report, report_of(HOSTILE))
        console.print(table_of("t", [{"layer": name} for name in HOSTILE]))
        shown = console.file.getvalue()  # type: ignore[attr-defined]
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", shown)
        assert not force or "[bold]b[/bold]" in shown  # rich's own markup is text too
    assert "\x1b" not in str(report_of(HOSTILE)) + str(plane_of(HOSTILE)) + str(
        Estimate(1.0, 8, "e", notes=tuple(HOSTILE))
    )


@pytest.mark.parametrize(
    "command",
    [
        "info",
        "verify",
        "measure -e bin:szt",
        "check",
        "phases",
        "invariance",
        "sensitivity -e bin:szt -e exact",
        "layer-info -e bin:szt",
        "drift",
        "conditional",
    ],
)
def test_every_command_prints_hostile_names_as_text(hostile_run: Path, command: str) -> None:
    from typer.testing import CliRunner

    from infoplane.cli import app

    name, *options = command.split()
    done = CliRunner().invoke(app, [name, str(hostile_run), *options], catch_exceptions=False)
    assert (
        done.exit_code == 0
        and not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", done.output)
        and len(done.output) < 40_000
    )


def test_a_terminal_gets_tables_and_a_pipe_the_plain_text() -> None:
    plane, report = plane_of(["a", "b"]), report_of(["a", "b"])
    pipe, screen = (
        Console(file=io.StringIO(), force_terminal=f, width=120, color_system=None)
        for f in (False, True)
    )
    for console in (pipe, screen):
        printed(console, print_plane, plane)
        printed(console, print_report, report)
    plain, drawn = pipe.file.getvalue(), screen.file.getvalue()  # type: ignore[attr-defined]
    assert plain == f"{plane}\n{report}\n"
    assert (
        "I(X;Z)" in drawn
        and "bin:szt" in drawn
        and "1.500" in drawn
        and "a -> b" in drawn
        and "FAILED" in drawn
    )


def test_phases_are_a_table_in_a_terminal() -> None:
    from infoplane.analysis.studies.compression import Compression
    from infoplane.analysis.studies.phases import LayerPhase, Phases

    curve = Compression("a", "bin:szt", 1.0, 0.9, 1.1, 5, 4, 6, 1.2, True, 3, 0.05)
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    phases = Phases((LayerPhase("a", "robust", "falls", (curve,)),), "run")
    shown = printed(console, print_phases, phases)
    assert "1.000 *" in shown and "[0.900, 1.100]" in shown and "a: robust: falls" in shown


def narrow_console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)


SPECS = ("kde:relative=0.2", "bin:range,n=10,scope=layer", "exact")
DEEP = [f"transformer.h.{block}.attn.c_proj" for block in range(3)]


def test_phases_keep_layers_and_estimators_whole_in_eighty_columns() -> None:
    from infoplane.analysis.studies.compression import Compression
    from infoplane.analysis.studies.phases import LayerPhase, Phases

    phases = []
    for name in DEEP:
        curves = [
            Compression(name, s, 1.0, 0.9, 1.1, 1500, 1400, 2600, 1.2, True, 3, 0.05) for s in SPECS
        ]
        phases.append(LayerPhase(name, "estimator-dependent", "one falls", tuple(curves)))
    shown = printed(narrow_console(), print_phases, Phases(tuple(phases), "run"))
    assert all(f" .{block}.attn.c_proj " in shown for block in range(3))
    assert all(f" {spec} " in shown for spec in SPECS) and "layers of transformer.h." in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_episodes_keep_layers_and_estimators_whole_in_eighty_columns() -> None:
    episodes = [
        Episode("I(X;Z) pair", DEEP[0], DEEP[k], "estimator", 100, 90_000, 12, 0.3, SPECS[k])
        for k in range(3)
    ]
    report = DPIReport(3, (), tuple(episodes), {"estimator": 3}, ())
    shown = printed(narrow_console(), print_report, report)
    assert all(f".{block}.attn.c_proj" in shown for block in range(3))
    assert all(f"episodes under {spec}" in shown for spec in SPECS)
    assert max(map(len, shown.splitlines())) <= 80


def test_layers_are_completed_and_chosen_by_name(tmp_path: Path) -> None:
    plane = plane_of(["fc1", "fc2"])
    assert (
        plane._ipython_key_completions_() == ["fc1", "fc2"]
        and plane["fc2"].layers == ("fc2",)
        and len(plane["fc2"]) == 4
    )
    with pytest.raises(InputError, match=r"no such layer: \['fc3'\]; the plane has"):
        plane["fc3"]
    archive = archive_of(tmp_path, ["fc1", "fc2"])
    assert archive._ipython_key_completions_() == [(0, "fc1"), (0, "fc2"), (9, "fc1"), (9, "fc2")]
    assert archive[9, "fc2"].tolist() == archive.z(9, "fc2").tolist()


def test_ipython_completes_the_layers_of_a_plane() -> None:
    from IPython.core.completer import IPCompleter, provisionalcompleter

    completer = IPCompleter(namespace={"plane": plane_of(["encoder", "head"])}, use_jedi=False)
    with provisionalcompleter():
        found = [c.text for c in completer.completions('plane["enc', 10)]
    assert any("encoder" in text for text in found)


def test_the_last_checkpoint_is_told_with_saturation_and_bounds() -> None:
    points = [
        Point(s, "a", "i_xz", Estimate(b, 8, "kde:variance=1", sense, ceiling_bits=3.0))
        for s, b in ((0, 1.0), (9, 2.9))
        for sense in ("lower", "upper")
    ]  # type: ignore[arg-type]
    assert Plane(tuple(points), ("a", "b"), 8).last() == [
        {
            "layer": "a",
            "I(X;Z) kde:variance=1 lower": "2.900*",
            "I(X;Z) kde:variance=1 upper": "2.900*",
        }
    ]
    assert Plane((), ("a",), 8).last() == [] and "0 points" in Plane((), ("a",), 8)._repr_html_()


def test_show_draws_the_plane() -> None:
    import matplotlib.pyplot as plt

    ax = ip.Plane.show(plane_of(["a", "b"]), estimator="bin:szt")
    assert "bin:szt" in ax.get_xlabel()
    plt.close("all")


# ---- progress ------------------------------------------------------------------------------------


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run(total: int, seconds: float, *, place: str = "log", shown: bool = True) -> str:
    """What work of so many pieces writes where stderr is read in ``place``."""
    stream, clock = io.StringIO(), Clock()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(stream):
        patch.setattr("infoplane.display.progress.monotonic", clock)
        patch.setattr("infoplane.display.progress.place_of", lambda stream: place)
        with progress("measuring", total, shown=shown) as advance:
            for _ in range(total):
                clock.now += seconds
                advance()
    return stream.getvalue()


def test_the_last_line_of_a_log_comes_once() -> None:
    lines = run(3, 20.0).splitlines()
    assert [line.partition(" (")[0] for line in lines] == [
        "measuring: 1 of 3",
        "measuring: 2 of 3",
        "measuring: 3 of 3",
    ]


def test_a_log_gets_a_line_now_and_then_with_the_time_left() -> None:
    lines = run(60, 2.0).splitlines()
    assert (
        lines[0] == "measuring: 1 of 60 (2 %), about 1 min 58 s left"
        and lines[1].startswith("measuring: 9 of 60 (15 %)")
        and lines[-1] == "measuring: 60 of 60 (100 %), 2 min 0 s"
    )
    assert len(lines) == 9 and "\r" not in "".join(lines) and "\x1b" not in "".join(lines)


def test_work_in_one_long_piece_says_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infoplane.display.progress.SILENT_SECONDS", 0.01)
    stream = io.StringIO()
    with contextlib.redirect_stderr(stream), progress("measuring", 3), working("drawing"):
        deadline = time.monotonic() + 10
        while stream.getvalue().count("\n") < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert "measuring: 0 of 3\n" in stream.getvalue() and "drawing ...\n" in stream.getvalue()


def test_short_work_hidden_work_and_no_work_write_nothing() -> None:
    assert run(5, 0.3) == "" and run(60, 2.0, shown=False) == "" and run(0, 1.0) == ""


def test_a_terminal_gets_a_bar_that_vanishes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes the stream for a terminal
    shown = run(3, 1.0, place="terminal")
    assert (
        "measuring" in shown and "3/3" in shown and shown.endswith("\x1b[2K")
    )  # the line is erased at the end


def test_a_notebook_gets_one_line_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    import IPython.display

    calls: list[tuple[str, str]] = []

    class Handle:
        def update(self, data: dict[str, str], raw: bool) -> None:
            calls.append(("update", data["text/plain"]))

    def display(data: dict[str, str], raw: bool, display_id: bool) -> Handle:
        calls.append(("display", data["text/plain"]))
        return Handle()

    monkeypatch.setattr(IPython.display, "display", display)
    assert run(4, 1.0, place="notebook") == ""
    assert [kind for kind, _ in calls] == [
        "display",
        "update",
        "update",
        "update",
    ] and calls[1][1] == progress_line("measuring", 2, 4, 2.0)


def test_text_that_is_cut_keeps_both_ends() -> None:
    assert (
        printable("head" + "x" * 500 + "tail", 20) == "headxxxxx…xxxxxtail"
        and printable("short") == "short"
    )
