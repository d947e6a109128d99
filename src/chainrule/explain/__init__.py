"""Looking inside: every value and every derivative of a computation, drawn and stepped.

Beside the road, above everything that computes: it reads graphs, and nothing reads it.

- ``entrance``: ``explain``, the function.
- ``explanation``: what ``explain`` answers: text, drawing, page.
- ``layers``: z, a, δ, ∇W and ∇b of a network's layers.
- ``primitives``: all primitives and their backward rules on one page.
- ``sums``, ``differences``: the numbers: chain-rule sums, finite differences.
- ``naming``, ``notation``, ``numerals``, ``wording``: how they are said.
- ``layout``, ``drawing``, ``text``, ``page``: where they are shown.
"""

from .entrance import explain as explain
