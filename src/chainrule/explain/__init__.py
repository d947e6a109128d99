"""Looking inside: every value and derivative of a computation, drawn and explained.

Beside the road, above everything that computes: it reads graphs.

- ``entrance``: ``explain``, the function.
- ``explanation``: what ``explain`` returns: text, drawing, page.
- ``layers``: z, a, δ, ∇W and ∇b of a network's layers.
- ``primitives``: all primitives and their backward rules on one page.
- ``values``: the numbers: sums of the chain rule, finite differences.
- ``words``: how they are written: names of nodes, formulas, numerals, lines.
- ``output``: where they are shown: plain text, a drawing, a page.
"""

from .entrance import explain as explain
