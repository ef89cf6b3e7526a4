"""`infoplane capture`: a run from a network that is trained already."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from infoplane.commands.options import (
    TOKENS,
    DryRun,
    KindOfLabels,
    MaxRows,
    Model,
    NewRun,
    Overwrite,
    RowKind,
    SkipFirst,
    XOfTokens,
    count,
    one_of,
    refuse_together,
)
from infoplane.display.terminal import say

CHAINS = {"auto": "auto", "all": True, "none": False}
"""Words of `--chain`, and what the recorder takes."""
READING = "Reading checkpoints"


def capture(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=Model)],
    out: NewRun,
    probe: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=".npz with x and y (and split, row_ids), .npy or .pt."),
    ] = None,
    checkpoints: Annotated[
        str,
        typer.Option(
            "--checkpoints",
            "-c",
            metavar="GLOB",
            help="Checkpoint files, a glob in quotes or a folder; only the network itself when "
            "left out.",
        ),
    ] = "",
    layer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Name or glob; may be given several times. Chosen when left out.",
        ),
    ] = None,
    reduce: Annotated[str, typer.Option(help="Reduction of every layer, e.g. gap.")] = "none",
    mode: Annotated[
        str,
        typer.Option(
            help="Mode of the network: eval, train, or user (as the factory returns it).",
            callback=one_of("eval", "train", "user"),
        ),
    ] = "eval",
    chain: Annotated[
        str,
        typer.Option(
            help="Pairs of layers that the interchange test compares: auto (what its budget "
            "allows), all or none.",
            callback=one_of(*CHAINS),
        ),
    ] = "auto",
    rows: RowKind = "sample",
    labels: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL",
            rich_help_panel=TOKENS,
            help="token, next-token, position or ngram:2; may be given several times.",
        ),
    ] = None,
    x: XOfTokens = "",
    mask: Annotated[
        str,
        typer.Option(
            rich_help_panel=TOKENS, help="Input of the probe that is true at real positions."
        ),
    ] = "",
    skip_first: SkipFirst = 0,
    max_rows: MaxRows = 0,
    y_kind: KindOfLabels = "",
    batch_size: Annotated[int, count("Rows in a forward pass; 0: chosen.", 0)] = 0,
    step_from: Annotated[
        str,
        typer.Option(
            rich_help_panel=READING,
            metavar="REGEX",
            help="Where the step is in a file name, as a group, e.g. 'ckpt(\\d+)'.",
        ),
    ] = "",
    prefix: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=READING,
            help="Prefix of the stored keys, e.g. model.; found if left out.",
        ),
    ] = None,
    entry: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=READING, help="Which state dict of a file with several, e.g. ema."
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            rich_help_panel=READING, help="Refuse checkpoints with missing or unexpected keys."
        ),
    ] = True,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Capture the layers of a trained network, or of every checkpoint of its training.

    A second call captures the checkpoints that are new.

    Example: `infoplane capture my_module:make_model --probe probe.npz -c 'ckpts/*.pt' -o runs/then`
    """
    from infoplane.archive import open_archive
    from infoplane.commands.info import notes_of
    from infoplane.commands.models import build_model, read_probe
    from infoplane.commands.outputs import make_folder, say_new_run
    from infoplane.errors import InputError

    if not checkpoints:
        refuse_together(
            "without --checkpoints nothing is read from files",
            step_from=step_from,
            prefix=prefix,
            entry=entry,
        )
    network, own_probe = build_model(model, "MODEL")
    shown, options = (own_probe, {}) if probe is None else read_probe(probe, network)
    if shown is None:
        raise InputError("no probe: give --probe FILE, or a factory that returns (network, probe)")
    chosen: dict[str, Any] = {  # Any: as `capture` takes them
        "layers": layer or "auto",
        "reduce": reduce,
        "rows": rows,
        "y": {name: name for name in labels} if labels else None,
        "x": x or None,
        "mask": mask or None,
        "skip_first": skip_first,
        "max_rows": max_rows or None,
        "mode": mode,
        "chain": CHAINS[chain],
        "y_kind": y_kind or None,
        "batch_size": batch_size or None,
        "checkpoints": checkpoints or None,
        "step_from": step_from or None,
        "strict": strict,
        "prefix": prefix,
        "entry": entry,
    }
    from infoplane.hooks.capture import capture as capture_run
    from infoplane.hooks.capture import preview

    if dry_run:
        say(preview(network, shown, **chosen, **options))
        return
    make_folder(out.parent)
    present: set[int] = set()
    if not overwrite and (out / "run.json").is_file():
        present.update(open_archive(out).steps)
    archive = capture_run(
        network, shown, out, progress=True, overwrite=overwrite, **chosen, **options
    )
    for note in notes_of(archive):
        say(f"  {note}")
    say_new_run(archive, present)
