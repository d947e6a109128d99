"""One table a package: names of other libraries, and what to write here instead."""
