"""`./lapor bench [PART ...] [--quick] [--flames FOLDER]`: floor and ours in the same run, as tables
for docs/speed.md. Parts: `way`, `submit`, `bus`, `growth`, `feed`, `proof`; all unless some are
named.

Alone on the machine, or the numbers mean nothing: the load average is printed first.
"""

import argparse
import os
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path

import psutil

from bench import bus, feed, flames, growth, proof, submit, way
from deploy.local.environment import STATE
from deploy.local.system import System

AS_IN_SERVICE = {"LOG_LEVEL": "WARNING", "MAILBOX_LIMIT": "20"}
SIGNALEN = 8.5  # complaints per second that another open system handles whole on two such cores


def main() -> int:
    """Starts a system of its own, measures, prints, and stops it."""
    parser = argparse.ArgumentParser(prog="./lapor bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART")
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--flames", type=Path, help="a folder for the workers' flame graphs")
    words = parser.parse_args()
    print(f"load average before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores", flush=True)
    told: list[str] = []
    for part in words.parts or PARTS:
        print(part, flush=True)
        told += ["", f"### {TITLES[part]}", "", *_measured(part, words)]
    print(*told, sep="\n")
    return 0


def _measured(part: str, words: argparse.Namespace) -> list[str]:
    """One part, on a system of its own."""
    folder = STATE / "bench"
    shutil.rmtree(folder, ignore_errors=True)
    with System(folder, movable_clock=False, extra=AS_IN_SERVICE) as system:
        lines = PARTS[part](system, words)
    shutil.rmtree(folder, ignore_errors=True)
    return lines


def _way(system: System, words: argparse.Namespace) -> list[str]:
    seconds, rates = (6, (2, 20, 50)) if words.quick else (20, (2, 20, 50, 100))
    lines = way.run(system, rates, seconds)
    watching = flames.of_workers(system, words.flames) if words.flames else nullcontext()
    with watching:
        count = 300 if words.quick else 2000
        whole, cost = way.heap(system, count)
    shares = ", ".join(f"{name} {ms:.1f}" for name, ms in cost.items())
    filled = _memory(system)
    rooms = ", ".join(f"{name} {mb:.0f}" for name, mb in filled.items())
    said = f"{whole:.0f} reports/s, {whole / SIGNALEN:.1f} times Signalen's rate"
    return [
        *lines,
        "",
        f"A heap of {count:,} is worked off at {said}. A report costs {sum(cost.values()):.1f} ms"
        f" of CPU in all ({shares}). The whole system then fills {sum(filled.values()):,.0f} MB"
        f" (proportional set size: {rooms}).",
    ]


def _submit(system: System, words: argparse.Namespace) -> list[str]:
    return submit.run(system, *((3, 1) if words.quick else (10, 3)))


def _bus(system: System, words: argparse.Namespace) -> list[str]:
    return bus.run(system, *((2_000, 1) if words.quick else (10_000, 3)))


def _growth(system: System, words: argparse.Namespace) -> list[str]:
    sizes = (1_000, 10_000) if words.quick else (1_000, 100_000, 1_000_000, 3_000_000)
    return growth.run(system, sizes)


def _memory(system: System) -> dict[str, float]:
    """Megabytes of each process and its children; what several share is counted once."""
    found = {}
    for process in system.processes():
        one = psutil.Process(process.pid)
        family = (one, *one.children(recursive=True))
        found[process.name] = sum(member.memory_full_info().pss for member in family) / 1e6
    return found


def _feed(system: System, words: argparse.Namespace) -> list[str]:
    return feed.run(system, *((10_000, 1) if words.quick else (100_000, 3)))


def _proof(system: System, words: argparse.Namespace) -> list[str]:
    return proof.run(system, 10_000 if words.quick else 100_000)


PARTS = {
    "way": _way,
    "submit": _submit,
    "bus": _bus,
    "growth": _growth,
    "feed": _feed,
    "proof": _proof,
}
TITLES = {
    "way": "The whole way",
    "submit": "Accepting",
    "bus": "The bus",
    "feed": "The Ombudsman's feed",
    "proof": "Checking the feed",
    "growth": "When much is stored",
}

if __name__ == "__main__":
    sys.exit(main())
