"""Prints the part of requirements.lock that a running service needs, hashes and all.

    python runtime_lock.py FOLDER [NAME...]      with NAMEs: these packages and theirs instead

There is one lock. The image leaves out what only the embedded run and the tests use (a database
server, a gateway, type checkers): an entry stays when requirements.in names it above the heading
`# the embedded run`, or when the lock says that something that stays asked for it ("via").
Standard library only, as it runs before anything is installed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

END_OF_RUNTIME = "# the embedded run"
NAME = re.compile(r"^([A-Za-z0-9._-]+)", re.MULTILINE)


def normal(name: str) -> str:
    """The one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def roots(requirements: str) -> set[str]:
    """The names that stand above the heading."""
    runtime, heading, _ = requirements.partition(END_OF_RUNTIME)
    if not heading:
        raise SystemExit(f"requirements.in has no heading {END_OF_RUNTIME!r}")
    lines = (line for line in runtime.splitlines() if not line.lstrip().startswith("#"))
    return {normal(found[0]) for line in lines if (found := NAME.match(line))}


def entries(lock: str) -> list[tuple[str, set[str], str]]:
    """(name, who asked for it, its text) of every pin; one name may have several, by marker."""
    found = []
    for text in re.split(r"\n(?=[A-Za-z0-9])", lock):
        if not (name := NAME.match(text)):
            continue
        via = re.findall(r"^ +# +(?:via +)?([A-Za-z0-9._-]+)$", text, re.MULTILINE)
        found.append((normal(name[0]), {normal(v) for v in via if v != "via"}, text.rstrip()))
    return found


def part(lock: str, wanted: set[str]) -> str:
    """The lock of `wanted` and of what these ask for."""
    keep, pins = set(wanted), entries(lock)
    if unknown := keep - {name for name, _, _ in pins}:
        raise SystemExit(f"not in requirements.lock: {', '.join(sorted(unknown))}")
    while more := {name for name, via, _ in pins if via & keep} - keep:
        keep |= more
    return "\n".join(text for name, _, text in pins if name in keep) + "\n"


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    named = {normal(name) for name in sys.argv[2:]}
    wanted = named or roots((folder / "requirements.in").read_text())
    print(part((folder / "requirements.lock").read_text(), wanted), end="")
