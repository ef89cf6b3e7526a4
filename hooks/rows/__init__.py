"""What a row of a run is: a sample, a position inside a sample, a node.

`row_plan` settles it on one network and probe, with the layers that have such rows.
"""
