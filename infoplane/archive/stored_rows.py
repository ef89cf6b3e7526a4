"""The rows of a stored run: inputs, labels and identities, read when needed."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from infoplane.archive import layout
from infoplane.archive.certificate import chain_of
from infoplane.archive.probe_file import label_key, read_probe_array, read_probe_meta
from infoplane.archive.store import Store
from infoplane.errors import DamagedArchive, InputError
from infoplane.kinds import kind_of_inputs
from infoplane.row_info import RowInfo
from infoplane.types import Chain, Kind
from infoplane.types.arrays import Array, Ids, Json


class StoredRows:
    """The rows of an `Archive`.

    Attributes:
        n_rows: how many there are.
        _store: where the run lies.
        _label: the label set that is Y; None for the first.
    """

    n_rows: int
    _store: Store
    _label: str | None

    @cached_property
    def _probe(self) -> Json:
        """The sealed header, checked against its run."""
        with self._store.probe() as (group, window, where):
            header = read_probe_meta(group, window, where)
        run = self._store.header
        for key in ("run_uuid", "n_rows", "probe_sha256"):
            if header.get(key) != run.get(key):
                raise DamagedArchive(
                    f"{where}: key '{key}': expected {run.get(key)!r}, got "
                    f"{str(header.get(key))[:80]!r}; the probe belongs to another run"
                )
        return header

    def _array(self, key: str) -> Array | None:
        with self._store.probe() as (group, window, where):
            return read_probe_array(group, window, self._probe, key, where)

    def _damaged(self, key: str, what: str) -> DamagedArchive:
        return DamagedArchive(f"{self._store.path}: key '{key}': {what}")

    # ---- inputs ----------------------------------------------------------------------------------

    @cached_property
    def x(self) -> Array | None:
        """Probe inputs, shape ``(n, ...)``; None when they were not stored."""
        return self._array("x")

    @cached_property
    def x_kind(self) -> Kind | None:
        """Whether ``x`` are symbols or amounts; None without x. Integers are symbols by default."""
        stated: Kind | None = self._probe.get("x_kind")
        if stated is not None or self.x is None:
            return stated
        return kind_of_inputs(self.x.dtype.kind)

    @cached_property
    def row_ids(self) -> Ids:
        """Identity of every row's input, shape ``(n,)``: equal inputs, equal id."""
        ids = self._array("row_ids")
        if ids is None or ids.shape != (self.n_rows,) or ids.dtype != np.int64:
            raise self._damaged("row_ids", f"expected {self.n_rows} int64 values")
        return ids

    @cached_property
    def positions(self) -> Ids | None:
        """Sample and position of every row, shape ``(n, 2)``; None where rows are samples."""
        places = self._array("positions")
        if places is not None and (places.shape != (self.n_rows, 2) or places.dtype != np.int64):
            raise self._damaged("positions", f"expected {self.n_rows} pairs of int64")
        return places

    @property
    def _split_codes(self) -> NDArray[np.uint8] | None:
        """The split of every row as a place in `layout.SPLITS`."""
        codes, most = self._array("split"), len(layout.SPLITS)
        if codes is None:
            return None
        whole = codes.shape == (self.n_rows,) and codes.dtype == np.uint8
        if not whole or int(codes.max(initial=0)) >= most:
            raise self._damaged("split", f"expected {self.n_rows} codes below {most}")
        return codes

    @cached_property
    def split(self) -> NDArray[np.str_] | None:
        """``"train"``, ``"test"`` or ``""`` per row; None when not recorded."""
        codes = self._split_codes
        return None if codes is None else np.array(layout.SPLITS)[codes]

    @property
    def _first_chain(self) -> Chain | None:
        """The certificate that was made when the run was."""
        first = self._probe.get("chain")
        return None if first is None else chain_of(first, str(self._store.path))

    # ---- labels ----------------------------------------------------------------------------------

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the label sets; the first is Y unless `with_label` says otherwise."""
        if self._probe["y_kind"] is None:
            return ()
        first = RowInfo.from_dict(self._probe.get("rows")).label
        return (first, *(str(label["name"]) for label in self._probe["labels"]))

    @property
    def _number(self) -> int:
        """Which of the further label sets is Y."""
        return self.labels.index(str(self._label)) - 1

    @cached_property
    def y(self) -> Array | None:
        """Labels (int64) or targets (float), shape ``(n,)`` or ``(n, k)``; None without labels.

        See `with_label`.
        """
        return self._array("y" if self._label is None else label_key(self._number))

    @property
    def y_kind(self) -> Kind | None:
        """Whether ``y`` are classes or targets."""
        kind: Kind | None = self._probe["y_kind"]
        return kind if self._label is None else self._probe["labels"][self._number]["kind"]

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The strings behind the classes of Y, where they came as strings."""
        header = self._store.header.get("config") or {}
        if self._label is not None:
            header = self._probe["labels"][self._number]
        names = header.get("class_names")
        return tuple(map(str, names)) if isinstance(names, list) else None

    @cached_property
    def row_info(self) -> RowInfo:
        """What a row is, what X is at a row, and which label is Y."""
        try:
            found = RowInfo.from_dict(self._probe.get("rows"))
        except InputError as error:
            raise self._damaged("rows", str(error)) from error
        return found if self._label is None else replace(found, label=self._label)
