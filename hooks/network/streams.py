"""Random generators that a network owns."""

from __future__ import annotations

import pickle
import random
from typing import Any

import numpy as np
import torch

STREAMS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
Stream = torch.Generator | np.random.Generator | np.random.RandomState | random.Random


class SavedStream:
    """A random generator that a network owns: where its stream stands."""

    def __init__(self, live: Stream, name: str) -> None:
        self._live, self._name, self._before = live, name, _position(live)

    def put_back(self) -> list[str]:
        if pickle.dumps(_position(self._live)) == pickle.dumps(self._before):
            return []
        if isinstance(self._live, torch.Generator):
            self._live.set_state(self._before)
        elif isinstance(self._live, np.random.Generator):
            self._live.bit_generator.state = self._before
        elif isinstance(self._live, np.random.RandomState):
            self._live.set_state(self._before)
        else:
            self._live.setstate(self._before)
        return [self._name]


def _position(stream: Stream) -> Any:  # Any: every library has its own form
    if isinstance(stream, torch.Generator):
        return stream.get_state()
    if isinstance(stream, np.random.Generator):
        return stream.bit_generator.state
    return stream.get_state() if isinstance(stream, np.random.RandomState) else stream.getstate()
