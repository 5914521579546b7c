"""Escalation's own commands.

verify-feed           check every entry of both streams; exit 1 and name the first that is broken
release-breaker BY    let everything fire that is due by now, after somebody (BY) has looked
"""

from __future__ import annotations

import argparse
import sys

from chassis.cli import settings, transactions
from chassis.clock import Clock
from chassis.database import Transactions
from services.escalation import breaker, feed
from services.escalation.models import STREAMS


class VerifyFeed:
    """`verify-feed`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes nothing."""

    def __call__(self, service: str, _: argparse.Namespace) -> None:
        sys.exit(verify(transactions(service)))


class ReleaseBreaker:
    """`release-breaker BY`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("by", help="who has looked: an officer's account name")

    def __call__(self, service: str, arguments: argparse.Namespace) -> None:
        with transactions(service).begin() as tx:
            breaker.release(tx, arguments.by, Clock(settings(service).clock_file).now())
        sys.stdout.write("released: what is due by now will be fired\n")


COMMANDS = {"verify-feed": VerifyFeed(), "release-breaker": ReleaseBreaker()}


def verify(db: Transactions) -> int:
    """Prints the state of each stream; 0 if all hold, else 1."""
    broken_streams = 0
    for stream in STREAMS:
        with db.begin() as tx:
            good, broken = feed.verify(tx, stream)
        if broken:
            broken_streams = 1
            sys.stdout.write(f"{stream}: broken at {broken.position} ({broken.check})\n")
        else:
            sys.stdout.write(f"{stream}: {good} entries hold\n")
    return broken_streams
