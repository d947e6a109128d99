"""``python -m chainrule``: the command, where the script ``chainrule`` is not on PATH."""

from .cli import main

if __name__ == "__main__":
    main()
