"""Recurrent layers and cells, and the choice of which steps to pass on."""
