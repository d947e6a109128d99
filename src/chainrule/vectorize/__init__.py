"""A function of one example becomes a function of a batch: graph in, graph out.

In the order of reading: ``application`` (an operation to be done for all examples at
once), ``movement``, ``indices``, ``contractions`` and ``loops`` (how each primitive is
done for a batch), ``rules`` (the table of them), ``replay`` (a graph, node by node),
``transform`` (``cr.vmap``), ``per_example`` (``cr.per_example_grads``).

Place on the road: beside ``backprop``, above the primitives. It makes nodes by calling
primitives, so that what it returns has values at once, or is traced, differentiated and
compiled like anything else. It knows of no layer and no engine.
"""
