"""The modules of a network, each once, with every name that it has."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from infoplane.hooks.network.isolate import WRAPPED, clean

ROOT = "(model)"
"""What the network itself is called among its modules."""


@dataclass(frozen=True, eq=False)
class Named:
    """A module with its name and its other names."""

    name: str
    module: nn.Module
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name under which it is registered."""
        return (self.name, *self.aliases)

    def asked_as(self, name: str) -> Named:
        """Return the module under one of its names; the others become the aliases."""
        others = tuple(other for other in self.names if other != name)
        return replace(self, name=name, aliases=others)


def named_modules(model: nn.Module) -> list[Named]:
    """Return every module once, with all its names; the name parts of wrappers are removed."""
    modules: dict[int, nn.Module] = {}
    names: dict[int, list[str]] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        if any(part in module._modules for part in WRAPPED):
            continue  # a wrapper: its network comes next, under the same clean name
        modules[id(module)] = module
        known = names.setdefault(id(module), [])
        name = clean(path) or ROOT
        if name not in known:
            known.append(name)
    return [Named(names[key][0], module, tuple(names[key][1:])) for key, module in modules.items()]
