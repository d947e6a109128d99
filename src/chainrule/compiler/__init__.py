"""From a Python function to a program: trace, passes, program, engine.

``trace`` records a graph, ``pipeline`` is the ordered list of passes over it,
``program`` is the plan that an engine runs, ``verify`` is the grammar of graphs, and
``compile`` ties them together behind ``cr.compile``.
"""
