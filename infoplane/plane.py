"""The information plane as data: one point per (step, layer, estimator, quantity, sense)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from infoplane.columns import Columns, columns_of
from infoplane.errors import InputError, MissingExtra
from infoplane.new_file import write_csv
from infoplane.row_info import RowInfo
from infoplane.types import Chain, DPIReport, Estimate, Quantity, printable

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
        if (null := self.estimate.null) is not None:
            flat |= {f"null_{key}": value for key, value in vars(null).items()}
        else:
            flat |= dict.fromkeys(("null_mean", "null_low", "null_high", "null_p"))
        return {key: flat[key] for key in COLUMNS if key in flat}


class Ceiling(NamedTuple):
    """The most that a quantity can be, and what it is called; None where nothing is known."""

    name: str
    bits: float | None


@dataclass(frozen=True)
class Failure:
    """A cell that could not be measured, recorded instead of a number."""

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
        run: where its user says that the run behind it is.
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
        """Where the run behind the plane may be read; None where nobody says so.

        A plane from a file may be a stranger's and name any folder of yours. Its run is followed
        where you say that it is (``Plane.load(file, run=...)``) and else only beside the file, or
        around it.
        """
        if self.run is not None:
            return self.run
        stated = self.provenance.get("archive", "")
        if self.file is None:
            return Path(stated) if stated else None
        return _run_beside(self.file, Path(stated).name)

    @property
    def log2_n(self) -> float:
        """log2 of the number of probe rows: no honest estimate of I(X;Z) exceeds it."""
        return math.log2(self.n)

    @property
    def ceilings(self) -> dict[Quantity, Ceiling]:
        """What no estimate of either quantity on these rows can honestly exceed, as drawn.

        Log2 N (H(X) of positions) and H(Y).
        """
        x = Ceiling("log2 N", self.log2_n)
        if self.row_info.kind != "sample" and self.h_x_bits is not None:
            x = Ceiling(f"H({self.row_info.x})", self.h_x_bits)
        return {"i_xz": x, "i_zy": Ceiling(f"H({self.row_info.y})", self.h_y_bits)}

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """The measured checkpoints, ascending."""
        return tuple(sorted({p.step for p in self.points}))

    @cached_property
    def estimators(self) -> tuple[str, ...]:
        """The estimator specs, in order of first appearance."""
        return tuple(dict.fromkeys(p.estimator for p in self.points))

    @cached_property
    def columns(self) -> Columns:
        """The points as files and keys have them, see `infoplane.columns`."""
        return columns_of(self.points)

    @cached_property
    def _series(self) -> dict[tuple[str, str, str], dict[str, list[Point]]]:
        """The points of a layer, quantity and estimator by sense, ascending in step.

        Looking through all points for each takes seconds for 100 layers.
        """
        found: dict[tuple[str, str, str], dict[str, list[Point]]] = {}
        for p in sorted(self.points, key=attrgetter("step")):
            found.setdefault((p.layer, p.quantity, p.estimate.estimator), {}).setdefault(
                p.estimate.sense, []
            ).append(p)
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
            InputError: a named layer or estimator is not in the plane.
        """

        def allowed(
            value: Any, known: Collection[Any] | None, what: str
        ) -> set[Any] | None:  # Any: ints or strings
            if value is None:
                return None
            chosen = {value} if isinstance(value, (str, int)) else set(value)
            if known is not None and (unknown := sorted(map(str, chosen - set(known)))):
                raise InputError(f"no such {what}: {unknown}; the plane has {list(known)}")
            return chosen

        wanted = {
            "step": allowed(step, None, "step"),
            "layer": allowed(layer, self.layers, "layer"),
            "quantity": allowed(quantity, ("i_xz", "i_zy"), "quantity"),
            "estimator": allowed(estimator, self.estimators, "estimator"),
            "sense": allowed(sense, ("point", "lower", "upper", "exact"), "sense"),
        }
        kept: Iterable[Point] = self.points
        for key, chosen in wanted.items():
            if chosen is not None:
                of = attrgetter(key)
                kept = [p for p in kept if of(p) in chosen]
        layers = tuple(
            name for name in self.layers if wanted["layer"] is None or name in wanted["layer"]
        )
        return replace(self, points=tuple(kept), layers=layers)

    def series(
        self, layer: str, quantity: Quantity, estimator: str, sense: str | None = None
    ) -> tuple[list[int], list[Estimate]]:
        """Return steps and estimates of one trajectory, ascending in step.

        Args:
            layer, quantity, estimator: which.
            sense: the first that is present of exact, point, upper, lower when left out.
        """
        by_sense = self._series.get((layer, quantity, estimator), {})
        if sense is None:
            sense = next(
                (s for s in ("exact", "point", "upper", "lower") if s in by_sense), "point"
            )
        chosen = by_sense.get(sense, [])
        return [p.step for p in chosen], [p.estimate for p in chosen]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Columns of `rows` for this plane."""
        return COLUMNS if self.row_info.plain else COLUMNS + ROW_COLUMNS

    def rows(self) -> list[dict[str, Any]]:  # Any: a row mixes ints, floats and strings
        """Return every point as a flat dictionary with the keys of `column_names`."""
        info = self.row_info
        same = {} if info.plain else {"rows": info.kind, "x": info.x, "y": info.y}
        return [
            p.to_dict() | {"reduction": self.reductions.get(p.layer, "none")} | same
            for p in self.points
        ]

    def to_csv(self, path: str | Path) -> Path:
        """Write `rows` as UTF-8 CSV with a header; returns the path."""
        return write_csv(path, self.column_names, self.rows())

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the plane as an HDF5 file, which xarray opens too; returns the path.

        Args:
            path: of the file, which is whole or not there.
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
            run: the run behind it, for checks that look at activations; needed where it does not
                lie beside the file.

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
        return dataset.assign_attrs(
            n=self.n,
            log2_n=self.log2_n,
            **({} if self.h_y_bits is None else {"h_y_bits": self.h_y_bits}),
        )

    def __getitem__(self, layer: str) -> Plane:
        """Return the plane of one layer: ``plane["act3"]``; notebooks complete its name.

        Raises:
            InputError: no such layer.
        """
        return self.select(layer=layer)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.layers)

    def last(self) -> list[dict[str, str]]:
        """Return rows of text for a person.

        Per layer, I(X;Z) and I(Z;Y) at the last checkpoint under every estimator (and bound), ``*``
        where saturated.
        """
        if not self.points:
            return []
        step, rows = self.steps[-1], {name: {"layer": name} for name in self.layers}
        for p in self.points:
            if p.step == step:
                bound = f" {p.sense}" if p.sense in ("upper", "lower") else ""
                what = self.row_info.name("I(X;Z)" if p.quantity == "i_xz" else "I(Z;Y)")
                if p.estimate.unit == "none":
                    what = "X, Z" if p.quantity == "i_xz" else "Z, Y"
                rows[p.layer][f"{what} {p.estimator}{bound}"] = f"{p.bits:.3f}" + (
                    "*" if p.estimate.saturated else ""
                )
        return [row for row in rows.values() if len(row) > 1]

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

        rows = self.last()
        heads = list(dict.fromkeys(key for row in rows for key in row))
        shown = (
            table(heads, [[row.get(key, "") for key in heads] for row in rows[:40]]) if rows else ""
        )
        more = f"<p>... and {len(rows) - 40} more layers</p>" if len(rows) > 40 else ""
        note = (
            f"<p>bits at step {self.steps[-1]}; * saturated: at the ceiling, or most rows alone in "
            "their cell</p>"
            if rows
            else ""
        )
        return f"<p><b>{cell(self, 400)}</b></p>{shown}{more}{note}"

    def __str__(self) -> str:
        specs = printable(", ".join(self.estimators), 300)
        rows = "" if self.row_info.plain else f", {self.row_info}"
        return (
            f"Plane: {len(self.steps)} steps x {len(self.layers)} layers x {len(self.estimators)} "
            f"estimators ({specs}), {len(self.points)} points, {len(self.failures)} failures, "
            f"{self.row_info.axis(self.n)}{rows}"
        )


def refuse_empty(plane: Plane, doing: str) -> None:
    """Nothing, where the plane has points.

    Raises:
        InputError: it has none; says the first reason why.
    """
    if not plane.points:
        failed = (
            f"; {len(plane.failures)} cells could not be measured, first: "
            f"{plane.failures[0].message}"
            if plane.failures
            else ""
        )
        raise InputError(
            f"the plane is empty: measure at least one checkpoint before {doing} it{failed}"
        )


def _run_beside(file: Path, name: str) -> Path | None:
    """Return the run of this name in the folder of ``file``, or that folder itself.

    A link that leads elsewhere is not followed.
    """
    folder = file.resolve().parent
    beside = folder / name
    if name and beside.exists() and beside.resolve().parent == folder:
        return beside
    return folder if (folder / "run.json").is_file() else None
