"""What is shown on a terminal: nothing that others wrote can steer it."""

import sys


def shown(text):
    """The text with whatever is not printable spelled out: control characters, what turns the
    direction of writing, halves of characters."""
    return "".join(one if one.isprintable() else _spelled(one) for one in str(text))


def say(text, file=None):
    """Prints one line, at once."""
    print(shown(text), file=file or sys.stdout, flush=True)


def warn(text):
    """Prints one line where errors stand."""
    say(text, sys.stderr)


def _spelled(character):
    return character.encode("unicode_escape").decode()
