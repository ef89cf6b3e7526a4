"""One file per group of commands; each is imported by `infoplane.cli` and imports the heavy rooms only inside its functions."""
