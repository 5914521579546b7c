"""What an operator can have done to stored identities: move them to a new key, destroy one.

rewrap          move every record to the current key-encryption key of KEK_FILE; once it says that
                none was left to move, the others may go (docs/runbook.md, Secrets)
erase NUMBER [--unheard]
                destroy what is held of who filed this report, and keep nothing that comes later.
                A number that nothing was heard of is refused without --unheard: it may be a slip.
                The sealed copy in intake's outbox (30 days) and backups outlast it until the keys
                that open them are destroyed: docs/runbook.md, Secrets. A mail that is just
                being handed over still goes; none begins after it
post set POST [--agency CODE] [--language id|en]
                where a post of the ladder is written to: the address is read from standard input,
                so that it stands in no list of processes and no shell's history. CODE is of the
                list of agencies, letter for letter; each has a holder (its desk) and a
                head_of_agency, and a holder without one is the coordinator's desk
post forget POST [--agency CODE]
post list       the places that can be written to, without their addresses; it marks those that
                were set, before that was refused, for no agency in the list
bounced         the mail on standard input says that a relay could not bring a message of ours
                (RFC 3464): it counts as failed, and no silence of its reporter as an answer.
                For the address in SMTP_RETURN_PATH, as a pipe of the mail server, to which exit
                code 75 says that it is to try again
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Container
from typing import Any

from sqlalchemy.orm import Session

from chassis import cli
from chassis.clock import Clock
from chassis.errors import Invalid
from services.notify import bounces, domain, mailboxes, posts, reporters
from services.notify.ledger import passes
from services.notify.wording import LANGUAGES

LARGEST = 1 << 20  # bytes of a report: what it repeats of our mail is small


class Rewrap:
    """`rewrap`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes nothing."""

    def __call__(self, service: str, _: argparse.Namespace) -> None:
        """Prints how many records were moved."""
        keyring = cli.settings(service).keyring()
        db = cli.transactions(service)
        with db.begin() as tx:
            moved = posts.rewrap(tx, keyring)
        while True:
            with db.begin() as tx:
                count = reporters.rewrap(tx, keyring)
            moved += count
            if not count:
                break
        sys.stdout.write(f"{moved} moved to key {keyring.current}\n")


class Erase:
    """`erase NUMBER [--unheard]`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes the report's number."""
        parser.add_argument("number")
        parser.add_argument("--unheard", action="store_true", help="also before it is heard of")

    def __call__(self, service: str, arguments: argparse.Namespace) -> None:
        """Prints whether there was anything to erase. What comes later is not kept either way.
        Exits for what is no number, or one that nothing is known of."""
        try:
            number = domain.number(arguments.number)
        except Invalid as refused:
            sys.exit(f"not erased: {refused.message}")
        clock = Clock(cli.settings(service).clock_file)
        with cli.transactions(service).begin() as tx:
            if not arguments.unheard and not reporters.is_known(tx, number):
                sys.exit(
                    f"not erased: nothing was ever heard of {number} (--unheard: all the same)"
                )
            erased = reporters.erase(tx, number)
            mailboxes.let_through(tx, [(number, clock.real())])  # and finds nobody
        sys.stdout.write("erased\n" if erased else "nothing was held; nothing will be kept\n")


class OfPost:
    """`post set|forget|list`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes what to do, and the post."""
        parser.add_argument("action", choices=["set", "forget", "list"])
        parser.add_argument("post", nargs="?", default="")
        parser.add_argument("--agency")
        parser.add_argument("--language", choices=LANGUAGES, default=LANGUAGES[0])

    def __call__(self, service: str, arguments: argparse.Namespace) -> None:
        """Prints what is known, or what was done. Exits with what is wrong."""
        agencies = posts.agencies(cli.settings(service).data_dir)
        try:
            with cli.transactions(service).begin() as tx:
                if arguments.action == "list":
                    self._list(tx, agencies)
                elif arguments.action == "forget":
                    gone = posts.forget(tx, arguments.post, arguments.agency)
                    sys.stdout.write("forgotten\n" if gone else "nothing was known\n")
                else:
                    self._set(tx, service, arguments, agencies)
        except Invalid as refused:
            sys.exit(f"{refused.errors[0]['field']}: {refused.message}")

    def _list(self, tx: Session, agencies: Container[str]) -> None:
        for place in posts.known(tx):
            said = "" if posts.is_place(place, agencies) else ": of no agency in the list"
            sys.stdout.write(f"{place}{said}\n")

    def _set(
        self, tx: Session, service: str, asked: argparse.Namespace, agencies: Container[str]
    ) -> None:
        keyring, email = cli.settings(service).keyring(), sys.stdin.readline().strip()
        posts.check(asked.post, asked.agency, agencies)
        posts.keep(tx, keyring, asked.post, asked.agency, email, asked.language)
        sys.stdout.write(f"{posts.place(asked.post, asked.agency)} can be written to\n")


class Bounced:
    """`bounced`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes the mail from standard input."""

    def __call__(self, service: str, _: argparse.Namespace) -> None:
        """Prints how many messages it was about: none if it is no report, or not of ours. Exits
        with 75 (EX_TEMPFAIL) if the same may succeed later: a mail server tries again."""
        settings, mail = cli.settings(service), sys.stdin.buffer.read(LARGEST)
        keys = settings.opener().derive("message-id").values()
        try:
            with cli.transactions(service).begin() as tx:
                taken = bounces.take(tx, keys, mail, Clock(settings.clock_file))
        except Exception as error:
            if not passes(error):
                raise
            sys.stderr.write("not taken: the database is away or busy; to be given once more\n")
            sys.exit(os.EX_TEMPFAIL)
        sys.stdout.write(f"{taken} counted as failed\n")


COMMANDS: dict[str, Any] = {
    "rewrap": Rewrap(),
    "erase": Erase(),
    "post": OfPost(),
    "bounced": Bounced(),
}
