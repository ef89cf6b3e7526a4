"""Judge a plane by the data processing inequality, and report the cause of each apparent violation."""
