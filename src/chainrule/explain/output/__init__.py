"""How an explanation is shown: plain text, a drawing as SVG, a page."""
