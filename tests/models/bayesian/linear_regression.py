"""Bayesian linear regression, y ~ N(wᵀx + b, 1/β) with w, b ~ N(0, s²), whose posterior
is known: what the methods of this folder are compared with.
"""

from __future__ import annotations

import numpy as np

RNG = np.random.default_rng(3)
N, D, BETA, S = 60, 3, 4.0, 0.7
X = RNG.normal(size=(N, D)) @ np.array([[1.0, 0.8, 0.0], [0.0, 0.6, 0.0], [0, 0, 1.5]])
Y = X @ [0.5, -1.0, 0.25] + 0.1 + RNG.normal(size=N) / np.sqrt(BETA)
DESIGN = np.column_stack([X, np.ones(N)])
PRECISION = BETA * DESIGN.T @ DESIGN + np.eye(D + 1) / S**2
COVARIANCE = np.linalg.inv(PRECISION)
MEAN = BETA * COVARIANCE @ DESIGN.T @ Y
NEW = RNG.normal(size=(5, D)) * 3.0
NEW_DESIGN = np.column_stack([NEW, np.ones(5)])
