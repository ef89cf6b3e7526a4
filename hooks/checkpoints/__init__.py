"""Checkpoints that a training left behind: found, read without running them, loaded.

A new format is a function and a line in the table of `formats`; which files of a folder are
checkpoints of which step is in `listing`, names of parameters are in `state_dicts`.
"""
