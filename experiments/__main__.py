"""``python -m experiments NAME`` is ``chainrule experiment NAME``."""

import sys

from chainrule.cli.application import application

application.main(["experiment", *sys.argv[1:]])
