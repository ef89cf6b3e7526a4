"""`infoplane import`: a run from activations that other tools stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infoplane.commands.options import (
    DryRun,
    KindOfLabels,
    MaxRows,
    NewRun,
    Overwrite,
    RowKind,
    SkipFirst,
    XOfTokens,
)
from infoplane.display.say import say


def import_(
    path: Annotated[
        Path, typer.Argument(help="A folder, or a file: .npy .npz .pt .safetensors .h5 .zarr.")
    ],
    out: NewRun,
    pattern: Annotated[
        str,
        typer.Option(help="Which file is what, e.g. 'step{step}/{layer}.npy', in quotes."),
    ] = "",
    labels: Annotated[
        str,
        typer.Option(
            "--labels",
            help="A file, or the name of an array in the file; of tokens also token, next-token, "
            "position, ngram:2.",
        ),
    ] = "",
    inputs: Annotated[
        str, typer.Option("--inputs", help="The same for the inputs, if they are at hand.")
    ] = "",
    rows: RowKind = "sample",
    x: XOfTokens = "",
    mask: Annotated[
        str, typer.Option(help="Of tokens a file or array that is true where a position is real.")
    ] = "",
    skip_first: SkipFirst = 0,
    max_rows: MaxRows = 0,
    row_ids: Annotated[
        str, typer.Option("--row-ids", help="The same for numbers that are equal for equal inputs.")
    ] = "",
    layer: Annotated[
        list[str] | None,
        typer.Option("--layer", help="Name or glob, several in order of execution."),
    ] = None,
    chain: Annotated[
        str, typer.Option(help="sequential: each layer is computed from the one before alone.")
    ] = "",
    step: Annotated[int, typer.Option(help="Where the pattern has no {step}.")] = 0,
    y_kind: KindOfLabels = "",
    keep_nonfinite: Annotated[
        bool, typer.Option("--keep-nonfinite", help="Store NaN and infinities as they are.")
    ] = False,
    overwrite: Overwrite = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that is there; its steps are kept.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Store activations that other tools captured as a run.

    Layers are taken by name unless --layer gives their order.
    """
    from infoplane.commands.outputs import make_folder, say_new_run
    from infoplane.sources.files import import_run, preview_import

    if dry_run:
        say(
            preview_import(
                path,
                pattern=pattern or None,
                y=labels or None,
                x=inputs or None,
                rows=rows,
                mask=mask or None,
                layers=layer or None,
                step=step,
                y_kind=y_kind or None,
            )
        )
        return
    make_folder(out.parent)
    archive = import_run(
        path,
        to=out,
        pattern=pattern or None,
        y=labels or None,
        x=x or inputs or None,
        inputs=(inputs or None) if x else None,
        rows=rows,
        mask=mask or None,
        skip_first=skip_first,
        max_rows=max_rows or None,
        row_ids=row_ids or None,
        y_kind=y_kind or None,  # type: ignore[arg-type]  # checked inside
        layers=layer or None,
        chain=chain or None,  # type: ignore[arg-type]  # checked inside
        step=step,
        nonfinite="keep" if keep_nonfinite else "refuse",
        progress=True,
        overwrite=overwrite,
        resume=resume,
    )
    say_new_run(archive)
