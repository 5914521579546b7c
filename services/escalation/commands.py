"""Escalation's own commands.

verify-feed           check every entry of both streams and the pulse of each, and that what was
                      decreed or refused is as it was told there; exit 1 and name the first that
                      is broken
introduce-feed-keys   show the public half of each key of the file that was not shown yet, and
                      announce it on the chain
switch-feed-key       from now on the newest key signs, shown for a day at least (or --at-once), and
                      says so on the chain
withdraw-feed-key KID a key that was shown and has never signed never will: nobody holds it any
                      more, or somebody who should not. Says so on the chain
rebroadcast-feed      everything is sent to the broker's streams once more, as it lost them
open-epoch BY         after the database was restored: the feed goes on from where both agree, and
                      what is said to other services is numbered anew (number-anew). Nothing fires
                      from then on until release-breaker, for decrees may be lost
erase-sealed          remove what was sealed for the Ombudsman: NUMBER of one case, --before DAY of
                      all that are over or handed over, if anything was sealed before that local
                      day (then all of it), or both: of one case what was sealed before; of one that
                      goes on only so, and only what a restore may have brought back. The Ombudsman
                      is told
release-breaker BY    let everything fire that is due by now, after somebody (BY) has looked; after
                      a restore: and has entered again what was decreed since the backup
steps --since TIME    what happened in cases from TIME (RFC 3339) on: what routing must hear again
                      if it was restored. First, as `routing withhold` takes it, those that a desk
                      must hear nothing of or whose reporter was protected; then of each the number,
                      when last, how it stands here, each step; and before all others, which desk
                      decides if not the coordinator, and which it is not for
denials --since TIME  what officers were refused from TIME (RFC 3339) on: when, who (an account's
                      id), what, with which status, about which case, how often
import-calendar       show where the package `holidays` differs from the calendar, and how many open
                      clocks that would move; --apply --by NAME brings it in
what-if FILE          replay history under the limits, rungs, weeks and days that FILE supposes;
                      changes nothing. --json for machines, --numbers to name the cases
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from chassis import outbox, strict_json
from chassis.cli import moment, settings, transactions
from chassis.clock import Clock
from chassis.database import AS_OF_NOW, UNHURRIED, Transactions
from chassis.errors import Invalid, Malformed, NotAllowed, NotFound
from chassis.schemas import load
from services.escalation import denials, models, seed
from services.escalation.config import Settings
from services.escalation.domain import Desk
from services.escalation.models import STREAMS
from services.escalation.ombudsman import announcing, broadcasting, epochs, feed, parts, records
from services.escalation.ombudsman.signing import KeyMissing
from services.escalation.rules import agencies, amending, histories, regime, staffing
from services.escalation.rules.hindsight import compare, shown
from services.escalation.rules.national import NationalYear
from services.escalation.rules.supposing import Supposed, suppose
from services.escalation.watch import breaker, restored


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
        try:
            with transactions(service).begin() as tx:
                due = breaker.release(tx, arguments.by, Clock(settings(service).clock_file))
        except NotAllowed as refusal:
            sys.exit(f"not released: {refusal.message}")
        sys.stdout.write(f"released: {due} that are due by now will be fired\n")


class Denials:
    """`denials --since TIME`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--since", required=True, type=moment)

    def __call__(self, service: str, arguments: argparse.Namespace) -> None:
        with transactions(service).begin() as tx:
            for at, *rest in denials.told(tx, arguments.since):
                told = " ".join("-" if word is None else str(word) for word in rest)
                sys.stdout.write(f"{at.isoformat()} {told}\n")


class Steps:
    """`steps --since TIME`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--since", required=True, type=moment)

    def __call__(self, service: str, arguments: argparse.Namespace) -> None:
        with transactions(service).begin() as tx:
            for number, words in restored.withheld(tx, arguments.since):
                sys.stdout.write(f"withhold {number} {' '.join(words)}\n")
            for one in restored.steps(tx, arguments.since):
                desks = "" if one.decider == Desk.COORDINATOR else f", {one.decider} decides"
                desks += "".join(f", not for {desk}" for desk in one.passes_by)
                moved = f"{one.number} {one.at.isoformat()} {one.status}{desks}: {one.steps}"
                sys.stdout.write(f"{moved}\n")


class ImportCalendar:
    """`import-calendar [--apply --by NAME]`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--apply", action="store_true", help="bring it in")
        parser.add_argument("--by", help="who decided that: an officer's account name")

    def __call__(self, service: str, arguments: argparse.Namespace) -> None:
        if arguments.apply and not arguments.by:
            sys.exit("--apply needs --by: who decided it")
        configured = settings(service)
        today = configured.local_day(Clock(configured.clock_file).now())
        years = seed.years_around(today.year)
        with transactions(service).begin() as tx:
            told = bring_in(tx, configured.zone, years, arguments.by if arguments.apply else None)
        sys.stdout.write("".join(f"{line}\n" for line in told))


def bring_in(
    tx: Session, zone: ZoneInfo, years: list[NationalYear], decided_as: str | None
) -> list[str]:
    """What an import changes and what that moves; undone unless somebody decided it."""
    tx.get_one(models.Regime, 1, with_for_update=True)
    before = regime.read(tx, zone)
    changed = seed.import_calendar(tx, years)
    if not changed:
        return ["nothing differs"]
    tx.flush()
    moved = amending.foretold(tx, before, regime.read(tx, zone))
    among = "" if moved["complete"] else f", of the newest {moved['open_clocks']}"
    told = [*changed, f"open clocks with another end: {moved['other_end']}{among}"]
    if decided_as is None:
        tx.rollback()
        return [*told, "nothing is changed: --apply --by NAME brings it in"]
    seed.keep_import(tx, years, changed, decided_as)
    return [*told, "brought in"]


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
                told = what_if(tx, configured, supposed, now, numbers=arguments.numbers)
        except OSError as error:
            sys.stderr.write(f"{arguments.file} cannot be read: {error.strerror}\n")
            sys.exit(2)
        except (Malformed, Invalid) as error:
            sys.stderr.write(f"{error.message}\n")
            for wrong in error.errors:
                sys.stderr.write(f"{wrong['field']}: {wrong['message']}\n")
            sys.exit(2)
        sys.stdout.write(json.dumps(told, indent=1) + "\n" if arguments.json else shown(told))


def what_if(
    tx: Session, configured: Settings, supposed: dict[str, Any], now: datetime, *, numbers: bool
) -> dict[str, Any]:
    """All of history under what is in force, beside the same under what is supposed."""
    tx.execute(UNHURRIED)
    before = regime.read(tx, configured.zone)
    after = suppose(before, supposed)
    lives = histories.lives(tx, agencies.seats(configured.data_dir))
    return compare(lives, before, after, now, staffing.read(tx), numbers=numbers)


class IntroduceFeedKeys:
    """`introduce-feed-keys`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes nothing."""

    def __call__(self, service: str, _: argparse.Namespace) -> None:
        configured = settings(service)
        now = Clock(configured.clock_file).now()
        try:
            with transactions(service).begin() as tx:
                fresh = announcing.introduce(tx, configured.signers(), now)
        except NotAllowed as refusal:
            sys.exit(f"not shown: {refusal.message}")
        for kid, announced in fresh.items():
            by_hand = "" if announced else " (not on the chain, for that needs the key that signs)"
            sys.stdout.write(f"shown from now on: {kid}{by_hand}\n")
        sys.stdout.write("" if fresh else "nothing new\n")


class SwitchFeedKey:
    """`switch-feed-key [--at-once]`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        told = "though readers may not have seen it: the old key is lost or stolen"
        parser.add_argument("--at-once", action="store_true", help=told)

    def __call__(self, service: str, arguments: argparse.Namespace) -> None:
        configured, at_once = settings(service), arguments.at_once
        now = Clock(configured.clock_file).now()
        try:
            with transactions(service).begin() as tx:
                kid = announcing.switch(tx, configured.signers(), now, at_once=at_once)
        except NotAllowed as refusal:
            sys.exit(f"not switched: {refusal.message}")
        sys.stdout.write(f"signs from now on: {kid}\n")


class WithdrawFeedKey:
    """`withdraw-feed-key KID`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("kid", help="its name, as /v1/ombudsman/keys shows it")

    def __call__(self, service: str, arguments: argparse.Namespace) -> None:
        configured, kid = settings(service), arguments.kid
        now = Clock(configured.clock_file).now()
        try:
            with transactions(service).begin() as tx:
                announcing.withdraw(tx, configured.signers(), kid, now)
        except (NotAllowed, KeyMissing, feed.Restored) as refusal:
            sys.exit(f"not withdrawn: {refusal}")
        sys.stdout.write(f"never signs: {kid}\n")


class RebroadcastFeed:
    """`rebroadcast-feed`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes nothing."""

    def __call__(self, service: str, _: argparse.Namespace) -> None:
        with transactions(service).begin() as tx:
            for stream in STREAMS:
                broadcasting.again(tx, stream)
        sys.stdout.write("all entries will be sent again\n")


class OpenEpoch:
    """`open-epoch BY`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("by", help="who has restored: an officer's account name")

    def __call__(self, service: str, arguments: argparse.Namespace) -> None:
        configured, db = settings(service), transactions(service)
        now = Clock(configured.clock_file).now()
        with db.begin() as tx:
            outbox.number_anew(tx, now)
            told = []
            for stream in STREAMS:
                begun = epochs.open(tx, stream, configured.signers(), arguments.by, now)
                before = f"{begun.before_epoch}:{begun.before_position}"
                told.append(f"{stream}: epoch {begun.epoch} goes on after {before}\n")
            breaker.hold(tx, now)
        sys.stdout.writelines(told)
        sys.stdout.write("nothing fires until release-breaker: enter again what was decreed\n")


class EraseSealed:
    """`erase-sealed [NUMBER] [--before DAY]`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("number", nargs="?", help="of one case")
        parser.add_argument("--before", type=date.fromisoformat, metavar="DAY")

    def __call__(self, service: str, arguments: argparse.Namespace) -> None:
        if not (arguments.number or arguments.before):
            sys.exit("whose? a number, or --before and a day, or both")
        configured, db = settings(service), transactions(service)
        now = Clock(configured.clock_file).now()
        day = arguments.before
        begins = datetime.combine(day, time.min, configured.zone) if day else None
        if arguments.number:
            try:
                with db.begin() as tx:
                    gone = parts.erase_one(tx, arguments.number, now, begins)
            except (NotAllowed, NotFound) as refusal:
                sys.exit(f"not erased: {refusal.message}")
        else:
            gone = erase_of_age(db, now, begins)
        sys.stdout.write(f"{gone} sealed parts erased\n")


def erase_of_age(db: Transactions, now: datetime, before: datetime) -> int:
    """Erases what is sealed of each case that is forgettable, and says of which it did not: one
    that goes on again since is no hindrance to the others. How many parts are gone."""
    with db.begin() as tx:
        numbers = parts.forgettable(tx, before)
    gone = 0
    for number in numbers:
        try:
            with db.begin() as tx:
                gone += parts.erase_one(tx, number, now, why=parts.AGE)
        except NotAllowed as refusal:
            sys.stdout.write(f"{number} not erased: {refusal.message}\n")
    return gone


COMMANDS = {
    "verify-feed": VerifyFeed(),
    "introduce-feed-keys": IntroduceFeedKeys(),
    "switch-feed-key": SwitchFeedKey(),
    "withdraw-feed-key": WithdrawFeedKey(),
    "rebroadcast-feed": RebroadcastFeed(),
    "open-epoch": OpenEpoch(),
    "erase-sealed": EraseSealed(),
    "release-breaker": ReleaseBreaker(),
    "steps": Steps(),
    "denials": Denials(),
    "import-calendar": ImportCalendar(),
    "what-if": WhatIf(),
}


def verify(db: Transactions) -> int:
    """Prints the state of each stream, and whether what was decreed or refused is as it was told
    there; 0 if all hold, else 1."""
    broken_streams = 0
    for stream in STREAMS:
        with db.begin() as tx:
            tx.execute(AS_OF_NOW)  # entries may be appended meanwhile
            tx.execute(UNHURRIED)
            good, broken = feed.verify(tx, stream)
        if broken:
            broken_streams = 1
            sys.stdout.write(f"{stream}: broken at {broken.position} ({broken.check})\n")
        else:
            sys.stdout.write(f"{stream}: {good} entries hold\n")
    with db.begin() as tx:
        tx.execute(UNHURRIED)
        changed = records.first_broken(tx)
    if changed:
        sys.stdout.write(f"records: {changed}\n")
    return 1 if changed else broken_streams
