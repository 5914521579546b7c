"""Names are looked up by the machine's own means, and nothing else in a worker waits for that."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# What every worker does before it runs; then, instead of running, it looks up one name.
WORKER = """
import socket, sys, time, types
import chassis

pause, known = time.sleep, socket.getaddrinfo

def slow(*_, **__):
    pause(0.5)
    return known("127.0.0.1", 25)

def run(*_):
    import eventlet
    asking, turns = eventlet.spawn(socket.getaddrinfo, "mail.example", 25), 0
    while not asking.dead:
        eventlet.sleep(0.01)
        turns += 1
    print(asking.wait()[0][4][0], turns, "dns" in sys.modules)

socket.getaddrinfo = slow
chassis.worker = types.SimpleNamespace(run=run)
from chassis import cli
cli.settings = lambda _: None
{wrong}
cli._worker("intake", None)
"""


def looked_up(wrong: str = "") -> tuple[str, int, str]:
    """The address, how often others had their turn meanwhile, and whether dnspython is loaded."""
    command = [sys.executable, "-c", WORKER.format(wrong=wrong)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    address, turns, loaded = said.split()
    return address, int(turns), loaded


def test_a_slow_look_up_keeps_nobody_else_waiting():
    address, turns, loaded = looked_up()

    assert (address, loaded) == ("127.0.0.1", "False")
    assert turns > 5


def test_one_in_the_workers_own_thread_would():
    _, turns, _ = looked_up("cli.partial = lambda _, ask: ask")

    assert turns <= 2
