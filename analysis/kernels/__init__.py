"""Hot loops: compiled kernels, each with its plain version as the oracle of its tests."""
