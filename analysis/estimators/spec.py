"""Spec strings: `bin:szt`, `kde:variance=0.001`, `ksg:k=5` ...

They name an estimator in files, legends, logs and on the command line.
"""

from __future__ import annotations

import importlib
from dataclasses import MISSING, fields
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from infoplane.contract import NO_PROMISES, Estimator, Traits
from infoplane.errors import SpecError
from infoplane.patterns import did_you_mean
from infoplane.user_warning import warn_user

_HERE = "infoplane.analysis.estimators"
FAMILIES: dict[str, str] = {
    "bin": f"{_HERE}.binned:Binned",
    "exact": f"{_HERE}.exact:Exact",
    "kde": f"{_HERE}.kde:KDE",
    "plugin": f"{_HERE}.plugin:Plugin",
    "knn": f"{_HERE}.knn:Neighbours",
    "ksg": f"{_HERE}.ksg:KSG",
    "ross": f"{_HERE}.ksg:Ross",
    "mixed": f"{_HERE}.ksg:MixedKSG",
    "gauss": f"{_HERE}.gaussian:Gaussian",
    "noisy": f"{_HERE}.noisy:NoisyChannel",
    "sliced": f"{_HERE}.sliced:Sliced",
    "infonce": f"{_HERE}.neural:InfoNCE",
    "nwj": f"{_HERE}.neural:NWJ",
    "mine": f"{_HERE}.neural:MINE",
    "smile": f"{_HERE}.neural:SMILE",
    "ratio": f"{_HERE}.neural:DensityRatio",
    "wide": f"{_HERE}.wide:Wide",
    "renyi": f"{_HERE}.renyi:MatrixRenyi",
    "dse": f"{_HERE}.diffusion:DiffusionEntropy",
    "hsic": f"{_HERE}.dependence:HSIC",
    "cka": f"{_HERE}.dependence:CKA",
    "vinfo": f"{_HERE}.vinfo:VInformation",
}
"""Spec prefix -> ``module:class``.

Other packages add theirs through the entry-point group ``infoplane.estimators``.
"""


def families() -> dict[str, Any]:  # Any: classes of estimators
    """Return every estimator class by its spec prefix, those of installed plug-ins included.

    A plug-in that cannot be loaded is left out with a warning.
    """
    found = {prefix: load(target) for prefix, target in FAMILIES.items()}
    for point in entry_points(group="infoplane.estimators"):
        if point.name in found:
            continue
        try:
            found[point.name] = _load_plug_in(point)
        except SpecError as error:
            warn_user(str(error), RuntimeWarning)
    return found


def _load_plug_in(point: EntryPoint) -> Any:  # Any: a class of another package
    """Return the class that an entry point names.

    Raises:
        SpecError: its package cannot be imported, or has no such class.
    """
    try:
        return point.load()
    except Exception as error:  # whatever the code of another package raises on import
        package = f"the package {point.dist.name}" if point.dist else "its package"
        raise SpecError(
            f"the estimator {point.name!r} of {package} cannot be loaded from {point.value}: "
            f"{type(error).__name__}: {error}; mend its entry point, or uninstall the package"
        ) from error


def load(target: str) -> Any:  # Any: a class by name
    """Return the class at ``module:class``."""
    module, name = target.split(":")
    return getattr(importlib.import_module(module), name)


def family_of(prefix: str) -> Any:  # Any: a class of estimators
    """Return the estimator class of a spec prefix, installed plug-ins included.

    Raises:
        SpecError: there is none, or it is a plug-in that cannot be loaded.
    """
    if prefix in FAMILIES:
        return load(FAMILIES[prefix])
    known = {point.name: point for point in entry_points(group="infoplane.estimators")}
    if prefix in known:
        return _load_plug_in(known[prefix])
    raise SpecError(
        f"no such estimator: {prefix!r}; expected one of {', '.join([*FAMILIES, *known])} (see "
        "`infoplane estimators`)" + did_you_mean(prefix, [*FAMILIES, *known])
    )


def parse(spec: str | Estimator) -> Estimator:
    """Return the estimator that a spec names; an estimator is returned as it is.

    The form is ``family[:value][,key=value...]``; a bare first value goes to the family's main
    parameter.

    Raises:
        SpecError: unknown family, unknown parameter, or a value of the wrong type or range.

    Example:
        >>> str(parse("bin:saxe,width=0.5"))
        'bin:saxe,width=0.5'
    """
    if not isinstance(spec, str):
        if isinstance(spec, type):
            raise SpecError(f"expected an estimator, got its class: give {spec.__name__}()")
        if not isinstance(spec, Estimator):
            raise SpecError(
                "expected a spec string or an estimator (with name, traits, supports and estimate, "
                f"see docs/plugins.md), got {type(spec).__name__}"
            )
        return spec
    prefix, _, rest = spec.strip().partition(":")
    cls = family_of(prefix)
    given: dict[str, Any] = {}  # Any: ints, floats, strings, booleans
    for position, item in enumerate(part.strip() for part in rest.split(",") if part.strip()):
        key, equals, text = item.partition("=")
        if not equals:
            first = getattr(cls, "_FIRST", None)
            if position or first is None:
                raise SpecError(f"{spec!r}: expected key=value, got {item!r}")
            key = first
            text = item
        if key in given:
            raise SpecError(f"{spec!r}: {key} is given twice")
        given[key] = _value(text)
    known = {f.name: f for f in fields(cls) if f.init}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise SpecError(
            f"{spec!r}: no such parameter: {unknown}; {prefix} has "
            f"{sorted(known)}{did_you_mean(unknown[0], known)}"
        )
    try:
        return cls(**given)  # type: ignore[no-any-return]  # every family is an Estimator
    except (TypeError, ValueError) as error:
        raise SpecError(f"{spec!r}: {error}") from error


def prefix_of(spec: str | Estimator) -> str:
    """Return the family's name in a spec: ``bin`` of ``bin:szt``."""
    return str(spec).strip().partition(":")[0]


def traits_of(spec: str | Estimator) -> Traits:
    """Return the traits behind a spec.

    Those that promise nothing where no installed estimator answers to it.

    Example:
        >>> traits_of("hsic").unit, traits_of("of a package that is not installed").keeps_chain
        ('none', False)
    """
    try:
        return parse(spec).traits
    except SpecError:
        return NO_PROMISES


def _value(text: str) -> bool | int | float | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def catalogue() -> list[dict[str, str]]:
    """Return one row per family for a table.

    Name, target, bound, validity, parameters (with their defaults).
    """
    rows = []
    for prefix, cls in families().items():
        parameters = [
            f"{f.name}={f.default}" if f.default is not MISSING else f.name
            for f in fields(cls)
            if f.init and f.repr
        ]
        traits = cls.traits if isinstance(cls.traits, Traits) else cls().traits
        rows.append(
            {
                "name": prefix,
                "target": traits.target,
                "bound": traits.bound,
                "validity": traits.validity,
                "parameters": ", ".join(parameters),
            }
        )
    return rows
