"""Questions that are asked of a whole run: phases, sensitivity, mechanism, drift, comparisons."""
