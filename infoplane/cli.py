"""The command line: `infoplane --help`. Commands live in `infoplane.commands`, one group per file."""

from __future__ import annotations

import sys

import typer

from infoplane.compiling import tell_of_compiling
from infoplane.errors import InfoplaneError


class _App(typer.Typer):
    """A Typer app that prints our errors as one readable line and exits with 2, as for bad usage."""

    def __call__(self, *args: object, **kwargs: object) -> object:
        tell_of_compiling(
            lambda: print(
                "infoplane: compiling, once for this installation: up to half a minute (`infoplane compile` does all of it now)",
                file=sys.stderr,
            )
        )
        try:
            return super().__call__(*args, **kwargs)  # type: ignore[arg-type]  # passed through untouched
        except InfoplaneError as error:
            print(f"infoplane: {type(error).__name__}: {error}", file=sys.stderr)
            for note in getattr(error, "__notes__", ()):
                print(f"  {note}", file=sys.stderr)
            raise SystemExit(2) from None


app = _App(
    name="infoplane",
    help="Layer-wise information planes of trained networks: capture, measure, check the data processing inequality, draw.",
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
        from infoplane import __version__

        print(f"infoplane {__version__}")
        raise typer.Exit()


def _register() -> None:
    from infoplane.commands import calibrate, draw, judge, measure, relate, replicate, run, study

    for group in (study, run, measure, judge, relate, calibrate, draw, replicate):
        group.register(app)


_register()
