"""`python -m infoplane` and the `infoplane` command."""

from __future__ import annotations

import gc


def main() -> None:
    """Run the command line interface."""
    gc.set_threshold(
        50_000
    )  # what is loaded stays: looking through it after every 700 objects is a twentieth of a short command
    from infoplane.cores import hold_memory

    hold_memory()
    from infoplane.cli import app

    try:
        app()
    finally:
        gc.freeze()  # or Python, ending, looks through all that is left for garbage: a tenth of a second, up to all of 48,000 points


if __name__ == "__main__":
    main()
