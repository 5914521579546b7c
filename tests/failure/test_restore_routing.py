"""Routing is restored from a backup: an answer went with it, and what had followed from that
elsewhere did not. By the runbook's steps the case is carried through all the same."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from deploy.local.scenario import AGENCY, ANSWER, CATEGORY, FOLLOW_UP, Reporter, sign_in
from tests.harness.dumps import dump, restore
from tests.harness.faults import command
from tests.harness.system import stage
from tests.harness.waiting import eventually

pytestmark = pytest.mark.fault

CLOCKS = """
SELECT clock, cycle FROM clock WHERE number = %s AND stopped_at IS NULL ORDER BY clock
"""
UNTIL_SILENCE_IS_OVER = timedelta(days=30)  # ten working days, whatever the calendar


def in_hand(people, citizen):
    """A report with which its agency has begun; and who works there."""
    citizen.submit("Jembatan lapuk", "Papan jembatan lapuk sejak lama.", "2026-11-20", None)
    coordinator, agency = sign_in(people, "koordinator"), sign_in(people, AGENCY)
    coordinator.await_case(citizen.number)
    kind = {"class": "ordinary", "category": CATEGORY}
    coordinator.act(citizen.number, "verification", kind)
    coordinator.act(citizen.number, "disposition", {"agency": AGENCY})
    agency.await_case(citizen.number)
    agency.act(citizen.number, "follow-ups", {"text": FOLLOW_UP})
    citizen.await_status("in_progress")
    return agency


def brought_back(system, url, file, since, disabled=(), *, keeping=True):
    """By the runbook's steps; or without those that keep somebody out of something."""
    for name in ("routing-worker", "routing-api"):
        system.process(name).stop()
    told = command(system, "escalation", "steps", "--since", since.isoformat())
    told = told if keeping else ""
    restore(url, file)
    command(system, "routing", "number-anew")
    if disabled:
        command(system, "routing", "disable", *disabled)
    unknown = withheld(system, told)
    for service in system.services:
        command(system, service, "replay", "--since", since.isoformat())
    system.wait_ready("routing-worker", start=True)
    eventually(lambda: not withheld(system, told), "routing knows these cases", seconds=60)
    system.wait_ready("routing-api", start=True)
    return unknown


def withheld(system, told):
    """Keeps cases from whom escalation says; those of which routing does not know (yet)."""
    unknown = []
    for line in told.splitlines():
        if line.startswith("withhold "):
            try:
                command(system, "routing", *line.split())
            except AssertionError as refused:
                if "there is no such case" not in str(refused):
                    raise
                unknown.append(line)
    return unknown


def test_a_case_whose_answer_and_end_are_lost_is_answered_again_and_ends_by_its_clock(
    system, tmp_path
):
    since = datetime.now(UTC)
    url, file = system._owner_url("routing"), tmp_path / "dump"
    with closing(stage(system)) as people:
        citizen = Reporter(people.client())
        agency = in_hand(people, citizen)
        running = lambda: system.psql("escalation", CLOCKS, [citizen.number])  # noqa: E731
        eventually(lambda: running() == [("H", 1), ("S", 1)], "its clocks run")
        dump(url, file)
        agency.act(citizen.number, "answer", ANSWER)
        citizen.await_status("answered")
        citizen.act("acceptance", {"stars": 5})
        citizen.await_status("closed")
        eventually(lambda: running() == [], "its clocks stop with it")

        brought_back(system, url, file, since)

        # routing refuses to close what was never answered, and says that it is in hand
        eventually(lambda: running() == [("H", 1), ("S", 1)], "they go on", seconds=60)
        citizen.await_status("in_progress")
        told = command(system, "escalation", "steps", "--since", since.isoformat())
        assert "in_progress: opened verified disposed followed_up answered closed" in told
        agency = sign_in(people, AGENCY)  # whoever was signed in at the backup is no more
        agency.act(citizen.number, "answer", ANSWER)
        citizen.await_status("answered")
        eventually(lambda: ("R", 1) in running(), "the reporter's silence counts", seconds=60)

        system.clock.move(UNTIL_SILENCE_IS_OVER)

        citizen.await_status("closed")
        eventually(lambda: running() == [], "its clocks stop with it")
