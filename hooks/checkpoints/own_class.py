"""Checkpoints of transformers whose stored names are not those of the network's modules."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def read_by_own_class(model: nn.Module, folder: Path) -> dict[str, Tensor] | None:
    """Read a folder of `save_pretrained` by the class of the network, under the names of its keys.

    transformers stores some architectures (Swin, mixtures of experts) under the names that they had
    in earlier releases. Only the class of the model knows the way back.

    Args:
        model: the network that the checkpoint is for; not changed.
        folder: with a configuration and the weights.

    Returns:
        The state dict; None where the network is no model of transformers, or where a key is
        missing, unexpected or of another shape.
    """
    transformers = sys.modules.get("transformers")
    if transformers is None or not isinstance(model, transformers.PreTrainedModel):
        return None
    own: Any = type(model)
    try:
        with torch.random.fork_rng(devices=[]), _quiet(transformers.utils.logging):
            read, report = own.from_pretrained(
                folder, config=model.config, local_files_only=True, output_loading_info=True
            )
    except (OSError, RuntimeError, TypeError, ValueError):
        return None
    differ = any(report[what] for what in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return None if differ else dict(read.state_dict())


@contextmanager
def _quiet(logging: Any) -> Iterator[None]:  # Any: the module of transformers
    """Print no bar and no report while weights are read: what they lack is checked here."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
