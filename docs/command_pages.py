"""Sphinx extension: puts every command, with its options, into the page `cli`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from infoplane.cli import app as command_line

MARKER = "<!-- commands -->"


def commands() -> dict[str, Any]:  # Any: typer types neither commands nor parameters
    """Return the commands by name, in the order of `infoplane --help`."""
    group: Any = typer.main.get_command(command_line)
    return dict(group.commands)


def options_of(command: Any) -> list[str]:  # Any: see above
    """Return every option that a command takes, long and short."""
    names = [n for p in command.params for n in (*p.opts, *p.secondary_opts) if n.startswith("-")]
    return [*names, "--help", "-h"]


def markdown() -> str:
    """Return the text of the page below its introduction."""
    return "\n".join(line for name in commands() for line in _section(name))


def _section(name: str) -> Iterator[str]:
    command = commands()[name]
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    yield f"## {name}\n"
    usage = " ".join((p.metavar or p.name).strip("{}").upper() for p in arguments)
    yield f"```sh\ninfoplane {name} {usage} {'[OPTIONS]' if options else ''}".rstrip() + "\n```\n"
    yield f"{command.help or ''}\n"
    if not options:
        return
    yield "| option | default | |\n|---|---|---|"
    for option in options:
        yield _row(option)
    yield ""


def _row(option: Any) -> str:  # Any: see above
    names = ", ".join(f"`{n}`" for n in (*option.opts, *option.secondary_opts))
    default = option.default
    shown = "" if default in (None, False, (), []) or callable(default) else f"`{default}`"
    if option.required:
        shown = "required"
    text = re.sub(r"\s+", " ", option.help or "").replace("|", "\\|").replace("<", "&lt;")
    return f"| {names} | {shown} | {text} |"


def _render(_: Any, document: str, source: list[str]) -> None:  # Any: Sphinx's application
    if document == "cli":
        source[0] = source[0].replace(MARKER, markdown())


def setup(app: Any) -> dict[str, bool]:  # Any: see above
    """Connect to the reading of pages."""
    app.connect("source-read", _render)
    return {"parallel_read_safe": True}
