"""`from_arrays`: a run from activations in memory, or in arrays that are read slice by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

from numpy.typing import ArrayLike

from infoplane.archive import Archive, RunWriter, open_archive
from infoplane.errors import InputError
from infoplane.positions import WantedRows
from infoplane.positions.row_request import X_NAMES, Labels
from infoplane.sources.chains import Declared, declared_chain
from infoplane.sources.plan import Import, plan_import
from infoplane.sources.probe_rows import settle_probe
from infoplane.sources.samples import samples_of
from infoplane.sources.storing import layer_infos, store_steps
from infoplane.types import Kind
from infoplane.user_warning import warn_user


class ArrayOptions(TypedDict, total=False):
    """Options that `from_arrays` and `infoplane.import_run` share; see `from_arrays`."""

    skip_first: int
    max_rows: int | None
    ignore_index: int
    seed: int
    y_kind: Kind | None
    x_kind: Kind | None
    chain: Declared
    metrics: Mapping[int, Mapping[str, float]] | None
    nonfinite: Literal["refuse", "keep"]
    verify_with: Any  # Any: a module
    tags: Mapping[str, object] | None
    progress: bool
    overwrite: bool
    resume: bool


def from_arrays(
    arrays: Any,  # Any: what tools hand out is recognised by `layers_of`
    *,
    to: str | Path,
    y: Labels | None = None,
    x: str | ArrayLike | Mapping[str, ArrayLike] | None = None,
    rows: str = "sample",
    inputs: ArrayLike | Mapping[str, ArrayLike] | None = None,
    mask: str | ArrayLike | None = None,
    skip_first: int = 0,
    max_rows: int | None = None,
    ignore_index: int = -100,
    seed: int = 0,
    y_kind: Kind | None = None,
    x_kind: Kind | None = None,
    row_ids: ArrayLike | None = None,
    split: ArrayLike | None = None,
    layers: Sequence[str] | None = None,
    chain: Declared = None,
    step: int = 0,
    metrics: Mapping[int, Mapping[str, float]] | None = None,
    nonfinite: Literal["refuse", "keep"] = "refuse",
    verify_with: Any = None,  # Any: a module; torch is imported only then
    tags: Mapping[str, object] | None = None,
    progress: bool = False,
    overwrite: bool = False,
    resume: bool = False,
) -> Archive:
    """Store activations that another tool captured as a run.

    Arrays have shape ``(rows, *units)``, with ``rows="token"`` ``(samples, positions, *units)``,
    and are read block by block: a layer need not fit in memory.

    Args:
        arrays: ``{layer: array}`` in order of execution, ``{step: {layer: array}}``, a nested
            dictionary, ``hidden_states``, or a cache of TransformerLens, nnsight or torchlens.
            Arrays of numpy, torch, h5py or zarr, and memory maps.
        to: directory of the run.
        y: labels, shape ``(n,)`` or ``(n, k)``, or a mapping of names to these. Of rows that are
            positions also ``(n, T)``, and made from the tokens: ``"token"``, ``"next-token"``,
            ``"position"``, ``"ngram:k"``.
        x: inputs, shape ``(n, ...)``, or a mapping of names to these, as a tokenizer returns it.
            Without them equal rows are recognised by ``row_ids``, or all rows differ. Of rows that
            are positions also the name of what X is at a row, see `infoplane.Recorder`; then
            ``inputs`` are the inputs.
        rows: ``sample``; ``token`` (``token:decoder_input_ids`` names the input), ``pixel`` or
            ``node``: positions inside a sample are rows. X is by default the ``sequence`` and the
            place in it; say ``x="prefix"`` where the network is causal.
        inputs: as ``x``.
        mask: shape ``(n, T)``, true where a position is real, or the name of an input.
        skip_first, max_rows, ignore_index, seed: which positions are rows, see
            `infoplane.CaptureOptions`.
        y_kind: ``discrete`` or ``continuous``; needed for floating-point labels.
        x_kind: ``discrete``: the inputs are symbols, such as token ids; ``continuous``: amounts.
            Integers are symbols by default.
        row_ids: shape ``(n,)`` of integers, equal for equal inputs.
        split: shape ``(n,)`` of ``train``/``test``.
        layers: names or globs of the layers to take, in order of execution; all when left out.
        chain: ``"sequential"``, ``"fc1,fc2,fc3"``, pairs of layers, or the certificate of a run:
            which layer is computed from which alone, see
            `infoplane.sources.chains.declared_chain`. Without it no two layers are compared.
        step: of ``{layer: array}``.
        metrics: numbers of the training by step.
        nonfinite: ``refuse`` NaN and infinities, or ``keep`` them; such layers are not measured.
        verify_with: the network that gave the activations of the last step: a few rows of ``x`` are
            run again, and what differs is named before anything is stored.
        tags: any JSON of your own.
        progress: show a bar.
        overwrite: replace an existing run.
        resume: add steps to an existing run of the same layers, labels and inputs; its steps are
            not read again.

    Raises:
        InputError: rows that do not pair, layers that differ between steps, objects, NaN.
        CaptureError: the arrays are not what ``verify_with`` gives.

    Example:
        >>> import tempfile, numpy as np
        >>> z = np.random.default_rng(0).normal(size=(6, 4))
        >>> run = tempfile.mkdtemp() + "/run"
        >>> from_arrays({"fc1": z, "fc2": z[:, :2]}, y=[0, 1] * 3, to=run).layers
        ('fc1', 'fc2')
    """
    if nonfinite not in ("refuse", "keep"):
        raise InputError(f"nonfinite must be 'refuse' or 'keep', got {nonfinite!r}")
    x_name, given = inputs_of(rows, x, inputs)
    wanted = WantedRows(
        rows=rows,
        x=x_name,
        y=y,
        mask=mask,
        skip_first=skip_first,
        max_rows=max_rows,
        ignore_index=ignore_index,
        seed=seed,
    )
    found = arrays if isinstance(arrays, Import) else plan_import(arrays, step=step, layers=layers)
    unknown = sorted(set(metrics or ()) - set(found.steps))
    if unknown:
        raise InputError(
            f"metrics: expected the steps of the arrays, {list(found.steps)[:8]}, got also "
            f"{unknown[:8]}"
        )
    if verify_with is not None:
        from infoplane.hooks.verifying.verify import require_same

        require_same(verify_with, given, list(found.steps.values())[-1])
    samples = samples_of(
        found.n, given, row_ids=row_ids, split=split, y=y, y_kind=y_kind, x_kind=x_kind
    )
    probe = settle_probe(wanted, found.first, samples)
    if probe.sample_rows is not None:
        for note in probe.notes:
            warn_user(note)
    config = {
        "source": "arrays",
        "rows": probe.told_apart,
        "notes": list(probe.notes),
        "tags": dict(tags or {}),
    }
    with RunWriter.create(
        to,
        layers=layer_infos(found, probe),
        y_kind=y_kind,
        x_kind=probe.x_kind,  # type: ignore[arg-type]  # checked inside
        chain=declared_chain(list(found.first), chain),
        config=config,
        overwrite=overwrite,
        resume=resume,
        **vars(probe.rows),
    ) as writer:
        store_steps(writer, found, probe, metrics or {}, nonfinite, progress=progress)
    return open_archive(to)


def inputs_of(rows: str, x: object, inputs: object) -> tuple[str | None, object]:
    """Return the name of what X is at a row, and the inputs.

    Args:
        rows: what a row is.
        x: inputs, or the name of what X is.
        inputs: the inputs, where ``x`` is a name.

    Raises:
        InputError: inputs given twice, or an unknown name.
    """
    if not isinstance(x, str):
        if x is not None and inputs is not None:
            raise InputError("x= and inputs= both hold inputs: give one of them, or x= as a name")
        return None, inputs if x is None else x
    if rows == "sample":
        names = sorted(set().union(*X_NAMES.values()))
        raise InputError(
            f"x={x!r}: expected the inputs, an array (n, ...); names such as {names} are for "
            "rows='token'"
        )
    return x, inputs
