"""`infoplane capture`: a run from a network that is trained already."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
    at_least,
    one_of,
    refuse_together,
)
from infoplane.display.say import say


def capture(
    model: Annotated[
        str,
        typer.Argument(
            help="module:factory; the factory returns the network, or (network, probe)."
        ),
    ],
    out: NewRun,
    probe: Annotated[
        Path | None,
        typer.Option(help=".npz with x and y (and split, row_ids), .npy or .pt."),
    ] = None,
    checkpoints: Annotated[
        str,
        typer.Option(
            "--checkpoints",
            "-c",
            help="A glob in quotes or a folder; the model as it stands when left out.",
        ),
    ] = "",
    layer: Annotated[
        list[str] | None,
        typer.Option("--layer", help="Name or glob; may be given several times."),
    ] = None,
    reduce: Annotated[str, typer.Option(help="Reduction of every layer, e.g. gap.")] = "none",
    mode: Annotated[
        str, typer.Option(help="eval, train or user.", callback=one_of("eval", "train", "user"))
    ] = "eval",
    rows: RowKind = "sample",
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--labels",
            help="Of tokens: token, next-token, position or ngram:2; several "
            "give a label set each.",
        ),
    ] = None,
    x: XOfTokens = "",
    mask: Annotated[
        str,
        typer.Option(
            help="Of tokens the input of the probe that is true where a position is real."
        ),
    ] = "",
    skip_first: SkipFirst = 0,
    max_rows: MaxRows = 0,
    y_kind: KindOfLabels = "",
    batch_size: Annotated[
        int, typer.Option(help="Rows per forward; 0 chooses.", callback=at_least(0))
    ] = 0,
    step_from: Annotated[
        str, typer.Option(help="Regular expression whose group is the step, e.g. 'ckpt(\\d+)'.")
    ] = "",
    prefix: Annotated[
        str | None, typer.Option(help="Of the stored keys; found if left out.")
    ] = None,
    entry: Annotated[
        str | None, typer.Option(help="Which state dict of a file with several, e.g. ema.")
    ] = None,
    strict: Annotated[
        bool, typer.Option(help="Refuse checkpoints with missing or unexpected keys.")
    ] = True,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Capture a trained network, as it stands or at every checkpoint of its training.

    A second call goes on where the first ended.
    """
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
    shown, options = (own_probe, {}) if probe is None else read_probe(probe)
    if shown is None:
        raise InputError("no probe: give --probe FILE, or a factory that returns (network, probe)")
    chosen: dict[str, Any] = {  # Any: as the recorder takes them
        "layers": layer or "auto",
        "reduce": reduce,
        "rows": rows,
        "y": {name: name for name in labels} if labels else None,
        "x": x or None,
        "mask": mask or None,
        "skip_first": skip_first,
        "max_rows": max_rows or None,
        "mode": mode,
        "y_kind": y_kind or None,
        "batch_size": batch_size or None,
    }
    from infoplane.hooks.capture import capture as capture_run
    from infoplane.hooks.capture import preview

    reading: dict[str, Any] = {  # Any: as `capture` takes them
        "checkpoints": checkpoints or None,
        "step_from": step_from or None,
        "strict": strict,
        "prefix": prefix,
        "entry": entry,
    }
    if dry_run:
        say(preview(network, shown, **reading, **chosen, **options))
        return
    make_folder(out.parent)
    present = set() if overwrite else steps_in(out)
    archive = capture_run(
        network, shown, out, **reading, progress=True, overwrite=overwrite, **chosen, **options
    )
    say_new_run(archive, present)


def steps_in(run: Path) -> set[int]:
    """Return the steps of a run that is there; none where there is none."""
    from infoplane.archive import open_archive

    return set(open_archive(run).steps) if (run / "run.json").is_file() else set()
