"""`infoplane pack`: a run in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infoplane.commands.options import output_file
from infoplane.display.terminal import say


def pack(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    output: Annotated[Path, output_file("The .h5 file to write.")],
    compression: Annotated[
        str,
        typer.Option("--compression", "-c", help="gzip or zstd; not compressed when left out."),
    ] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.")
    ] = False,
) -> None:
    """Write a run into one portable HDF5 file, with every checksum verified.

    Example: `infoplane pack runs/first -o first.h5`
    """
    from infoplane.archive import pack as pack_run
    from infoplane.commands.outputs import prepare
    from infoplane.commands.subjects import open_run
    from infoplane.display.progress import working

    run = open_run(run).path
    prepare(output)
    with working("packing"):
        written = pack_run(run, output, compression=compression or None, overwrite=overwrite)  # type: ignore[arg-type]  # checked inside
    say(f"{written}: {written.stat().st_size} bytes")
