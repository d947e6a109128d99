"""Layers that normalise their inputs.

Named after what mean and variance are taken over: ``batch``, ``features`` and
``channels`` of one sample, ``local_contrast`` and ``local_response`` of a
neighbourhood; ``fixed`` are those of the training data.
"""
