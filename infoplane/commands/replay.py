"""`infoplane replay`: activations from stored weights."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(replay)


def replay(
    run: Annotated[Path, typer.Argument(help="A run recorded with store='weights'.")],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            help="module:factory; the factory returns the network, or (network, probe).",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Directory of the new run with the activations.")
    ],
    overwrite: Annotated[bool, typer.Option(help="Replace a run that is there.")] = False,
) -> None:
    """Replay a run of stored weights: show its probe to the network at every stored step, verify, and write the activations."""
    network, probe = _build(model)
    from infoplane.hooks.replay import replay as run_replay

    done = run_replay(run, network, to=out, probe=probe, overwrite=overwrite)
    checked = f"{len(done.bitwise)} verified bit for bit" + (
        f", {len(done.rounded)} up to rounding" if done.rounded else ""
    )
    print(
        f"{done.path}: {len(done.steps)} steps replayed from weights; against captured activations: {checked or 'none to compare'}"
    )


def _build(spec: str) -> tuple[Any, Any]:  # Any: the user's network and probe
    from infoplane.errors import InputError

    module, _, factory = spec.partition(":")
    if not module or not factory:
        raise InputError(
            f"--model expects module:factory, for example mynets:build_mlp, got {spec!r}"
        )
    if "" not in sys.path:
        sys.path.insert(0, "")  # a module beside the user, as `python -m` would find it
    try:
        built = getattr(importlib.import_module(module), factory)()
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"--model {spec!r}: {error}; expected module:factory that can be imported from here"
        ) from error
    return built if isinstance(built, tuple) else (built, None)
