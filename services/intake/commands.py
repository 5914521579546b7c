"""What an operator can have done to what intake counts.

recount   after a restore: note the reports that it has lost (routing has their cases), print their
          numbers, and set what is counted to what is stored and what was lost. Safe beside running
          workers, at any time, and more than once
end-consents
          after an upgrade from before 2026-11-30: end the consents whose reporters have withdrawn
          since and were refused; print how many. Safe beside running workers, and more than once
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from chassis import cli


class Recount:
    """`recount`"""

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes nothing."""

    def __call__(self, service: str, _: argparse.Namespace) -> None:
        """A line for each report that was found to be lost, and for each count."""
        from chassis.clock import Clock
        from services.intake import recounting

        now = Clock(cli.settings(service).clock_file).now()
        with cli.transactions(service).begin() as tx:
            lost = recounting.find_lost(tx, now)
            counted = recounting.recount(tx)
        sys.stdout.writelines(f"lost: {number}\n" for number in lost)
        for one in counted:
            changed = "unchanged" if one.now == one.before else f"was {one.before}"
            sys.stdout.write(f"{one.what}: {one.now} ({changed})\n")


class EndConsents:
    """`end-consents`"""

    BATCH = 500  # reports that are looked for at once

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Takes nothing."""

    def __call__(self, service: str, _: argparse.Namespace) -> None:
        """Each report in a transaction of its own: whoever acts on one waits for that one."""
        from chassis.clock import Clock
        from services.intake import taking_back
        from services.intake.models import Report

        db, clock = cli.transactions(service), Clock(cli.settings(service).clock_file)
        numbers, ended = [""], 0
        while numbers:
            with db.begin() as tx:
                numbers = list(taking_back.suspected(tx, numbers[-1], self.BATCH))
            for number in numbers:
                with db.begin() as tx:
                    report = tx.get_one(Report, number, with_for_update=True)
                    ended += taking_back.end_if_withdrawn(tx, report, clock.now())
        sys.stdout.write(f"ended {ended} consents\n")


COMMANDS: dict[str, Any] = {"recount": Recount(), "end-consents": EndConsents()}
