"""What will be captured, settled before the first capture.

Sites, reductions, shapes, batches and what it costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor, nn

from infoplane.archive import Archive
from infoplane.display.saturation import saturation_sentence
from infoplane.display.sizes import size_text
from infoplane.errors import InputError
from infoplane.hooks.choice.first_look import Look, look
from infoplane.hooks.choice.layers import Survey
from infoplane.hooks.choice.named import named_modules
from infoplane.hooks.choice.requests import all_names
from infoplane.hooks.network.isolate import Isolation, Mode
from infoplane.hooks.network.sites import Site
from infoplane.hooks.options import Options
from infoplane.hooks.probing.probe import Probe
from infoplane.hooks.recording.cost_notice import expected_time
from infoplane.hooks.recording.layer_table import layer_table
from infoplane.hooks.recording.probe_pass import Emit, Gathered, Kept, run_pass
from infoplane.hooks.reduce import FIT_ROWS, Reduction, has_axes_for, over_positions, reduction
from infoplane.hooks.rows.row_plan import settle_rows
from infoplane.hooks.rows.rows import Rows
from infoplane.types import LayerInfo, counted, named_layers
from infoplane.user_warning import warn_user


@dataclass(frozen=True, eq=False)
class Plan:
    """The settled capture of one network on one probe.

    Attributes:
        options: what was asked for.
        seen: what a look with a few rows showed.
        kept: the sites, in order of execution, and the form in which each is stored.
        infos: the layer table of the archive.
        batch_size: rows per forward.
        row_kind: which rows a capture has.
    """

    options: Options
    seen: Look
    kept: tuple[Kept, ...]
    infos: tuple[LayerInfo, ...]
    batch_size: int
    row_kind: Rows

    @property
    def rows(self) -> int:
        """Stored rows per capture: rows of the plane times draws."""
        return self.row_kind.n * self.options.draws

    @property
    def survey(self) -> Survey:
        """What was found, and what was left out."""
        return self.seen.survey

    @property
    def sites(self) -> tuple[Site, ...]:
        """The sites to capture."""
        return self.survey.sites

    @property
    def bytes_per_capture(self) -> int:
        """Bytes of activations and row digests that one capture writes."""
        return sum(info.bytes_per_row for info in self.infos) * self.rows

    @property
    def reductions(self) -> dict[str, Reduction]:
        """By layer name, fitted; a layer without one is stored raw."""
        return {kept.site.name: kept.reduction for kept in self.kept if kept.reduction is not None}

    @property
    def states(self) -> dict[str, object]:
        """What the fitted reductions remember, by the name under which the archive keeps it."""
        states = {f"reduction:{name}": made.state() for name, made in self.reductions.items()}
        return {name: state for name, state in states.items() if state is not None}

    def isolation(self, model: nn.Module, *, step: int, mode: Mode | None = None) -> Isolation:
        """Return the surroundings of a pass of ``step``.

        What the network is known to write into is put back.

        Args:
            model: the bare network.
            step: the checkpoint, whose noise is drawn.
            mode: another one than that of the captures.
        """
        return self.options.isolation(model, step=step, mode=mode, written=self.seen.written)

    def run(
        self, model: nn.Module, probe: Probe, emit: Emit, step: int, rows: Rows | None = None
    ) -> dict[str, list[int]]:
        """Run one pass of the probe into ``emit``; the caller isolates the model.

        Returns the lengths of ragged rows.

        Args:
            model: the bare network.
            probe: its samples, or those of this process.
            emit: takes the rows of a site as they come.
            step: the checkpoint.
            rows: those of ``probe``, where it is a share of the run's.
        """
        return run_pass(
            model,
            probe,
            self.kept,
            emit,
            self.row_kind if rows is None else rows,
            self.options,
            batch_size=self.batch_size,
            step=step,
        )

    def fit_reductions(self, model: nn.Module, probe: Probe) -> None:
        """Fit the reductions that need it, in passes over some rows of the probe."""
        with self.options.isolation(model, written=self.seen.written).entered():
            for kept in self.kept:  # one after another: only one layer's rows are held
                if kept.reduction is not None and kept.reduction.needs_fit:
                    kept.reduction.fit(self._some_rows(model, probe, kept.site))

    def _some_rows(self, model: nn.Module, probe: Probe, site: Site) -> Tensor:
        """About `FIT_ROWS` rows of a site, of evenly spaced samples: shape ``(m, *shape)``."""
        rows = self.row_kind
        count = probe.n if rows.together else max(1, min(probe.n, probe.n * FIT_ROWS // rows.n))
        samples = np.unique(np.linspace(0, probe.n - 1, count).astype(np.int64))
        some = rows.subset(samples)
        kept = (Kept(site, None, "float32", some.shape(site)),)
        gathered = Gathered(kept, some.n)
        alone = replace(self, kept=kept, row_kind=some, options=replace(self.options, draws=1))
        alone.run(model, probe.take(samples), gathered, step=0)
        return gathered.values[site.name]

    def outlook(self) -> tuple[str, str]:
        """Return sentences on what captures will take and cannot show; empty where all is well."""
        samples = self.row_kind.samples * self.options.draws
        seconds = self.seen.seconds_per_row * samples
        time = expected_time(seconds, self.options.schedule.count())
        return time, saturation_sentence(self.infos, self.rows)

    def describe(self) -> str:
        """Return a table of the chosen layers: shapes, bytes per capture, what was left out."""
        count = self.options.schedule.count()
        size = self.batch_size
        batches = "one batch" if self.row_kind.samples <= size else f"batches of {size:,}"
        head = (
            f"infoplane: {counted(len(self.infos), 'layer')}, {self.rows:,} probe rows in "
            f"{batches}, {size_text(self.bytes_per_capture)} per capture"
        )
        if count:
            head += f", {size_text(self.bytes_per_capture * count)} in all"
        reasons = {site.name: site.why for site in self.sites}
        table = layer_table(self.infos, reasons, self.rows)
        notes = [f"  note: {note}" for note in self.survey.notes]
        return "\n".join([head, *table, *notes])


def make_plan(
    model: nn.Module, probe: Probe, options: Options, previous: Archive | None = None
) -> Plan:
    """Look at the network with a few probe rows and settle what to capture.

    Reductions are not fitted yet.

    Args:
        model: the bare network.
        probe: its samples.
        options: of the recording.
        previous: the run that is being resumed, if one is.

    Raises:
        CaptureError: a layer cannot be found or captured.
        InputError: a reduction does not fit its layer.
    """
    seen = look(model, probe, options)
    with options.isolation(model, written=seen.written).entered():
        found, rows = settle_rows(model, probe, seen.survey, options)
    options.check_names([site.name for site in found.sites], all_names(named_modules(model)))
    unreduced = _too_few_axes(found.sites, rows, options)
    reductions = _reductions(
        [site for site in found.sites if site.name not in unreduced], rows, options
    )
    if unreduced:
        note = (
            f"reduce={options.reduce!r} leaves {named_layers(unreduced)} as recorded: each row is "
            "one vector there already"
        )
        found = replace(found, notes=(*found.notes, note))
    seen = replace(seen, survey=found)
    batch_size = _batch_size(seen, options, previous)
    _remember(reductions, previous)
    kept = tuple(
        Kept(site, reductions.get(site.name), options.dtype, rows.shape(site))
        for site in found.sites
    )
    infos = tuple(_info(ordinal, layer, rows) for ordinal, layer in enumerate(kept))
    uncounted = [name for name, module in model.named_modules() if uses_the_batch(module)]
    if uncounted:
        warn_user(
            f"{uncounted[:5]}: track_running_stats=False: its output depends on the other rows of "
            "the probe batch even in eval mode",
        )
    return Plan(options, seen, kept, infos, batch_size, rows)


def _too_few_axes(sites: Sequence[Site], rows: Rows, options: Options) -> tuple[str, ...]:
    """Layers that one reduction for all cannot reduce, such as logits behind feature maps.

    Empty where it can reduce none: that is a mistake of the user's, and `reduction` says so.
    """
    if isinstance(options.reduce, Mapping):
        return ()
    names = [site.name for site in sites if not has_axes_for(options.reduce, rows.shape(site))]
    return tuple(names) if len(names) < len(sites) else ()


def _reductions(sites: Sequence[Site], rows: Rows, options: Options) -> dict[str, Reduction]:
    """By layer name; a layer without one is stored raw."""
    found = {}
    names = [site.name for site in sites]
    for site in sites:
        spec = options.reduction_of(site.name, names)
        if options.rows.kind != "sample" and over_positions(spec):
            raise InputError(
                f"reduce={spec!r} makes one row of all positions of a sample, and "
                f"rows={options.rows.kind!r} keeps them apart: take one of the two"
            )
        made = reduction(spec, site.name, rows.shape(site), seed=options.seed)
        if made is not None:
            found[site.name] = made
    return found


def uses_the_batch(module: nn.Module) -> bool:
    """Whether a layer normalises by the batch also in eval mode.

    Instance normalisation looks at one row only.
    """
    batch_norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
    return isinstance(module, batch_norms) and not module.track_running_stats


def _batch_size(seen: Look, options: Options, previous: Archive | None) -> int:
    if options.batch_size is not None:
        return options.batch_size
    if previous is not None and "batch_size" in previous.config:
        return int(str(previous.config["batch_size"]))  # the layout of batches moves last bits
    return seen.batch_size()


def _remember(reductions: Mapping[str, Reduction], previous: Archive | None) -> None:
    """Load what the run being resumed has fitted already.

    A second basis would be another coordinate system.
    """
    if previous is None or not previous.steps:
        return
    for name, made in reductions.items():
        for step in previous.steps:  # the first that has it; later ones need not be read
            state = previous.extra(step, f"reduction:{name}")
            if state is not None:
                made.load(state)
                break


def _info(ordinal: int, kept: Kept, rows: Rows) -> LayerInfo:
    site, made = kept.site, kept.reduction
    stored = str(kept.dtype).removeprefix("torch.")
    return LayerInfo(
        site.name,
        ordinal,
        site.op or type(site.module).__name__,
        kept.shape,
        rows.shape(site),
        site.dtype,
        stored,
        made.spec if made else "none",
        site.end,
        site.aliases,
    )
