"""Escalation's own commands.

verify-feed           check every entry of both streams; exit 1 and name the first that is broken
release-breaker BY    let everything fire that is due by now, after somebody (BY) has looked
what-if FILE          replay history under the limits, rungs and days that FILE supposes; changes
                      nothing. --json for machines, --numbers to name the cases
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import strict_json
from chassis.cli import settings, transactions
from chassis.clock import Clock
from chassis.database import Transactions
from chassis.errors import Invalid, Malformed
from chassis.schemas import load
from services.escalation import breaker, feed, histories, regime, staffing
from services.escalation.hindsight import compare, shown
from services.escalation.models import STREAMS
from services.escalation.supposing import Supposed, suppose


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


class WhatIf:
    """`what-if FILE [--json] [--numbers]`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a JSON document, as the runbook describes it")
        parser.add_argument("--json", action="store_true", help="the whole report, for a machine")
        parser.add_argument("--numbers", action="store_true", help="name the cases that change")

    def __call__(self, service: str, arguments: argparse.Namespace) -> None:
        configured = settings(service)
        try:
            supposed = load(Supposed, strict_json.loads(arguments.file.read_bytes()))
            with transactions(service).begin() as tx:
                now = Clock(configured.clock_file).now()
                told = what_if(tx, configured.zone, supposed, now, numbers=arguments.numbers)
        except (Malformed, Invalid) as error:
            sys.stderr.write(f"{error.message}\n")
            for wrong in error.errors:
                sys.stderr.write(f"{wrong['field']}: {wrong['message']}\n")
            sys.exit(2)
        sys.stdout.write(json.dumps(told, indent=1) + "\n" if arguments.json else shown(told))


def what_if(
    tx: Session, zone: ZoneInfo, supposed: dict[str, Any], now: datetime, *, numbers: bool
) -> dict[str, Any]:
    """All of history under what is in force, beside the same under what is supposed."""
    tx.execute(sa.text("SET LOCAL statement_timeout = '10min'"))
    before = regime.read(tx, zone)
    after = suppose(before, supposed)
    return compare(histories.lives(tx), before, after, now, staffing.read(tx), numbers=numbers)


COMMANDS = {
    "verify-feed": VerifyFeed(),
    "release-breaker": ReleaseBreaker(),
    "what-if": WhatIf(),
}


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
