"""The command: what each does, what it prints, and what it says of every mistake."""
