"""The command ``chainrule``: train, tune, predict, evaluate, runs, explain and more.

Place on the road: the top. It calls the public names of the package and must not do
their work: what a run is stands in ``runs``. One file a command; beside them:

==================  ===============================================================
``application``     the group of commands; what a mistake looks like, exit codes
``options``         the options of all commands that train
``arguments``       the kinds of values that options take
``terminal``        what is printed, and where
``rows``            what is said of the rows of a file, as CSV
``outcome``         what is said of a run that was trained
``progress``        a bar, and a few lines that stay
==================  ===============================================================

Exit codes: 0 done; 1 a bug, or ``doctor`` found a fault; 2 wrong use, with one sentence
that says what was wrong; 130 stopped with Ctrl-C, everything kept.
"""


def main() -> None:
    """Run the command line of this process, and leave with its exit code."""
    from .application import application

    application.main(prog_name="chainrule")
