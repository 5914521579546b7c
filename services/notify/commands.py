"""What an operator can have done to stored identities: move them to a new key, destroy one.

rewrap          move every record to the current key-encryption key, e.g. after KEK_FILE got
                {"current": 2, "keys": {"1": ..., "2": ...}}; then key 1 may go
erase NUMBER    destroy what is held of who filed this report, and keep nothing that comes later.
                The sealed copy in intake's outbox (30 days) and backups outlast it until the keys
                that open them are destroyed: docs/runbook.md, Secrets
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from chassis import cli
from services.notify import reporters


class Rewrap:
    """`rewrap`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes nothing."""

    def __call__(self, service: str, _: argparse.Namespace) -> None:
        """Prints how many records were moved."""
        keyring, moved = cli.settings(service).keyring(), 0
        db = cli.transactions(service)
        while True:
            with db.begin() as tx:
                count = reporters.rewrap(tx, keyring)
            moved += count
            if not count:
                break
        sys.stdout.write(f"{moved} moved to key {keyring.current}\n")


class Erase:
    """`erase NUMBER`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes the report's number."""
        parser.add_argument("number")

    def __call__(self, service: str, arguments: argparse.Namespace) -> None:
        """Prints whether there was anything to erase. What comes later is not kept either way."""
        with cli.transactions(service).begin() as tx:
            erased = reporters.erase(tx, arguments.number)
        sys.stdout.write("erased\n" if erased else "nothing was held; nothing will be kept\n")


COMMANDS: dict[str, Any] = {"rewrap": Rewrap(), "erase": Erase()}
