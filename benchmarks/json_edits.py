"""Edits of a JSON tree, as somebody makes them who knows a format and looks for what its reader did
not expect.
"""

from __future__ import annotations

import copy
import random
from typing import Any

ODD: tuple[Any, ...] = (  # Any: JSON
    None,
    True,
    -1,
    0,
    1,
    3,
    2**31,
    2**63,
    10**18,
    10**30,
    1e308,
    float("nan"),
    "",
    "..",
    "a\0b",
    "/etc/passwd",
    "<f8",
    "|O",
    "x" * 40,
    [],
    {},
    [[]],
    [0],
    {"$float": "inf"},
    "lower",
    "nats",
    0.5,
    77.0,
)
"""Values of every kind, and numbers at the edge of what can be counted."""


def edit(body: Any, rng: random.Random) -> None:  # Any: JSON
    """Change one value, key or element somewhere in a JSON tree."""
    here = body
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return
        key = rng.choice(keys)
        if isinstance(here[key], (dict, list)) and here[key] and rng.random() < 0.8:
            here = here[key]
            continue
        choice = rng.randrange(4)
        if choice == 0 and isinstance(here, dict):
            del here[key]
        elif choice == 1 and isinstance(here, list):
            here.append(here[key])
        elif choice < 3 or not isinstance(body, dict):
            here[key] = copy.deepcopy(rng.choice(ODD))
        else:
            here[key] = copy.deepcopy(body[rng.choice(list(body))])
        return
