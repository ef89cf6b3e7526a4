"""The information plane as data: one point per (step, layer, estimator, quantity, sense)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from numbers import Integral
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from infoplane.columns import Columns, columns_of
from infoplane.errors import InputError, MissingExtra
from infoplane.new_file import write_csv
from infoplane.row_info import RowInfo
from infoplane.types import Chain, DPIReport, Estimate, Quantity, counted, printable

if TYPE_CHECKING:
    import pandas
    import xarray

    from infoplane.analysis.plot.show import Axes

COLUMNS = (
    "step",
    "layer",
    "quantity",
    "estimator",
    "sense",
    "bits",
    "low",
    "high",
    "stderr",
    "ceiling_bits",
    "n",
    "target",
    "coverage",
    "saturated",
    "notes",
    "bound",
    "unit",
    "null_mean",
    "null_low",
    "null_high",
    "null_p",
    "reduction",
)
"""Columns of `Plane.rows` and of the CSV, in order."""
ROW_COLUMNS = ("rows", "x", "y")
"""Further columns: what a row, X and Y are, where rows are no samples or Y has a name."""
SENSES = ("exact", "point", "upper", "lower")
"""Senses of an estimate; of several, the first is shown."""


@dataclass(frozen=True)
class Point:
    """One estimate at its place in the plane.

    ``quantity`` is ``i_xz`` for I(X;Z) or ``i_zy`` for I(Z;Y).
    """

    step: int
    layer: str
    quantity: Quantity
    estimate: Estimate

    @property
    def bits(self) -> float:
        """The estimate's value in bits."""
        return self.estimate.bits

    @property
    def estimator(self) -> str:
        """Spec of the estimator."""
        return self.estimate.estimator

    @property
    def sense(self) -> str:
        """point, lower, upper or exact."""
        return self.estimate.sense

    def to_dict(self) -> dict[str, Any]:  # Any: a row mixes ints, floats and strings
        """Return the point as a flat row with the keys of `COLUMNS` but ``reduction``."""
        flat = {
            "step": self.step,
            "layer": self.layer,
            "quantity": self.quantity,
            "saturated": self.estimate.saturated,
            **vars(self.estimate),
        }
        flat["notes"] = "; ".join(self.estimate.notes)
        null = self.estimate.null
        if null is not None:
            flat |= {f"null_{key}": value for key, value in vars(null).items()}
        return {key: flat.get(key) for key in COLUMNS if key != "reduction"}


class Ceiling(NamedTuple):
    """The largest value of a quantity, with its name; None where it is not known."""

    name: str
    bits: float | None


@dataclass(frozen=True)
class Failure:
    """A layer at a checkpoint that an estimator could not measure, with the reason."""

    step: int
    layer: str
    estimator: str
    message: str


@dataclass(frozen=True)
class Plane:
    """Everything a plot or a check needs, and nothing of the activations.

    Attributes:
        points: one per (step, layer, estimator, quantity, sense).
        layers: layer names in order of execution.
        n: probe rows.
        h_y_bits: plug-in entropy of Y on the probe rows; None without labels.
        h_x_bits: entropy of X on the probe rows (log2 N when all inputs differ).
        chain: the interchange certificate, None when none was made.
        metrics: per step, what the training loop logged.
        reductions: per layer, the reduction applied before storing (``none`` when none).
        failures: cells that could not be measured.
        provenance: archive path and digest, versions, seed.
        row_info: what a row is, what X is at a row, and which label is Y.
        file: the file that the plane was read from; None for one that was measured here.
        run: its run, where the user gives it.
    """

    points: tuple[Point, ...]
    layers: tuple[str, ...]
    n: int
    h_y_bits: float | None = None
    h_x_bits: float | None = None
    chain: Chain | None = None
    metrics: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    reductions: Mapping[str, str] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    row_info: RowInfo = field(default_factory=RowInfo)
    file: Path | None = field(default=None, compare=False, repr=False)
    run: Path | None = field(default=None, compare=False, repr=False)

    @property
    def run_path(self) -> Path | None:
        """Where the run of the plane may be read; None where that is not known.

        A file of a stranger could name any of your folders. So for a plane from a file the run is
        the one that you give (``Plane.load(file, run=...)``), or one next to the file or around it.
        """
        if self.run is not None:
            return self.run
        stated = self.provenance.get("archive", "")
        if self.file is None:
            return Path(stated) if stated else None
        return _run_next_to(self.file, Path(stated).name)

    @property
    def log2_n(self) -> float:
        """log2 of the number of probe rows: no honest estimate of I(X;Z) exceeds it."""
        return math.log2(self.n)

    @property
    def ceilings(self) -> dict[Quantity, Ceiling]:
        """What no estimate of either quantity on these rows can honestly exceed.

        For I(X;Z) log2 N, or H(X) where rows are positions; for I(Z;Y) H(Y).
        """
        of_x = Ceiling("log2 N", self.log2_n)
        if self.row_info.kind != "sample" and self.h_x_bits is not None:
            of_x = Ceiling(f"H({self.row_info.x})", self.h_x_bits)
        return {"i_xz": of_x, "i_zy": Ceiling(f"H({self.row_info.y})", self.h_y_bits)}

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """The measured checkpoints, ascending."""
        return tuple(sorted({point.step for point in self.points}))

    @cached_property
    def estimators(self) -> tuple[str, ...]:
        """The estimator specs, in order of first appearance."""
        return tuple(dict.fromkeys(point.estimator for point in self.points))

    @cached_property
    def columns(self) -> Columns:
        """The points as columns, see `infoplane.columns`."""
        return columns_of(self.points)

    @cached_property
    def _series(self) -> dict[tuple[str, str, str], dict[str, list[Point]]]:
        """The points of a layer, quantity and estimator by sense, ascending in step."""
        found: dict[tuple[str, str, str], dict[str, list[Point]]] = {}
        for point in sorted(self.points, key=attrgetter("step")):
            key = (point.layer, point.quantity, point.estimator)
            found.setdefault(key, {}).setdefault(point.sense, []).append(point)
        return found

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[Point]:
        return iter(self.points)

    def select(
        self,
        *,
        step: int | Collection[int] | None = None,
        layer: str | Collection[str] | None = None,
        quantity: Quantity | None = None,
        estimator: str | Collection[str] | None = None,
        sense: str | Collection[str] | None = None,
    ) -> Plane:
        """Return the plane with only the points that match every given condition.

        A collection matches any of its members.

        Args:
            step, layer, estimator, sense: one, or several; None for all.
            quantity: ``i_xz`` or ``i_zy``.

        Raises:
            InputError: a named layer or estimator is not in the plane, or a step is no whole
                number.
        """
        wanted = {
            "step": _allowed_steps(step),
            "layer": _allowed("layer", layer, self.layers),
            "quantity": _allowed("quantity", quantity, ("i_xz", "i_zy")),
            "estimator": _allowed("estimator", estimator, self.estimators),
            "sense": _allowed("sense", sense, SENSES),
        }
        points: Iterable[Point] = self.points
        for key, chosen in wanted.items():
            if chosen is not None:
                value_of = attrgetter(key)
                points = [point for point in points if value_of(point) in chosen]
        layers = self.layers
        if wanted["layer"] is not None:
            layers = tuple(name for name in layers if name in wanted["layer"])
        return replace(self, points=tuple(points), layers=layers)

    def series(
        self, layer: str, quantity: Quantity, estimator: str, sense: str | None = None
    ) -> tuple[list[int], list[Estimate]]:
        """Return steps and estimates of one trajectory, ascending in step.

        Args:
            layer, quantity, estimator: which.
            sense: the first that is present of exact, point, upper, lower when left out.
        """
        by_sense = self._series.get((layer, quantity, estimator), {})
        for present in SENSES if sense is None else (sense,):
            if present in by_sense:
                points = by_sense[present]
                return [point.step for point in points], [point.estimate for point in points]
        return [], []

    @property
    def column_names(self) -> tuple[str, ...]:
        """Columns of `rows` for this plane."""
        return COLUMNS if self.row_info.plain else COLUMNS + ROW_COLUMNS

    def rows(self) -> list[dict[str, Any]]:  # Any: a row mixes ints, floats and strings
        """Return every point as a flat dictionary with the keys of `column_names`."""
        info = self.row_info
        same = {} if info.plain else {"rows": info.kind, "x": info.x, "y": info.y}
        rows = []
        for point in self.points:
            reduction = self.reductions.get(point.layer, "none")
            rows.append(point.to_dict() | {"reduction": reduction} | same)
        return rows

    def to_csv(self, path: str | Path) -> Path:
        """Write `rows` as UTF-8 CSV with a header; return the path."""
        return write_csv(path, self.column_names, self.rows())

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the plane as an HDF5 file, which xarray opens too; return the path.

        Args:
            path: of the file, which is written whole or not at all.
            overwrite: replace a file.

        Raises:
            ArchiveExists: the file exists and ``overwrite`` is False.
        """
        from infoplane.archive.planes import save_plane  # the archive is the only importer of h5py

        return save_plane(self, path, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path, *, run: str | Path | None = None) -> Plane:
        """Read a plane written by `save`.

        Args:
            path: the file.
            run: its run, for checks that need activations; given where it is not next to the file.

        Raises:
            NotAnArchive, VersionError, DamagedArchive: naming file and key.
        """
        from infoplane.archive.planes import load_plane

        return load_plane(path, run=run)

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas frame of `rows` (needs the ``frames`` extra)."""
        try:
            import pandas
        except ImportError as error:
            raise MissingExtra("pandas", "frames") from error
        return pandas.DataFrame(self.rows(), columns=list(self.column_names))

    def to_xarray(self) -> xarray.Dataset:
        """Return an xarray dataset of axes step, layer, series (needs the ``frames`` extra)."""
        try:
            import xarray  # noqa: F401
        except ImportError as error:
            raise MissingExtra("xarray", "frames") from error
        frame = self.to_frame()
        frame["series"] = frame["estimator"] + " " + frame["sense"]
        indexed = frame.set_index(["quantity", "series", "layer", "step"])[
            ["bits", "low", "high", "stderr", "coverage"]
        ]
        dataset: xarray.Dataset = indexed.astype(float).to_xarray()
        dataset = dataset.assign_attrs(n=self.n, log2_n=self.log2_n)
        return dataset if self.h_y_bits is None else dataset.assign_attrs(h_y_bits=self.h_y_bits)

    def __getitem__(self, layer: str) -> Plane:
        """Return the plane of one layer: ``plane["act3"]``; notebooks complete its name.

        Raises:
            InputError: no such layer.
        """
        return self.select(layer=layer)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.layers)

    def last(self) -> list[dict[str, str]]:
        """Return one row of text per layer with all estimates at the last checkpoint.

        ``*`` marks saturated ones.
        """
        if not self.points:
            return []
        rows = {name: {"layer": name} for name in self.layers}
        for point in self.points:
            if point.step == self.steps[-1]:
                mark = "*" if point.estimate.saturated else ""
                rows[point.layer][self._heading(point)] = f"{point.bits:.3f}{mark}"
        return [row for row in rows.values() if len(row) > 1]

    def _heading(self, point: Point) -> str:
        """Quantity, estimator and bound of a point."""
        about_x = point.quantity == "i_xz"
        quantity = self.row_info.name("I(X;Z)" if about_x else "I(Z;Y)")
        if point.estimate.unit == "none":
            quantity = "X, Z" if about_x else "Z, Y"
        bound = f" {point.sense}" if point.sense in ("upper", "lower") else ""
        return f"{quantity} {point.estimator}{bound}"

    def show(
        self, report: DPIReport | None = None, *, estimator: str | None = None, **options: Any
    ) -> Axes:  # Any: of plot_plane
        """Draw the plane and show it (in a notebook, or in a window where there is one).

        Returns the Axes. Options as for `infoplane.plot_plane`.
        """
        from infoplane.analysis.show import show_plane

        return show_plane(self, report, estimator=estimator, **options)

    def _repr_html_(self) -> str:
        from infoplane.display.notebook import cell, table

        title = f"<p><b>{cell(self, 400)}</b></p>"
        rows = self.last()
        if not rows:
            return title
        heads: dict[str, None] = {}
        for row in rows:
            heads |= dict.fromkeys(row)
        cells = [list((dict.fromkeys(heads, "") | row).values()) for row in rows[:40]]
        more = f"<p>... and {len(rows) - 40} more layers</p>" if len(rows) > 40 else ""
        return (
            f"{title}{table(list(heads), cells)}{more}<p>bits at step {self.steps[-1]}; * "
            "saturated: at the ceiling, or most rows alone in their cell</p>"
        )

    def __str__(self) -> str:
        specs = printable(", ".join(self.estimators), 300)
        rows = "" if self.row_info.plain else f", {self.row_info}"
        return (
            f"Plane: {counted(len(self.steps), 'step')} x {counted(len(self.layers), 'layer')} x "
            f"{counted(len(self.estimators), 'estimator')} ({specs}), "
            f"{counted(len(self.points), 'point')}, {counted(len(self.failures), 'failure')}, "
            f"{self.row_info.axis(self.n)}{rows}"
        )


def require_plane(plane: Plane, doing: str) -> None:
    """Refuse what is no plane, and a plane without points.

    Raises:
        InputError: no plane, or none of its cells could be measured; with the first failure.
    """
    if not isinstance(plane, Plane):
        several = "; several are drawn by draw_side_by_side of infoplane.analysis.plot"
        raise InputError(
            f"expected a plane before {doing} it, got {type(plane).__name__}: measure a run with "
            "ip.measure(run), or read a file with ip.Plane.load(file)"
            + (several if isinstance(plane, (list, tuple, dict)) else "")
        )
    if plane.points:
        return
    failed = ""
    if plane.failures:
        first = plane.failures[0].message
        failed = f"; {len(plane.failures)} cells could not be measured, first: {first}"
    raise InputError(
        f"the plane is empty: measure at least one checkpoint before {doing} it{failed}"
    )


def _allowed(
    what: str, value: str | Collection[str] | None, known: Sequence[str]
) -> set[str] | None:
    """The values that a condition allows; None for all."""
    if value is None:
        return None
    chosen = {value} if isinstance(value, str) else set(value)
    unknown = sorted(map(str, chosen - set(known)))
    if unknown:
        raise InputError(f"no such {what}: {unknown}; the plane has {list(known)}")
    return chosen


def _allowed_steps(value: int | Collection[int] | None) -> set[int] | None:
    """The steps that a condition allows; None for all."""
    if value is None:
        return None
    steps = value if isinstance(value, Collection) and not isinstance(value, str) else [value]
    for step in steps:
        if not isinstance(step, Integral):
            raise InputError(f"step: expected whole numbers, got {value!r}")
    return set(steps)


def _run_next_to(file: Path, name: str) -> Path | None:
    """Return the run of this name in the folder of ``file``, or that folder itself.

    A link that leads elsewhere is not followed.
    """
    folder = file.resolve().parent
    run = folder / name
    if name and run.exists() and run.resolve().parent == folder:
        return run
    return folder if (folder / "run.json").is_file() else None
