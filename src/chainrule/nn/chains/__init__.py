"""Linear chains: labels in a row, each depending on the one before."""
