"""The user's network and probe, from what is typed in a shell."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from infoplane.errors import InputError

_INPUTS = ("x", "inputs", "input")
_LABELS = ("labels", "label", "y", "targets")
_PROBE_ROWS = ("split", "row_ids")


def build_model(spec: str, option: str) -> tuple[Any, Any]:  # Any: the user's network and probe
    """Import a factory and call it; return the network, and its probe or None.

    Args:
        spec: ``module:factory`` or ``path/file.py:factory``; a network that is built already is
            taken as it is.
        option: that gave it, for messages.

    Raises:
        InputError: it cannot be imported.
    """
    from torch import nn  # torch and the recorder before the user's folder is on the import path

    import infoplane.hooks.recorder  # noqa: F401

    module, _, factory = spec.rpartition(":")
    if not module or not factory:
        raise InputError(
            f"{option} expects module:factory, for example mynets:build_mlp, got {spec!r}"
        )
    try:
        with _importable(module) as name:
            made = getattr(importlib.import_module(name), factory)
            if isinstance(made, nn.Module):
                return made, None
            _require_callable_alone(made, f"{option} {spec!r}")
            built = made()
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"{option} {spec!r}: {error}; expected module:factory that can be imported from here"
        ) from error
    return built if isinstance(built, tuple) else (built, None)


def _require_callable_alone(make: object, named: str) -> None:
    """Refuse a factory that cannot be called, or needs arguments."""
    if not callable(make):
        raise InputError(f"{named}: expected a function that builds the network, got {make!r}")
    try:
        signature = inspect.signature(make)
    except ValueError:  # a builtin may have none
        return
    try:
        signature.bind()
    except TypeError as error:
        raise InputError(
            f"{named}: is called without arguments, and {error}; write a function that builds the "
            "network"
        ) from error


@contextlib.contextmanager
def _importable(module: str) -> Iterator[str]:
    """Yield the name under which a module, or a file path/module.py, can be imported meanwhile.

    Its folder comes last on the import path, so that no file there hides an installed module.
    """
    file = Path(module)
    folder, name = (file.parent, file.stem) if file.suffix == ".py" else (Path(), module)
    place = str(folder.resolve())
    sys.path.append(place)
    try:
        yield name
    finally:
        sys.path.remove(place)


def read_probe(
    path: Path, network: object
) -> tuple[object, dict[str, Any]]:  # Any: arrays of the recorder
    """Return the probe in a file, and the recorder's options in it (``split``, ``row_ids``).

    ``x`` (or ``inputs``) is the only input; other names are arguments of the network. ``y``,
    ``labels``, ``label`` or ``targets`` are the labels.

    Args:
        path: an ``.npz``, ``.npy``, ``.pt`` or ``.pth`` file.
        network: that takes the inputs.

    Raises:
        InputError: no such file, another format, nothing in it, or names that are no arguments of
            the network.
    """
    arrays = _arrays(path)
    options = {name: arrays.pop(name) for name in _PROBE_ROWS if name in arrays}
    single = next((name for name in _INPUTS if name in arrays), None)
    labels = next((name for name in _LABELS if name in arrays), None)
    if single is not None and len(arrays) == 1 + (labels is not None):
        return (arrays[single], None if labels is None else arrays[labels]), options
    if not arrays or set(arrays) == {labels}:
        raise InputError(f"{path}: holds no inputs; it has {list(arrays)}, expected x and y")
    _require_arguments(path, network, [name for name in arrays if name != labels])
    return arrays, options


def _require_arguments(path: Path, network: object, names: Sequence[str]) -> None:
    """Refuse names of arrays by which the network cannot be called."""
    from torch import nn

    if not isinstance(network, nn.Module):
        return
    try:
        signature = inspect.signature(network.forward)
        signature.bind(**dict.fromkeys(names))
    except ValueError:  # compiled code may have no signature
        return
    except TypeError as error:
        raise InputError(
            f"{path}: holds {', '.join(names)}; expected x (the inputs) and y (the labels), or the "
            f"arguments of the network's forward: {', '.join(signature.parameters)} ({error})"
        ) from error


def _of_numpy(path: Path) -> dict[str, Any]:  # Any: arrays
    with path.open("rb") as file:
        content = np.load(file, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return {"x": content}
        return {name: content[name] for name in content.files}


def _arrays(path: Path) -> dict[str, Any]:  # Any: arrays or tensors
    if not path.is_file():
        raise InputError(f"{path}: no such file (the probe)")
    if path.suffix in (".npz", ".npy"):
        try:
            return _of_numpy(path)
        except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{path}: expected arrays of numbers in a {path.suffix} file of numpy; it is "
                f"damaged, or holds objects, which are not read: {error}"
            ) from error
    if path.suffix in (".pt", ".pth"):
        from infoplane.hooks.checkpoints.formats import load_tensors

        content = load_tensors(path)
        return dict(content) if isinstance(content, dict) else {"x": content}
    ending = path.suffix or "no ending"
    raise InputError(f"{path}: expected a probe in a .npz, .npy or .pt file, got {ending!r}")
