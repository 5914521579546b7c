"""Routing is restored to a time before somebody was shut out: an accused desk, an agency that must
not know the minute, an officer. By the runbook's steps they stay out."""

from contextlib import closing
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from deploy.local.scenario import AGENCY, CATEGORY, DISTRICT, Reporter, Wrong, sign_in
from tests.failure.test_restore_routing import brought_back
from tests.harness.dumps import dump
from tests.harness.system import stage
from tests.harness.waiting import eventually

pytestmark = pytest.mark.fault

ACCUSING = {"class": "supervisory", "category": CATEGORY, "complains_about": "diskominfo"}
HELD = "SELECT count(*) FROM case_state WHERE number = ANY(%s) AND passes_by = '{coordinator}'"
RAISED = "SELECT count(*) FROM case_event WHERE number = %s AND what = 'case.protected'"
REPORT = {
    "kind": "complaint", "title": "Pungutan", "text": "Petugas meminta uang di loket.",
    "event_date": "2026-11-20", "place": {"district": DISTRICT, "detail": None},
    "category": CATEGORY, "confidentiality": "open",
    "contact": {"name": "Siti Rahmah", "email": "siti@contoh.example", "language": "id"},
}  # fmt: skip


def filed(people):
    """Somebody's report that is on the coordinator's desk."""
    citizen = Reporter(people.client())
    receipt = citizen.ask("POST", "/reports", REPORT, headers={"Idempotency-Key": str(uuid4())})
    citizen.number, citizen.code = receipt["number"], receipt["code"]
    citizen.await_entry("case.opened")
    return citizen.number


def status(officer, number):
    return officer.client.get(f"/cases/{number}").status_code


def test_who_was_shut_out_since_the_backup_stays_out(system, tmp_path):
    since = datetime.now(UTC)
    url, file = system._owner_url("routing"), tmp_path / "dump"
    with closing(stage(system)) as people:
        officers = [sign_in(people, name) for name in ("koordinator", AGENCY, "admin", "arbiter")]
        coordinator, agency, admin, arbiter = officers
        known, shown = filed(people), filed(people)
        coordinator.act(shown, "verification", {"class": "ordinary", "category": CATEGORY})
        coordinator.act(shown, "disposition", {"agency": AGENCY})
        exact = agency.await_case(shown)["received_at"]
        dump(url, file)

        new = filed(people)
        for number in (known, new):
            coordinator.act(number, "verification", ACCUSING)
            assert status(coordinator, number) == 404
        raised = {"confidentiality": "confidential", "reason": "Ia bekerja di loket itu."}
        coordinator.act(shown, "confidentiality", raised)
        admin.ask("POST", f"/officers/{AGENCY}/disabling")
        eventually(lambda: system.psql("escalation", HELD, [[known, new]]) == [(2,)], "heard")
        eventually(lambda: system.psql("escalation", RAISED, [shown]) == [(1,)], "heard")

        brought_back(system, url, file, since, keeping=False)  # the negative control

        coordinator, agency = sign_in(people, "koordinator"), sign_in(people, AGENCY)
        for number in (known, new):
            coordinator.await_case(number)
        assert agency.await_case(shown)["received_at"] == exact

        unknown = brought_back(system, url, file, since, disabled=[AGENCY])

        assert [line.split()[1] for line in unknown] == [new]
        for before in (coordinator, agency, arbiter):
            assert status(before, shown) == 401
        with pytest.raises(Wrong, match="401"):
            sign_in(people, AGENCY)
        coordinator, arbiter = sign_in(people, "koordinator"), sign_in(people, "arbiter")
        for number in (known, new):
            assert status(coordinator, number) == 404
            assert arbiter.await_case(number)["decider"] == "arbiter"
        assert coordinator.await_case(shown)["confidentiality"] == "confidential"
        assert system.psql("escalation", HELD, [[known, new]]) == [(2,)]
