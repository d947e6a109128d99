"""The same work in chainrule and its peers, side by side: ``python -m benchmarks``."""
