"""Speech: hidden Markov models with Gaussians or a network, CTC, and one word alone."""
