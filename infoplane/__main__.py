"""`python -m infoplane` and the `infoplane` command."""

from __future__ import annotations


def main() -> None:
    """Run the command line interface."""
    from infoplane.cli import app

    app()


if __name__ == "__main__":
    main()
