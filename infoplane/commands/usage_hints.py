"""What to type instead of a command line that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def usage_hint(error: Any) -> str:  # Any: a usage error of typer, and so below
    """Return what to add to the message of a usage error; often nothing."""
    context = error.ctx
    if context is None:
        return ""
    if error.message.startswith("Got unexpected extra argument"):
        return _of_pattern(context)
    option = getattr(error, "option_name", None)  # only an unknown option has one
    measure = context.find_root().command.commands["measure"]
    of_runs = any(parameter.metavar in ("RUN", "RUN|PLANE") for parameter in context.command.params)
    if of_runs and any(option in parameter.opts for parameter in measure.params):
        return f"; the run is measured with it: infoplane measure RUN {option} ..."
    return ""


def _of_pattern(context: Any) -> str:
    """What to do where a shell has put the names of files in place of a pattern."""
    for parameter in context.command.params:
        value = context.params.get(parameter.name)
        takes_patterns = parameter.metavar == "GLOB" or parameter.name == "layer"
        if not value or not takes_patterns:
            continue
        first = Path(value if isinstance(value, str) else value[-1])
        if first.exists():
            pattern = first.with_name(f"*{first.suffix}")
            return (
                ", which the shell has put in place of a pattern: quote the pattern, "
                f"{parameter.opts[0]} '{pattern}'"
            )
    return ""
