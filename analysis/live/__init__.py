"""The live page of a running training.

A small read-only server on this machine, and the run it follows.
"""
