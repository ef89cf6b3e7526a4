"""What a row of a run is: a sample, a position inside a sample, a node; and which layers have such rows."""
