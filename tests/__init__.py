"""The tests of chainrule; ``python -m tests`` runs every check there is."""
