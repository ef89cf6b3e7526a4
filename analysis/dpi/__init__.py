"""Judge a plane by the data processing inequality.

Each apparent violation is reported with its cause.
"""
