"""The command line: `infoplane --help`. Commands live in `infoplane.commands`, one per file."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
import traceback
import warnings
import zlib
from typing import Any

import typer

import infoplane
from infoplane.commands.usage_hints import usage_hint
from infoplane.compiling import tell_of_compiling
from infoplane.display.terminal import say
from infoplane.errors import DamagedArchive, InfoplaneError

USAGE_ERROR: Any = typer.BadParameter.__base__  # Any: of typer, which names only this kind of it
"""What typer raises for a command line that it cannot use."""


NUMBERS = {
    "Input should be a valid integer, unable to "
    "parse string as an integer": "expected a whole number",
    "Input should be a valid number, unable to parse string as a number": "expected a number",
}
"""Messages of typer, and what is printed instead."""

PYTHON = {
    "pass overwrite=True to replace it or resume=True to go on with it": "--overwrite replaces it",
    "or pass overwrite=True": "or give --overwrite",
    "pass overwrite=True": "give --overwrite",
    "overwrite=True": "--overwrite",
    "chain=": "--chain",
    "layers=[...]": "--layer",
    "strict=False": "--no-strict",
    "plot_curves draws": "-k curves draws",
    "such as r'ckpt": "such as 'ckpt",
    " or a function of the path": "",
    ", or give {step: path}": "",
}
"""Keywords of Python in a message, and the option that does the same."""
KEYWORDS = re.compile(
    r"\b(?:(y_kind|rows|x|step_from|prefix|entry|row_ids)='([^']*)'"
    r"|(step_from|prefix|entry|mask|row_ids)=)"
)
"""Keywords with their values, or alone, whose option has the same name."""


CURVES = re.compile(r"plot_curves\(plane, estimator='([^']*)'\)")
"""The picture of an estimator without bits, as it is asked for in Python."""


def _say_compiling() -> None:
    """Say that loops are compiled, once for an installation: each command compiles a few."""
    from infoplane.archive.places import user_cache

    cache = user_cache()
    if cache is not None:
        where = f"{infoplane.__version__}|{__file__}|{os.environ.get('NUMBA_CACHE_DIR')}"
        mark = cache / f"compiling-{zlib.crc32(where.encode()):08x}"
        with contextlib.suppress(OSError):
            mark.parent.mkdir(parents=True, exist_ok=True)
            try:
                mark.touch(exist_ok=False)
            except FileExistsError:
                return
    say(
        "infoplane: compiling, once for this installation: each command compiles what it needs, "
        "half a minute in all (`infoplane compile` does all of it now)",
        file=sys.stderr,
    )


class _App(typer.Typer):
    """A Typer app that prints our errors as one readable line and exits with 2."""

    def __call__(self, *args: object, **kwargs: object) -> object:
        tell_of_compiling(_say_compiling)
        warnings.showwarning = _say_warning  # type: ignore[assignment]  # called by position
        try:
            code = super().__call__(*args, **{"standalone_mode": False, **kwargs})  # type: ignore[arg-type]  # passed through
        except typer.Abort:
            say("Aborted.", file=sys.stderr)
            raise SystemExit(1) from None
        except InfoplaneError as error:
            say(f"infoplane: {type(error).__name__}: {_in_options(str(error))}", file=sys.stderr)
            if isinstance(error, DamagedArchive):
                say(
                    "  restore the file from a copy, or capture again; infoplane verify RUN lists "
                    "all damage",
                    file=sys.stderr,
                )
            for note in getattr(error, "__notes__", ()):
                say(f"  {note}", file=sys.stderr)
            raise SystemExit(2) from None
        except USAGE_ERROR as error:
            command = error.ctx.command_path if error.ctx else "infoplane"
            message = _plain(error.format_message()) + usage_hint(error)
            say(f"infoplane: {message}; see {command} --help", file=sys.stderr)
            raise SystemExit(2) from None
        except Exception:
            say(traceback.format_exc(), file=sys.stderr)
            raise SystemExit(1) from None
        if "standalone_mode" in kwargs:
            return code
        raise SystemExit(code if isinstance(code, int) else 0)


def _plain(message: str) -> str:
    """Return a usage error without the jargon of typer."""
    for theirs, ours in NUMBERS.items():
        message = message.replace(theirs, ours)
    return message.rstrip(".")


def _in_options(message: str) -> str:
    """Return an error's message with options in place of keywords of Python."""
    for theirs, ours in PYTHON.items():
        message = message.replace(theirs, ours)
    return KEYWORDS.sub(_as_option, CURVES.sub(r"-k curves -e \1", message))


def _as_option(keyword: re.Match[str]) -> str:
    valued, value, bare = keyword.groups()
    option = "--" + (bare or valued).replace("_", "-")
    return f"{option} {value}" if value else option


def _say_warning(message: Warning | str, category: type[Warning], *_: object) -> None:
    say(f"infoplane: {category.__name__}: {message}", file=sys.stderr)


app = _App(
    name="infoplane",
    help="Information planes of neural networks: capture layers, estimate their information, check "
    "the data processing inequality, draw.\n\nExample: `infoplane demo --out runs/demo`",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        say(f"infoplane {infoplane.__version__}")
        raise typer.Exit()


COMMANDS = {
    "Make a run": ("demo", "capture", "import", "replay"),
    "Measure, check and draw": ("measure", "check", "plot", "report", "watch"),
    "Study layers": (
        "phases",
        "sensitivity",
        "invariance",
        "compare",
        "layer-info",
        "conditional",
        "drift",
        "held-out",
        "usable-beyond",
        "codelength",
    ),
    "Look after runs": ("info", "verify", "pack", "merge", "certify"),
    "Estimators and evidence": ("estimators", "calibrate", "replicate", "compile"),
}
"""The commands by heading in `infoplane --help`."""


def _register() -> None:
    for heading, names in COMMANDS.items():
        for name in names:
            function = "import_run" if name == "import" else name.replace("-", "_")
            module = importlib.import_module(f"infoplane.commands.{function}")
            app.command(name, rich_help_panel=heading)(getattr(module, function))


_register()
