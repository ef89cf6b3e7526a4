"""The field's headline results, each by one command: `infoplane replicate NAME`.

One file per paper: a function under `claim` trains (`training`, `runs`), measures and reads curves
(`curves`), and concludes (`evidence`), by the names below. A new paper is a file and its name in
`frame`.
"""

from infoplane.replications.curves import (
    bits_of,
    curves_of,
    difference_in_errors,
    drops,
    drops_of_layers,
    fall,
    final_bits,
    mean_drops,
    plane_from,
    planes_of,
)
from infoplane.replications.evidence import (
    Numbers,
    conclude,
    figure_file,
    lines_picture,
    number_list,
    over_training,
    plane_picture,
    verdict_text,
)
from infoplane.replications.frame import Claim, Context, Result, claim, claims, replicate
from infoplane.replications.runs import ACTS, CHECKPOINTS, EPOCHS, szt_runs
from infoplane.replications.training import (
    Task,
    accuracies,
    classified,
    recorder,
    stored_run,
    update,
)

__all__ = [
    "ACTS",
    "CHECKPOINTS",
    "EPOCHS",
    "Claim",
    "Context",
    "Numbers",
    "Result",
    "Task",
    "accuracies",
    "bits_of",
    "claim",
    "claims",
    "classified",
    "conclude",
    "curves_of",
    "difference_in_errors",
    "drops",
    "drops_of_layers",
    "fall",
    "figure_file",
    "final_bits",
    "lines_picture",
    "mean_drops",
    "number_list",
    "over_training",
    "plane_from",
    "plane_picture",
    "planes_of",
    "recorder",
    "replicate",
    "stored_run",
    "szt_runs",
    "update",
    "verdict_text",
]
