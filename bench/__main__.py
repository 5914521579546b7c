"""`./lapor bench [--quick]`: floor and ours in the same run, as tables for the README.

Alone on the machine, or the numbers mean nothing: the load average is printed first.
"""

import argparse
import os
import shutil
import sys

from bench import submit, way
from deploy.local.environment import STATE
from deploy.local.system import System

SIGNALEN = 8.5  # complaints per second that another open system handles whole on two such cores


def main() -> int:
    """Starts a system of its own, measures, prints, and stops it."""
    parser = argparse.ArgumentParser(prog="./lapor bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    words = parser.parse_args()
    seconds, rounds = (3, 1) if words.quick else (10, 3)
    print(f"load average before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores", flush=True)
    folder = STATE / "bench"
    shutil.rmtree(folder, ignore_errors=True)
    extra = {"LOG_LEVEL": "WARNING"}
    with System(folder, movable_clock=False, extra=extra) as system:
        print("the whole way", flush=True)
        ways = way.run(system, (2, 20, 50) if words.quick else (2, 20, 50, 100), seconds * 2)
        whole = way.heap(system, 200 if words.quick else 1000)
        print("submitting", flush=True)
        accepted = submit.run(system, seconds, rounds)
    shutil.rmtree(folder, ignore_errors=True)
    print("\n### Accepting\n", *accepted, "\n### The whole way\n", *ways, sep="\n")
    print(f"\nA heap is worked off at {whole:.0f} reports/s ({whole / SIGNALEN:.1f} x Signalen).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
