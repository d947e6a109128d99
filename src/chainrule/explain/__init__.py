"""Looking inside: every value and derivative of a computation, drawn and explained.

Beside the road, above everything that computes: it reads graphs.

- ``entrance``: ``explain``, the function.
- ``explanation``: what ``explain`` returns: text, drawing, page.
- ``layers``: z, a, δ, ∇W and ∇b of a network's layers.
- ``through_time``: a recurrent network step by step, with gradients back through time.
- ``primitives``: all primitives and their backward rules on one page.
- ``values``: the numbers: sums of the chain rule, finite differences.
- ``recurrence``: the same of loops, which are taken apart into their steps.
- ``words``: how they are written: names of nodes, formulas, numerals, lines.
- ``output``: where they are shown: plain text, drawings, pages; ``files``: written.
"""

from .entrance import explain as explain
