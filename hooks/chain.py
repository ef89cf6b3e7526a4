"""The interchange test: which layers screen the input off from which, found on the live network with hooks alone.

Module order does not tell it (skip connections, branches, pooled views). The network runs on other inputs x' while layer i is made to
return what it returned for x. Then for every layer j: its output equals that for x: i **cuts** X from j; it equals that for x':
there is **no path** from i to j; anything between: **partial**, i is bypassed. L layers cost L + 2 forwards on a few rows.

A network with noise is run with the random streams re-seeded at the moment layer i fires. If layer j, given Z_i, still depends on the noise
drawn before that moment, both **share noise** (a tied dropout mask) and the pair is no Markov chain. Batch statistics in training mode are
noise of this kind too: they are found by changing the other rows of the batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from infoplane.errors import InputError, UnsupportedOutput
from infoplane.hooks.focus import Focus, WholeSamples
from infoplane.hooks.isolate import Mode, device_of, isolated, seed_all, unwrap
from infoplane.hooks.layers import Layers, survey, tensor_of
from infoplane.hooks.outputs import put
from infoplane.hooks.probe import Forward, Inputs, Probe, call, make_probe
from infoplane.hooks.sites import Site, attached
from infoplane.types import Chain, Relation

Values = dict[str, Tensor]
_BEFORE, _OTHER, _AFTER = 11, 12, 13  # seeds: before the site fires, another one, from the site on


class _Bench:
    """The network on its small set of rows, run with or without an interchange."""

    def __init__(
        self, model: nn.Module, sites: Sequence[Site], forward: Forward | None, focus: Focus
    ) -> None:
        self.model, self.sites, self.forward, self.focus = model, sites, forward, focus

    def run(
        self, inputs: Inputs, seed: int, patch: tuple[Site, Tensor | None] | None = None
    ) -> Values:
        """All site values (clones) on ``inputs``; with ``patch``, that site returns the given tensor (None: its own) and the noise restarts there."""
        seen: Values = {}

        def visit(site: Site, value: Any) -> Any:  # Any: layer output
            if patch is not None and site is patch[0]:
                seed_all(_AFTER)
                if patch[1] is not None:
                    own = tensor_of(site, value)
                    new = self.focus.put(site, own.detach(), patch[1])
                    new = new.movedim(0, site.axis) if site.axis else new
                    seen[site.name] = patch[1].clone()
                    return put(
                        value, site.select, new.clone()
                    )  # a clone: the network may overwrite it in place
            seen[site.name] = self.focus.look(site, tensor_of(site, value).detach()).clone()
            return None

        seed_all(seed)
        with attached(self.sites, visit) as next_forward:
            call(self.model, inputs, self.forward)
            next_forward()
        return seen


def _same(a: Tensor, b: Tensor, tolerance: float) -> bool:
    """Whether two values of a layer are equal, up to ``tolerance`` times the largest finite magnitude; an infinity or NaN equals itself only."""
    if a is b or (
        a.dtype == b.dtype and torch.equal(a, b)
    ):  # nearly all that are the same are so to the last bit
        return True
    if a.shape != b.shape or not a.numel():
        return a.shape == b.shape
    a, b = a.double(), b.double()
    scale = float(torch.maximum(a.abs().max(), b.abs().max()))
    if not math.isfinite(scale):
        apart = (a != b) & ~(a.isnan() & b.isnan())
        scale = float(torch.stack([a, b]).nan_to_num(0.0, 0.0, 0.0).abs().max())
        a, b = a[apart], b[apart]
    return bool(((a - b).abs() <= tolerance * max(scale, 1e-30)).all())


def certify(
    model: nn.Module,
    probe: Probe,
    sites: Sequence[Site],
    *,
    mode: Mode = "eval",
    autocast: torch.dtype | None = None,
    rows: int = 8,
    tolerance: float = 1e-5,
    forward: Forward | None = None,
    focus: Focus | None = None,
) -> Chain:
    """The `Chain` of these sites. Never fails: what cannot be tested is ``unknown``, and ``reason`` says why.

    Args:
        rows: probe rows to use; half of them are x, the other half x'.
        focus: what a row is; whole samples when left out.
    """
    focus = WholeSamples() if focus is None else focus
    names = tuple(site.name for site in sites)
    versions = {"torch": torch.__version__, "mode": mode}
    unknown: tuple[tuple[Relation, ...], ...] = tuple(
        tuple("unknown" for _ in names) for _ in names
    )
    if probe.n < 2:
        return Chain(
            names,
            unknown,
            tolerance,
            probe.n,
            reason="the interchange test needs at least two probe rows",
            versions=versions,
        )
    device = device_of(model)
    first, second = focus.sets(probe, rows)
    try:
        with isolated(model, mode=mode, seed=_BEFORE, autocast=autocast, device=device):
            x, other = (next(p.batches(p.n, device))[1] for p in (first, second))
            matrix, shared, reason = _matrix(
                _Bench(model, sites, forward, focus), x, other, tolerance, mode
            )
    except (
        Exception
    ) as error:  # a network that cannot run on a few rows still trains; the certificate says so
        return Chain(
            names,
            unknown,
            tolerance,
            first.n,
            reason=f"the interchange test failed: {type(error).__name__}: {error}",
            versions=versions,
        )
    return Chain(names, matrix, tolerance, first.n, tuple(shared), reason, versions)


def _matrix(
    bench: _Bench, x: Inputs, other: Inputs, tolerance: float, mode: Mode
) -> tuple[tuple[tuple[Relation, ...], ...], list[tuple[str, str]], str]:
    sites = bench.sites
    plain, far, again = bench.run(x, _BEFORE), bench.run(other, _BEFORE), bench.run(x, _OTHER)
    random = {s.name for s in sites if not _same(plain[s.name], again[s.name], tolerance)}
    noisy = bool(random)
    blind = [s.name for s in sites if _same(plain[s.name], far[s.name], tolerance)]
    coupled = _coupled(bench, x, other, plain, tolerance) if mode != "eval" else set()
    shared: list[tuple[str, str]] = []
    reasons = [f"{blind} gave the same output for all test rows" if blind else ""]
    matrix: list[tuple[Relation, ...]] = []
    for site in sites:
        try:
            row, found = _row(
                bench,
                site,
                x,
                other,
                plain=plain,
                far=far,
                noisy=noisy,
                random=random,
                coupled=coupled,
                tolerance=tolerance,
            )
        except UnsupportedOutput as error:
            row, found = tuple("unknown" for _ in sites), []
            reasons.append(f"{site.name}: {error}")
        matrix.append(
            tuple("unknown" if s.name in blind and s is not site else r for s, r in zip(sites, row))
        )
        shared += found
    return tuple(matrix), shared, "; ".join(r for r in reasons if r)


def _row(
    bench: _Bench,
    site: Site,
    x: Inputs,
    other: Inputs,
    *,
    plain: Values,
    far: Values,
    noisy: bool,
    random: set[str],
    coupled: set[str],
    tolerance: float,
) -> tuple[tuple[Relation, ...], list[tuple[str, str]]]:
    """Relations of one site to all sites, and the pairs in which it shares noise."""
    z = plain[site.name]
    near = (
        bench.run(x, _BEFORE, (site, z)) if noisy else plain
    )  # the references carry the noise that restarts at the site
    away = bench.run(other, _BEFORE, (site, None)) if noisy else far
    swapped = bench.run(other, _BEFORE, (site, z))
    redrawn = (
        bench.run(x, _OTHER, (site, z)) if site.name in random else near
    )  # a site without noise shares none
    mixed = (
        bench.run(_half(x, other), _BEFORE, (site, _half_tensor(z, far[site.name])))
        if site.name in coupled
        else None
    )
    half = max(1, len(z) // 2)
    row: list[Relation] = []
    shared = []
    for s in bench.sites:
        if s is site or _same(swapped[s.name], near[s.name], tolerance):
            row.append("cut")
        else:
            row.append("no-path" if _same(swapped[s.name], away[s.name], tolerance) else "partial")
        depends = row[-1] != "no-path" and s is not site
        if (depends and not _same(redrawn[s.name], near[s.name], tolerance)) or (
            depends
            and mixed is not None
            and not _same(mixed[s.name][:half], near[s.name][:half], tolerance)
        ):
            shared.append((site.name, s.name))
    return tuple(row), shared


def _half_tensor(a: Tensor, b: Tensor) -> Tensor:
    half = max(1, len(a) // 2)
    return torch.cat([a[:half], b[half:]])


def _half(a: Inputs, b: Inputs) -> Inputs:
    """The first half of the rows of ``a``, the second half of ``b``."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return _half_tensor(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return {k: _half_tensor(v, b[k]) for k, v in a.items()}
    return tuple(_half_tensor(v, w) for v, w in zip(a, b))


def _coupled(bench: _Bench, x: Inputs, other: Inputs, plain: Values, tolerance: float) -> set[str]:
    """Sites whose rows depend on the other rows of the batch (batch statistics)."""
    mixed = bench.run(_half(x, other), _BEFORE)
    return {
        s.name
        for s in bench.sites
        if not _same(
            mixed[s.name][: max(1, len(plain[s.name]) // 2)],
            plain[s.name][: max(1, len(plain[s.name]) // 2)],
            tolerance,
        )
    }


def interchange(
    model: nn.Module,
    probe: object,
    layers: Layers = "auto",
    *,
    rows: int = 8,
    mode: Mode = "eval",
    forward: Forward | None = None,
) -> Chain:
    """The chain certificate of a network, without recording anything.

    Args:
        model: any module; wrappers are taken off.
        probe: inputs, see `infoplane.hooks.probe.make_probe`.
        layers: as for the recorder.

    Raises:
        InputError: fewer than two rows.
    """
    bare, rows_probe = unwrap(model), make_probe(probe)
    if rows_probe.n < 2:
        raise InputError(f"the interchange test needs at least two probe rows, got {rows_probe.n}")
    few = rows_probe.take(slice(0, min(4, rows_probe.n)))
    with isolated(bare, mode=mode, seed=_BEFORE, autocast=None, device=device_of(bare)):
        found = survey(
            bare, layers, next(few.batches(few.n, device_of(bare)))[1], few.n, forward=forward
        )
    return certify(bare, rows_probe, found.sites, mode=mode, rows=rows, forward=forward)
