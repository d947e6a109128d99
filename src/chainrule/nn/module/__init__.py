"""``Module`` and what every layer gets from it: calls, values, files, summaries.

Place on the road: the ground floor of ``nn``. It must not know any layer.
"""

from .module import Module

__all__ = ["Module"]
