"""`python -m infoplane` and the `infoplane` command."""

from __future__ import annotations

import gc


def main() -> None:
    """Run the command line interface."""
    gc.set_threshold(
        50_000
    )  # modules and results come to stay: looking through them after every 700 takes a twentieth of a short command's time
    from infoplane.cli import app

    try:
        app()
    finally:
        gc.freeze()  # or Python, ending, looks through all that is left for garbage: a tenth of a second, up to all of 48,000 points


if __name__ == "__main__":
    main()
