"""Bayesian networks: what outputs mean, what weights are expected to be, and what is
known of them once data have been seen.

Place on the road: part of ``models``. In the order of reading: ``likelihoods`` and
``priors``, ``weights`` (a network at other weights than its own), ``prediction`` (how
sure), ``posterior`` (the one interface), then one method a file.
"""
