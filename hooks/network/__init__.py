"""The live network: hooks on it, what its layers give, and everything put back as it was."""
