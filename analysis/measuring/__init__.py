"""Turn an archive into a plane: every layer of every checkpoint under every estimator."""
