"""What a row of a run is: a sample, a position inside a sample, a node.

And which layers have such rows.
"""
