"""Intake's database is restored from a backup, and reports went with it: they are named, and a loss
after that is heard of as ever. So did consents: they can be taken back all the same."""

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from deploy.local.scenario import Reporter
from tests.contract.measures import rules
from tests.failure.accounting import STUCK, Accepted, settle, submit
from tests.failure.test_restore_routing import brought_back as restored_routing
from tests.harness.dumps import dump, restore
from tests.harness.faults import command
from tests.harness.forms import FORM
from tests.harness.system import stage
from tests.harness.waiting import eventually

pytestmark = pytest.mark.fault

KEPT, LOST = 2, 3
COMPARED = re.compile(r'lapor_accounted\{service="(\w+)", what="(\w+)"\}')
WAITING = "SELECT DISTINCT subject FROM inbox WHERE state <> 'done' AND source = '/routing/cases'"
AN_HOUR = timedelta(hours=1)  # what is tried again waits no longer
PROCESSES = ("intake-worker", "intake-api")


def unaccounted(system):
    """What the alert compares, by the hop, as all is counted now."""
    counted = {}
    for service in system.services:
        for what, count in system.psql(service, "SELECT * FROM tallied()"):
            counted[service, what] = count
            if what.startswith("cases_") and service == "routing":
                counted[service, "cases"] = counted.get((service, "cases"), 0) + count
    recorded = [rule for rule in rules() if rule.get("record") == "lapor:unaccounted"]
    asked = {rule["labels"]["hop"]: COMPARED.findall(rule["expr"]) for rule in recorded}
    return {hop: counted[there] - counted[here] for hop, (there, here) in asked.items()}


def brought_back(system, url, file, since):
    """By the runbook's steps."""
    for name in PROCESSES:
        system.process(name).stop()
    restore(url, file)
    command(system, "intake", "number-anew")
    for service in system.services:
        command(system, service, "replay", "--since", since.isoformat())
    for name in reversed(PROCESSES):
        system.wait_ready(name, start=True)


def test_what_went_with_intakes_restore_is_named_and_the_comparison_is_exact_again(
    system, tmp_path
):
    since, kept, lost = datetime.now(UTC), Accepted(), Accepted()
    url, file = system._owner_url("intake"), tmp_path / "dump"
    submit(system, KEPT, kept)
    settle(system, kept)
    dump(url, file)
    submit(system, LOST, lost)
    settle(system, lost)
    exact = dict.fromkeys(unaccounted(system), 0)

    brought_back(system, url, file, since)

    waiting = lambda: {number for (number,) in system.psql("intake", WAITING)}  # noqa: E731
    eventually(lambda: waiting() == lost.numbers, "the lost ones are spoken of", seconds=60)
    out = {"intake to routing": -LOST, "routing to intake": LOST}
    assert unaccounted(system) == exact | out  # blind, and for ever firing

    told = command(system, "intake", "recount").splitlines()
    assert told[:LOST] == [f"lost: {number}" for number in sorted(lost.numbers)]
    assert unaccounted(system) == exact
    system.clock.move(AN_HOUR)
    command(system, "intake", "parked", "replay", "all")
    eventually(lambda: system.psql("intake", STUCK) == [(0,)], "nothing waits", seconds=60)
    settle(system, kept, seconds=60)

    submit(system, 1, kept)
    settle(system, kept, seconds=60)
    assert unaccounted(system) == exact
    again = command(system, "intake", "recount")
    assert again.count("unchanged") == len(again.splitlines()) == 2


def test_a_case_that_restored_routing_opens_again_does_not_hide_a_loss(system, tmp_path):
    since, both = datetime.now(UTC), Accepted()
    url, file = system._owner_url("routing"), tmp_path / "dump"
    submit(system, KEPT, both)
    settle(system, both)
    dump(url, file)
    submit(system, LOST, both)
    settle(system, both)
    before = unaccounted(system)

    restored_routing(system, url, file, since)

    told = "SELECT count(*) FROM timeline_entry WHERE what = 'case.opened' AND number = ANY(%s)"
    twice = 2 * LOST + KEPT
    eventually(
        lambda: system.psql("intake", told, [list(both.numbers)]) == [(twice,)], "told again",
        seconds=60,
    )  # fmt: skip
    assert unaccounted(system) == before


CONSENTS = "SELECT number FROM consent WHERE number = ANY(%s) ORDER BY number"
SEALED = "SELECT count(*) FROM sealed_part WHERE number = ANY(%s)"


def test_a_consent_that_intake_has_lost_and_escalation_has_ends_when_it_is_taken_back(
    system, tmp_path
):
    since = datetime.now(UTC)
    url, file = system._owner_url("intake"), tmp_path / "dump"
    with closing(stage(system)) as people:
        reporters = [Reporter(people.client()) for _ in range(2)]
        for one in reporters:
            one.submit("Jembatan lapuk", "Papan jembatan lapuk sejak lama.", "2026-11-20", None)
            one.await_entry("case.opened")
        numbers = sorted(one.number for one in reporters)
        dump(url, file)
        for one in reporters:
            one.act("escalation-consent", {"dossier": FORM})
        known = lambda: system.psql("escalation", CONSENTS, [numbers])  # noqa: E731
        eventually(lambda: known() == [(n,) for n in numbers], "escalation has both consents")

        brought_back(system, url, file, since)

        lost = "SELECT count(*) FROM report WHERE number = ANY(%s) AND consented_at IS NULL"
        assert system.psql("intake", lost, [numbers]) == [(2,)]
        for one, what in zip(reporters, ("withdrawal", "consent-withdrawal"), strict=True):
            one.act(what, {})
        eventually(lambda: known() == [], "neither stands", seconds=60)
        assert system.psql("escalation", SEALED, [numbers]) == [(0,)]
        for one in reporters:
            assert "consent.ended" not in {entry["what"] for entry in one.track()["timeline"]}
