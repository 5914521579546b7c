"""What an operator at the machine can do: let somebody in, see who tried to go where, and say what
an older version did not.

first-password USERNAME   give the account a new first password, which is printed once; ends its
                          sessions, forgets its failed sign-ins, enables it if it was disabled
number-anew               after the database was restored, as for every service; and as who was
                          locked out since the backup would be let in again: ends every session and
                          forgets every known device
disable USERNAME ...      disables these accounts: who was locked out after the backup has to be
                          again. Exit 1 and name those that there are none of; may be repeated
withhold NUMBER WORD ...  what routing may have lost of a case with a restore, as `escalation steps`
                          says it: the desks that must hear nothing of it, and how far its reporter
                          is protected. Only ever adds; may be repeated. Exit 1 if there is no such
                          case
denials --since TIME      what signed-in officers were refused from TIME (RFC 3339) on: when, who,
                          what, with which status, about which case, how often
verify-trail [--witnessed POSITION:HASH ...]
                          check that what officers did and were refused is as it was noted; also
                          against hashes that the Ombudsman kept (`feed.trail.extended.v1`). Exit 1
                          and name the first thing that does not hold
say-desks                 of each open case of which it was never said, say which desk decides and
                          which must hear nothing of it, so that reminders and escalations pass an
                          accused desk by. May be broken off: run again, it goes on
"""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any
from zoneinfo import ZoneInfo

from chassis import cli
from chassis.errors import Invalid, NotFound


class FirstPassword:
    """`first-password USERNAME`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes the account's name."""
        parser.add_argument("username", type=str.casefold)

    def __call__(self, service: str, arguments: argparse.Namespace) -> None:
        """Prints it like the seed does, once it is committed."""
        from chassis.clock import Clock
        from services.routing import officers, passwords  # a worker reads this file unpatched

        username, password = arguments.username, passwords.first()
        hashed, now = passwords.hashed(password), Clock(cli.settings(service).clock_file).now()
        try:
            with cli.transactions(service).begin() as tx:
                officers.begin_anew(tx, username, hashed, now)
        except NotFound:
            sys.exit("there is no such account")
        sys.stdout.write(f"officer {username} {password}\n")


class NumberAnew:
    """`number-anew`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes nothing."""

    def __call__(self, service: str, _: argparse.Namespace) -> None:
        """What says that the sessions are over has a new number, too."""
        from chassis import outbox
        from chassis.clock import Clock
        from services.routing import sessions, throttle

        now = Clock(cli.settings(service).clock_file).now()
        with cli.transactions(service).begin() as tx:
            outbox.number_anew(tx, now)
            ended = sessions.end_everybodys(tx, now)
            throttle.forget_all_devices(tx)
        sys.stdout.write("what is said from now on is numbered anew\n")
        sys.stdout.write(f"{ended} sessions are over, and no device is known\n")


class Disable:
    """`disable USERNAME ...`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes the accounts' names."""
        parser.add_argument("usernames", nargs="+", type=str.casefold, metavar="USERNAME")

    def __call__(self, service: str, arguments: argparse.Namespace) -> None:
        """Each in a transaction of its own: one that is unknown keeps no other enabled."""
        from chassis.clock import Clock
        from services.routing import officers

        db, clock = cli.transactions(service), Clock(cli.settings(service).clock_file)
        unknown = []
        for username in arguments.usernames:
            try:
                with db.begin() as tx:
                    officers.disable(tx, username, clock.now())
            except NotFound:
                unknown.append(username)
            else:
                sys.stdout.write(f"disabled: {username}\n")
        if unknown:
            sys.exit(f"there is no such account: {' '.join(unknown)}")


class Withhold:
    """`withhold NUMBER WORD ...`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes a case and what is known of it."""
        words = ("coordinator", "arbiter", "supervisor", "confidential", "hidden_from_public")
        parser.add_argument("number", type=str.upper)
        parser.add_argument("words", nargs="+", choices=words, metavar="WORD")

    def __call__(self, service: str, arguments: argparse.Namespace) -> None:
        """Prints what it has added, in the same words; a level whatever becomes of the desks."""
        from chassis.clock import Clock
        from services.routing import withholding

        number, configured = arguments.number, cli.settings(service)
        now, zone = Clock(configured.clock_file).now(), ZoneInfo(configured.time_zone)
        db, added = cli.transactions(service), []
        levels = withholding.LEVELS.intersection(arguments.words)
        try:
            for words in (levels, {*arguments.words} - levels):
                with db.begin() as tx:
                    added += withholding.withhold(tx, number, words, now, zone)
        except (NotFound, Invalid) as refusal:
            sys.exit(f"{number}: {' '.join([*added, refusal.message])}")
        sys.stdout.write(f"{number}: {' '.join(added) or 'nothing to add'}\n")


class Denials:
    """`denials --since TIME`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes the moment."""
        parser.add_argument("--since", required=True, type=cli.moment)

    def __call__(self, service: str, arguments: argparse.Namespace) -> None:
        """A line each; `-` for what there is none of."""
        from services.routing import denials

        with cli.transactions(service).begin() as tx:
            for at, *rest in denials.told(tx, arguments.since):
                told = " ".join("-" if word is None else str(word) for word in rest)
                sys.stdout.write(f"{at.isoformat()} {told}\n")


class VerifyTrail:
    """`verify-trail`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes what others kept."""
        parser.add_argument("--witnessed", nargs="+", default=[], type=_witnessed,
                            metavar="POSITION:HASH")  # fmt: skip

    def __call__(self, service: str, arguments: argparse.Namespace) -> None:
        """How many rows hold, or the first thing that does not."""
        from services.routing import trail

        with cli.transactions(service).begin() as tx:
            held, broken = trail.verify(tx, dict(arguments.witnessed))
        if broken:
            sys.exit(f"{held} rows hold; link {broken.position}: {broken.what}")
        sys.stdout.write(f"all {held} rows hold\n")


class SayDesks:
    """`say-desks`"""

    BATCH = 500  # cases, of which it then says how far it is

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes nothing."""

    def __call__(self, service: str, _: argparse.Namespace) -> None:
        """Each case in a transaction of its own: an officer who acts on one waits for that one."""
        from chassis.clock import Clock
        from services.routing import case_file

        db, clock = cli.transactions(service), Clock(cli.settings(service).clock_file)
        numbers, seen, said = [""], 0, 0
        while numbers:
            with db.begin() as tx:
                numbers = list(case_file.desks_unknown(tx, numbers[-1], self.BATCH))
            for number in numbers:
                with db.begin() as tx:
                    _, row = case_file.family(tx, number)
                    said += case_file.say_desks(tx, row, clock.now())
            seen += len(numbers)
            sys.stdout.write(f"{seen} cases seen, said of {said}\n" if numbers else "")
            sys.stdout.flush()
        sys.stdout.write(f"done: said of {said} cases\n")


def _witnessed(text: str) -> tuple[int, bytes]:
    if not re.fullmatch(r"[1-9][0-9]{0,17}:[0-9a-fA-F]{64}", text):
        rule = "a link's position, a colon, and its hash: 64 hexadecimal digits"
        raise argparse.ArgumentTypeError(rule)
    position, _, hash = text.partition(":")
    return int(position), bytes.fromhex(hash)


COMMANDS: dict[str, Any] = {
    "first-password": FirstPassword(),
    "number-anew": NumberAnew(),
    "disable": Disable(),
    "withhold": Withhold(),
    "denials": Denials(),
    "verify-trail": VerifyTrail(),
    "say-desks": SayDesks(),
}
