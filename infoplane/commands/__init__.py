"""One file per command, named like it.

Each is imported by `infoplane.cli` and imports the heavy rooms only inside its functions.
"""
