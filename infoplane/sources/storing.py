"""Write the steps of an import into its run."""

from __future__ import annotations

from collections.abc import Mapping

from infoplane.archive import RunWriter
from infoplane.archive.run_folder import remove_run
from infoplane.display.progress import progress as shown_progress
from infoplane.display.terminal import say
from infoplane.errors import InputError
from infoplane.sources.plan import Import
from infoplane.sources.probe_rows import ProbeRows
from infoplane.sources.rows import Layers
from infoplane.types import LayerInfo


def layer_infos(found: Import, probe: ProbeRows) -> list[LayerInfo]:
    """Return the layer table of an import."""
    infos = []
    for name, layer in found.first.items():
        units, dtype = probe.units(layer), layer.store_dtype.name
        infos.append(LayerInfo(name, 0, "array", units, units, layer.own_dtype, dtype))
    return infos


def store_steps(
    writer: RunWriter,
    found: Import,
    probe: ProbeRows,
    metrics: Mapping[int, Mapping[str, float]],
    nonfinite: str,
    *,
    progress: bool,
) -> None:
    """Write every step that the run does not have yet.

    Args:
        writer: of the run; the run is removed if no step could be written.
        found: layers of every step.
        probe: which rows of them are stored.
        metrics: numbers of the training by step.
        nonfinite: ``refuse`` NaN and infinities, or ``keep`` them.
        progress: show a bar.

    Raises:
        InputError: NaN or infinity, or a new step that lies before one that is there.
    """
    present = _present(writer, found)
    with shown_progress("importing", len(found.steps), shown=progress) as advance:
        try:
            for step, layers in found.steps.items():
                if step not in present:
                    _write(writer, step, layers, probe, metrics.get(step, {}), nonfinite)
                advance()
        except BaseException:
            if not writer.steps_written:
                remove_run(writer.path)
            raise


def _present(writer: RunWriter, found: Import) -> frozenset[int]:
    """The steps that the run has already, which is printed.

    Raises:
        InputError: a new step comes before one that is there.
    """
    present = frozenset(writer.steps_written) & frozenset(found.steps)
    last = max(writer.steps_written, default=-1)
    early = [step for step in found.steps if step < last and step not in present]
    if early:
        raise InputError(
            f"{writer.path} holds step {last}, and steps {early[:8]} come before it; steps are "
            "stored in order: import all of them again with overwrite=True"
        )
    if present:
        say(f"{writer.path}: {len(present)} steps are there and are not read again")
    return present


def _write(
    writer: RunWriter,
    step: int,
    layers: Layers,
    probe: ProbeRows,
    metrics: Mapping[str, float],
    nonfinite: str,
) -> None:
    with writer.step(step, metrics=metrics, meta={"source": "arrays"}) as shard:
        for name, layer in layers.items():
            for block in probe.blocks(layer):
                shard.append(name, block, torch_dtype=layer.own_dtype)
                if nonfinite == "refuse" and name in shard.nonfinite:
                    raise InputError(
                        f"{layer.name}: holds NaN or infinity at step {step}; repair the rows, or "
                        "give nonfinite='keep': such a layer is stored and not measured"
                    )
