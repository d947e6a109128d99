"""From a Python function to a program that an engine runs.

In the order of the road: ``compile`` is the front, what a call does; ``trace`` records
a graph; ``pipeline`` is the ordered list of ``passes`` over it, written with
``rewrite`` and ``match`` and checked by ``verify``; ``program`` is what an engine gets.
``engine``, ``cell`` and ``registry`` are the contract with engines, ``report`` and
``timing`` what ``explain`` shows.
"""
