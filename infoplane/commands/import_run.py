"""`infoplane import`: a run from activations that other tools stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from infoplane.commands.options import (
    TOKENS,
    DryRun,
    KindOfLabels,
    MaxRows,
    NewRun,
    Overwrite,
    RowKind,
    SkipFirst,
    XOfTokens,
)
from infoplane.display.terminal import say


def import_run(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="A folder, or a file: .npy .npz .pt .safetensors .h5 .zarr."
        ),
    ],
    out: NewRun,
    pattern: Annotated[
        str,
        typer.Option(
            metavar="GLOB",
            help="Step and layer in the file names, in quotes: 'step{step}/{layer}.npy'.",
        ),
    ] = "",
    labels: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Labels: a file, or the name of an array in the file. For tokens also token, "
            "next-token, position or ngram:2.",
        ),
    ] = "",
    inputs: Annotated[str, typer.Option(metavar="FILE", help="Inputs of the network.")] = "",
    rows: RowKind = "sample",
    x: XOfTokens = "",
    mask: Annotated[
        str,
        typer.Option(
            rich_help_panel=TOKENS,
            metavar="FILE",
            help="Array that is true at real positions.",
        ),
    ] = "",
    skip_first: SkipFirst = 0,
    max_rows: MaxRows = 0,
    row_ids: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Numbers that are equal for equal inputs, where --inputs is left out.",
        ),
    ] = "",
    layer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Name or glob; several in order of execution. By name when left out.",
        ),
    ] = None,
    chain: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHAIN",
            help="Which layers are computed from which alone: sequential (each from the one "
            "before), names in a row such as fc1,fc2,fc3 (may be given several times), or a run "
            "whose network was tested. Only such layers are compared.",
        ),
    ] = None,
    step: Annotated[int, typer.Option(help="Step of all files, where the pattern has none.")] = 0,
    y_kind: KindOfLabels = "",
    keep_nonfinite: Annotated[
        bool, typer.Option("--keep-nonfinite", help="Store NaN and infinities as they are.")
    ] = False,
    overwrite: Overwrite = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Add new steps to an existing run.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Store activations that another tool captured as a run.

    Example: `infoplane import dump --pattern 'step{step}/{layer}.npy' --labels y.npy -o runs/new`
    """
    from infoplane.commands.outputs import make_folder, say_new_run
    from infoplane.sources.chains import chain_of_words
    from infoplane.sources.files import import_run as import_files
    from infoplane.sources.files import preview_import

    declared = chain_of_words(chain or [])

    options: dict[str, Any] = {  # Any: as `import_run` takes them
        "pattern": pattern or None,
        "y": labels or None,
        "rows": rows,
        "mask": mask or None,
        "row_ids": row_ids or None,
        "layers": layer or None,
        "chain": declared,
        "step": step,
        "y_kind": y_kind or None,
    }
    if dry_run:
        say(preview_import(path, x=inputs or None, **options))
        return
    make_folder(out.parent)
    archive = import_files(
        path,
        to=out,
        x=x or None,
        inputs=inputs or None,
        skip_first=skip_first,
        max_rows=max_rows or None,
        nonfinite="keep" if keep_nonfinite else "refuse",
        progress=True,
        overwrite=overwrite,
        resume=resume,
        **options,
    )
    say_new_run(archive)
