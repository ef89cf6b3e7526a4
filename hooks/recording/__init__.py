"""One capture after another: planned, passed through the network, written beside training."""
