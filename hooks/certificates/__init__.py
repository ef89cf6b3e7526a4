"""The interchange test: which layers screen the input off from which, found on the live network."""
