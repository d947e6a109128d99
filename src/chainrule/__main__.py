"""``python -m chainrule``: the command, where no script is on PATH."""

from .cli import main

if __name__ == "__main__":
    main()
