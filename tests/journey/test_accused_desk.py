"""A complaint about the coordinator's own office, on the whole system: that desk hears nothing, and
who decides instead is told."""

from datetime import timedelta
from uuid import uuid4

import pytest

from deploy.local.scenario import CATEGORY, DISTRICT, Reporter
from tests.harness.faults import command
from tests.harness.programs import run_command
from tests.harness.system import stage
from tests.harness.waiting import eventually

pytestmark = pytest.mark.fault

TODAY = "2026-11-20"
ACCUSED = {"holder": "meja@diskominfo.example", "head_of_coordinator": "kepala@diskominfo.example"}
ARBITER = {"sekda": "sekda@setda.example"}
REPORT = {
    "kind": "complaint", "title": "Pungutan", "text": "Petugas meminta uang.", "event_date": TODAY,
    "place": {"district": DISTRICT, "detail": None}, "category": CATEGORY,
    "confidentiality": "anonymous",
}  # fmt: skip

PASSED_BY = "SELECT passes_by FROM case_state WHERE number = %s"
# As it is known of a case from before it was said.
FORGET = "UPDATE case_state SET decider = DEFAULT, passes_by = DEFAULT WHERE number = %s"


@pytest.fixture(scope="module")
def people(system):
    one = stage(system)
    known = "SELECT count(*) > 0 FROM promise"
    eventually(lambda: system.psql("intake", known) == [(True,)], "the promised dates")
    for post, address in (ACCUSED | ARBITER).items():
        told, env = f"{address}\n", system.process("notify-worker").env
        run_command("notify", "post", "set", post, env=env, told=told).check_returncode()
    yield one
    one.close()


def file(people, **more):
    citizen = Reporter(people.client())
    once = {"Idempotency-Key": str(uuid4())}
    receipt = citizen.ask("POST", "/reports", REPORT | more, headers=once)
    citizen.number, citizen.code = receipt["number"], receipt["code"]
    citizen.await_entry("case.opened")
    return citizen.number


def morning_after(system, number, what):
    """Moves to some hours after the first limit wakes for that, when mail is sent again."""
    asked = "SELECT d.due_at FROM due d JOIN clock c ON c.id = d.clock_id WHERE c.number = %s"
    asked += " AND clock = 'V' AND what = %s"
    [(due_at,)] = eventually(lambda: system.psql("escalation", asked, [number, what]), "its wake")
    system.clock.move(due_at + timedelta(hours=8) - system.clock.now())


def written_to(system, number):
    """Whoever was written to about a report."""
    return [to for mail in system.mails() if number in mail.text for to in mail.to]


def test_the_accused_desk_is_not_written_to_and_the_arbiter_is(system, people):
    against, usual = file(people, agency="diskominfo"), file(people)

    for what, so_far in (("reminder", 1), ("level_1", 2)):
        morning_after(system, against, what)
        eventually(lambda n=so_far: len(written_to(system, usual)) == n, "the usual mails")
        eventually(lambda n=so_far: len(written_to(system, against)) == n, "the arbiter's mails")

    assert written_to(system, usual) == list(ACCUSED.values())  # the control
    assert written_to(system, against) == [ARBITER["sekda"]] * 2


def test_nor_is_it_of_a_case_from_before_once_routing_was_told_to_say_it(system, people):
    said, unsaid = file(people, agency="diskominfo"), file(people, agency="diskominfo")
    for number in (said, unsaid):
        eventually(
            lambda n=number: system.psql("escalation", PASSED_BY, [n]) == [(["coordinator"],)]
        )
        system.psql("escalation", FORGET, [number])
    system.psql("routing", "UPDATE cases SET desks_known = false WHERE number = %s", [said])

    assert command(system, "routing", "say-desks").endswith("done: said of 1 cases\n")

    eventually(lambda: system.psql("escalation", PASSED_BY, [said]) == [(["coordinator"],)])
    for what, so_far in (("reminder", 1), ("level_1", 2)):
        morning_after(system, said, what)
        eventually(lambda n=so_far: len(written_to(system, unsaid)) == n, "the accused's mails")
        eventually(lambda n=so_far: len(written_to(system, said)) == n, "the arbiter's mails")
    assert written_to(system, unsaid) == list(ACCUSED.values())  # the control: what it was before
    assert written_to(system, said) == [ARBITER["sekda"]] * 2
    assert command(system, "routing", "say-desks") == "done: said of 0 cases\n"
