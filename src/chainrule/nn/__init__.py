"""Layers."""
from .linear import Linear, ReLU, Sequential
from .module import Module
