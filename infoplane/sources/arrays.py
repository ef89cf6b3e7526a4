"""`from_arrays`: a run from activations in memory, or sliced as if they were."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, SupportsIndex, TypedDict, TypeGuard

from numpy.typing import ArrayLike

from infoplane.archive import Archive, RunWriter, open_archive
from infoplane.archive.run_folder import remove_run
from infoplane.display.progress import progress as shown_progress
from infoplane.display.say import say
from infoplane.errors import InputError
from infoplane.patterns import did_you_mean, fits
from infoplane.positions import wanted_rows
from infoplane.positions.wanted import X_NAMES, Labels
from infoplane.sources.bridges import layers_of
from infoplane.sources.chains import Declared, declared_chain
from infoplane.sources.probe_rows import LayerRows, settle_probe
from infoplane.sources.rows import Rows, as_rows
from infoplane.types import LayerInfo


class ArrayOptions(TypedDict, total=False):
    """Options of `from_arrays` that it explains, and `infoplane.import_run` hands on."""

    skip_first: int
    max_rows: int | None
    ignore_index: int
    seed: int
    y_kind: Literal["discrete", "continuous"] | None
    x_kind: Literal["discrete", "continuous"] | None
    chain: Declared
    metrics: Mapping[int, Mapping[str, float]] | None
    nonfinite: Literal["refuse", "keep"]
    verify_with: Any  # Any: a module
    tags: Mapping[str, object] | None
    progress: bool
    overwrite: bool
    resume: bool


@dataclass(frozen=True)
class Import:
    """What is about to be stored: for every step the same layers, in order.

    Attributes:
        steps: layers by name, by ascending step.
        left_out: what a tool handed out beside the layers, and why it is left out.
    """

    steps: Mapping[int, Mapping[str, Rows]]
    left_out: tuple[str, ...] = ()

    @property
    def first(self) -> Mapping[str, Rows]:
        """The layers of the first step."""
        return next(iter(self.steps.values()))

    @property
    def n(self) -> int:
        """Length of the first axis: rows, or samples whose positions are rows."""
        return next(iter(self.first.values())).shape[0]

    def describe(self, unit: str = "rows") -> str:
        """What is read as what, for a person; ``unit`` is what the first axis counts."""
        steps = list(self.steps)
        shown = steps if len(steps) < 9 else [*steps[:4], "...", steps[-1]]
        lines = [f"{len(steps)} steps {shown}, {len(self.first)} layers, {self.n} {unit}"]
        for name, rows in self.first.items():
            shape = "x".join(map(str, rows.shape[1:])) or "scalar"
            lines.append(f"  {name}: {shape} {rows.own_dtype}, stored as {rows.store_dtype.name}")
        return "\n".join(lines + [f"  left out: {text}" for text in self.left_out])


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
    y_kind: Literal["discrete", "continuous"] | None = None,
    x_kind: Literal["discrete", "continuous"] | None = None,
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
    """Store activations that somebody else captured, so that everything of infoplane reads them.

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
            Without them rows are told apart by ``row_ids``, or all differ. Of rows that are
            positions also the word for what X is at a row, see `infoplane.Recorder`; then
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
            Integers are symbols unless said otherwise.
        row_ids: shape ``(n,)`` of integers, equal for equal inputs.
        split: shape ``(n,)`` of ``train``/``test``.
        layers: names or globs of the layers to take, in order of execution; all when left out.
        chain: ``"sequential"`` or pairs of layers: your word on which layer is computed from which
            alone, see `infoplane.sources.chains.declared_chain`. Without it no two layers are
            compared.
        step: of ``{layer: array}``.
        metrics: numbers of the training by step.
        nonfinite: ``refuse`` NaN and infinities, or ``keep`` them; such layers are not measured.
        verify_with: the network that gave the activations of the last step: a few rows of ``x`` are
            run again, and what differs is named before anything is stored.
        tags: anything of yours that is JSON.
        progress: show a bar.
        overwrite: replace a run that is there.
        resume: go on with a run that is there, of the same layers, labels and inputs: its steps
            are kept, and not read again.

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
    word, given = inputs_of(rows, x, inputs)
    wanted = wanted_rows(
        rows,
        x=word,
        y=y,
        mask=mask,
        skip_first=skip_first,
        max_rows=max_rows,
        ignore_index=ignore_index,
        seed=seed,
    )
    found = arrays if isinstance(arrays, Import) else plan_import(arrays, step=step, layers=layers)
    if unknown := sorted(set(metrics or ()) - set(found.steps)):
        raise InputError(f"metrics of steps that are not there: {unknown[:8]}")
    if verify_with is not None:
        verify(found, verify_with, given)
    probe = settle_probe(
        wanted,
        found.first,
        inputs=given,
        row_ids=row_ids,
        split=split,
        y_kind=y_kind,
        x_kind=x_kind,
    )
    for note in probe.notes if probe.kept is not None else ():
        warnings.warn(note, stacklevel=2)
    infos = [_info(name, probe.of(layer)) for name, layer in found.first.items()]
    config = {
        "source": "arrays",
        "rows": probe.told_apart,
        "notes": list(probe.notes),
        "tags": dict(tags or {}),
    }
    with (
        RunWriter.create(
            to,
            layers=infos,
            x=probe.x,
            y=probe.y,
            y_kind=y_kind,
            x_kind=probe.x_kind,  # type: ignore[arg-type]  # checked inside
            labels=probe.labels,
            row_ids=probe.row_ids,
            split=probe.split,
            row_info=probe.info,
            positions=probe.positions,
            chain=declared_chain(list(found.first), chain),
            config=config,
            overwrite=overwrite,
            resume=resume,
        ) as writer,
        shown_progress("importing", len(found.steps), shown=progress) as advance,
    ):
        present = _present(writer, found)
        try:
            for number, layer_rows in found.steps.items():
                if number not in present:
                    chosen = {name: probe.of(layer) for name, layer in layer_rows.items()}
                    _write(writer, number, chosen, (metrics or {}).get(number, {}), nonfinite)
                advance()
        except BaseException:
            if not writer.steps_written:  # a run without a step is of no use to anybody
                remove_run(writer.path)
            raise
    return open_archive(to)


def inputs_of(rows: str, x: object, inputs: object) -> tuple[str | None, object]:
    """The word for what X is at a row, and the inputs.

    Raises:
        InputError: inputs twice, or a word that is none.
    """
    if not isinstance(x, str):
        if x is not None and inputs is not None:
            raise InputError("x= and inputs= both hold inputs: give one of them, or x= as a word")
        return None, inputs if x is None else x
    if rows == "sample":
        words = sorted({word for kind in X_NAMES.values() for word in kind})
        raise InputError(
            f"x={x!r}: expected the inputs, an array (n, ...); words such as {words} are for "
            "rows='token'"
        )
    return x, inputs


def verify(found: Import, model: Any, inputs: object) -> None:  # Any: a module
    """Hold the last step against the network that gave it.

    See `infoplane.hooks.verifying.verify`.
    """
    from infoplane.hooks.verifying.verify import require_same

    require_same(model, inputs, list(found.steps.values())[-1])


def plan_import(arrays: Any, *, step: int = 0, layers: Sequence[str] | None = None) -> Import:
    """Settle which arrays are which layers of which step, and check that they fit together.

    Raises:
        InputError: see `from_arrays`.
    """
    by_step = _by_step(arrays, step)
    steps: dict[int, dict[str, Rows]] = {}
    left_out: dict[str, None] = {}
    for number, source in by_step.items():
        found, by_tool = layers_of(source)
        chosen = _chosen(found, layers)
        if by_tool:
            chosen, others = _of_common_rows(chosen)
            left_out |= dict.fromkeys(others)
        where = f"step {number}, " if len(by_step) > 1 else ""
        steps[number] = {k: as_rows(a, f"{where}layer {k!r}") for k, a in chosen.items()}
    _check_pairing(steps)
    return Import(steps, tuple(left_out))


def _by_step(arrays: Any, step: int) -> dict[int, Any]:
    if not isinstance(arrays, Mapping) or not arrays:
        return {_step(step): arrays}
    whole = [_is_whole(key) for key in arrays]
    if not any(whole):
        return {_step(step): arrays}
    if not all(whole):
        raise InputError("expected steps or layers as keys, got both; give {step: {layer: array}}")
    return {_step(key): arrays[key] for key in sorted(arrays, key=int)}


def _step(step: object) -> int:
    if not _is_whole(step) or int(step) < 0:
        raise InputError(f"a step is a whole number of 0 or more, got {step!r}")
    return int(step)


def _is_whole(value: object) -> TypeGuard[SupportsIndex]:
    """Whether it is an integer of any library."""
    return isinstance(value, SupportsIndex) and not isinstance(value, bool)


def _chosen(found: dict[str, Any], layers: Sequence[str] | None) -> dict[str, Any]:
    """The layers asked for, in the order in which they are asked for."""
    if layers is None:
        return found
    names: dict[str, None] = {}
    for pattern in [layers] if isinstance(layers, str) else layers:
        matches = [name for name in found if name == pattern or fits(name, pattern)]
        if not matches:
            raise InputError(
                f"no layer {pattern!r}; there are {list(found)[:20]}{did_you_mean(pattern, found)}"
            )
        names |= dict.fromkeys(matches)
    return {name: found[name] for name in names}


def _of_common_rows(found: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The arrays of as many rows as most have: caches of tools also hold masks and positions."""
    sizes = [array.shape[0] for array in found.values() if len(array.shape) > 1]
    if not sizes:
        raise InputError("expected arrays of shape (rows, units), got none")
    n = max(set(sizes), key=sizes.count)
    kept = {k: a for k, a in found.items() if len(a.shape) > 1 and a.shape[0] == n}
    others = [f"{k} of shape {tuple(a.shape)}" for k, a in found.items() if k not in kept]
    return kept, others


def _check_pairing(steps: Mapping[int, Mapping[str, Rows]]) -> None:
    first_step, first = next(iter(steps.items()))
    sizes = {name: rows.shape[0] for name, rows in first.items()}
    if len(set(sizes.values())) != 1:
        raise InputError(f"layers need the same rows, got {dict(list(sizes.items())[:8])}")
    for step, layers in steps.items():
        if absent := sorted(set(first) ^ set(layers)):
            raise InputError(
                f"step {step} and step {first_step} do not hold the same layers: {absent[:8]} is "
                "only in one of them; choose by layers=[...]"
            )
        for name, rows in layers.items():
            if rows.shape != first[name].shape or rows.store_dtype != first[name].store_dtype:
                raise InputError(
                    f"layer {name!r} is {rows.shape} {rows.own_dtype} at step {step} and "
                    f"{first[name].shape} {first[name].own_dtype} at step {first_step}; a layer "
                    "keeps its rows and units over training"
                )


def _present(writer: RunWriter, found: Import) -> frozenset[int]:
    """The steps that are there already, which is said.

    Raises:
        InputError: a new step lies before one that is there.
    """
    present = frozenset(writer.steps_written) & frozenset(found.steps)
    last = max(writer.steps_written, default=-1)
    if early := [step for step in found.steps if step < last and step not in present]:
        raise InputError(
            f"{writer.path} holds step {last}, and steps {early[:8]} come before it: steps are "
            "written in order; import anew with overwrite=True"
        )
    if present:
        say(f"{writer.path}: {len(present)} steps are there and are not read again")
    return present


def _info(name: str, rows: LayerRows) -> LayerInfo:
    shape = rows.shape[1:]
    return LayerInfo(name, 0, "array", shape, shape, rows.own_dtype, rows.store_dtype.name)


def _write(
    writer: RunWriter,
    step: int,
    layers: Mapping[str, LayerRows],
    metrics: Mapping[str, float],
    nonfinite: str,
) -> None:
    with writer.step(step, metrics=metrics, meta={"source": "arrays"}) as shard:
        for name, rows in layers.items():
            for block in rows.blocks():
                shard.append(name, block, torch_dtype=rows.own_dtype)
                if nonfinite == "refuse" and name in shard.nonfinite:
                    raise InputError(
                        f"{rows.name}: holds NaN or infinity at step {step}; mend the rows, or "
                        "give nonfinite='keep': such a layer is stored and not measured"
                    )
