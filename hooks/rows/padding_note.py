"""What a run of whole samples says where its layers are stored with their padding."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from infoplane.errors import InputError
from infoplane.hooks.network.sites import Site
from infoplane.hooks.reduce import Custom, over_positions
from infoplane.positions.masks import Arrays, mask_of, sequence_inputs

_SHOWN = 3


def padding_notes(
    arrays: Arrays, specs: Mapping[Site, str | Custom | None], mask: object
) -> list[str]:
    """Return a note on the layers whose rows hold padded positions, for each input with a mask.

    Args:
        arrays: the probe's inputs by name, samples first.
        specs: the reduction of each layer; what a function of the user's keeps is not known.
        mask: as the `Recorder` takes it.
    """
    whole = []
    for site, spec in specs.items():
        if len(site.raw_shape) > 1 and not callable(spec) and not over_positions(spec):
            whole.append(site)
    notes = []
    for key in sequence_inputs(arrays) if whole else ():
        n, positions = arrays[key].shape[:2]
        with suppress(InputError):  # a mask of another form: it says nothing of positions
            name, valid = mask_of(arrays, key, (n, positions), mask)
            layers = [site.name for site in whole if site.raw_shape[0] == positions]
            if layers and not valid.all():
                notes.append(_note(layers, str(name), int((~valid).sum()), n * positions))
    return list(dict.fromkeys(notes))


def _note(layers: list[str], mask: str, padded: int, positions: int) -> str:
    more = f" and {len(layers) - _SHOWN} more" if len(layers) > _SHOWN else ""
    return (
        f"{', '.join(layers[:_SHOWN])}{more}: rows hold all positions, padding too ({mask} marks "
        f"{padded} of {positions} as padding); reduce='token:mean' (or token:cls, token:last) "
        "leaves padding out"
    )
