"""Judge a plane by the data processing inequality.

And report the cause of each apparent violation.
"""
