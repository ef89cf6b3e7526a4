"""Names from others never reach the terminal as control characters."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from infoplane import cli
from infoplane.archive import RunWriter
from infoplane.display.terminal import say
from infoplane.errors import ArchiveError, DamagedArchive, InputError, MissingExtra, visible
from infoplane.types import LayerInfo

EVIL = "fc\x1b]0;owned\x07\x1b[2J\x9b31m\r\u202elast"
CONTROL = ("\x1b", "\x07", "\x9b", "\r", "\u202e", "\x08")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run in a folder with a hostile name, whose layers have hostile names; one of its shards is
    damaged.
    """
    path = tmp_path / EVIL
    z = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    layers = [LayerInfo(EVIL, 0, "Linear", (2,)), LayerInfo("plain", 1, "Linear", (2,))]
    with RunWriter.create(path, layers=layers, x=z, y=np.arange(30) % 2, durable=False) as writer:
        for step in (0, 1):
            with writer.step(step) as shard:
                shard.write(EVIL, z if step else np.full_like(z, np.nan))
                shard.write("plain", z)
    return path


COMMANDS = {
    "info": "info RUN",
    "verify": "verify RUN",
    "measure": "measure RUN -e exact -e bin:szt --no-check",
    "measure a layer that is not there": "measure RUN --layer EVIL-none",
    "check": "check RUN -e exact --permutations 0",
    "plot of no plane": "plot RUN -o EVIL.png",
    "plot to nowhere": "plot RUN -o EVIL",
    "report of a plane that is none": "report RUN/run.json -o out.html",
    "usable-beyond": "usable-beyond RUN --given EVIL",
    "a command that is none": "EVIL",
    "an option that is none": "info RUN --EVIL",
    "a value that is none": "check RUN --alpha EVIL",
    "a folder that is none": "info EVIL-nowhere",
    "a spec that is none": "measure RUN -e EVIL",
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("damaged", [False, True])
def test_no_command_lets_a_control_character_through(
    command: str,
    damaged: bool,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if damaged:
        shard = next((run / "ckpt").glob("*.h5"))
        shard.write_bytes(shard.read_bytes()[:-200])
    words = [w.replace("RUN", str(run)).replace("EVIL", EVIL) for w in command.split(" ")]
    with warnings.catch_warnings(), pytest.raises(SystemExit) as ended:
        warnings.simplefilter("always")
        cli.app(words)
        raise SystemExit(0)
    printed = "".join(capfd.readouterr())
    assert printed and not [c for c in CONTROL if c in printed], (ended.value.code, printed)


def test_a_damaged_run_is_told_with_the_way_out(
    run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shard = next((run / "ckpt").glob("*.h5"))
    shard.write_bytes(shard.read_bytes()[:-200])
    with pytest.raises(SystemExit) as ended:
        cli.app(["info", str(run)])
    assert ended.value.code == 2
    assert (
        "restore the file from a copy, or capture again; infoplane verify" in capfd.readouterr().err
    )


def test_warnings_and_errors_of_other_libraries_lose_their_control_characters_too(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    @cli.app.command()
    def misbehave(how: str) -> None:
        warnings.warn(EVIL, RuntimeWarning, stacklevel=1)
        error = {"bare": ValueError(EVIL), "ours": InputError(EVIL)}[how]
        error.add_note(EVIL)
        raise error

    try:
        for how in ("bare", "ours"):
            with warnings.catch_warnings(), pytest.raises(SystemExit):
                warnings.simplefilter("always")
                cli.app(["misbehave", how])
            printed = "".join(capfd.readouterr())
            assert printed.count("owned") >= 3 and not [c for c in CONTROL if c in printed]
    finally:
        cli.app.registered_commands.pop()


@pytest.mark.parametrize("kind", [ArchiveError, DamagedArchive, InputError])
def test_the_message_of_every_error_of_ours_is_visible_and_keeps_its_lines(
    kind: type[Exception],
) -> None:
    shown = str(kind(f"{EVIL}\nsecond line"))
    assert not [c for c in CONTROL if c in shown] and shown.endswith("last\nsecond line")
    assert str(MissingExtra("h5py", "all")) == visible(str(MissingExtra("h5py", "all")))


def test_text_without_control_characters_is_printed_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say("λ = 0.1", 3, json.dumps({"ä": 1}))
    assert capsys.readouterr().out == 'λ = 0.1 3 {"\\u00e4": 1}\n'


def test_no_command_prints_but_by_say() -> None:
    root = Path(cli.__file__).parent
    files = [*root.glob("commands/*.py"), root / "cli.py", *root.glob("display/*.py")]
    for file in files:
        calls = [
            line for line in file.read_text().splitlines() if line.strip().startswith("print(")
        ]
        assert not calls or file.name == "terminal.py", (file, calls)
