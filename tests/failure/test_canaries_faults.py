"""Whatever breaks while reports are under way, nobody learns who reported.

Brokers hang and die, mail servers quote whom they refuse, databases quote whole rows and die,
processes die, poison comes in place of events. Then everything is searched.
"""

from contextlib import closing

import pytest

from deploy.local.process import Process
from tests.failure import lives, misfortunes, mistakes, people, sinks
from tests.failure.canaries import Sweep, leaks
from tests.failure.kinds import kinds
from tests.harness import wiretap
from tests.harness.system import running
from tests.harness.waiting import eventually

pytestmark = pytest.mark.fault

MEANWHILE = (
    "notify parked list", "routing seed", "intake replay --since 2026-01-01T00:00:00Z",
    "notify erase KTB-00000-00000", "escalation verify-feed", "intake migrate",
)  # fmt: skip


@pytest.fixture(scope="module")
def system(state, cache):
    """A system that logs all it can."""
    folder = state / "canary-faults"
    (folder / "tmp").mkdir(parents=True)
    told = {"LOG_LEVEL": "DEBUG", "TMPDIR": str(folder / "tmp")}
    with running(folder, cache, program=Process, extra=told) as one:
        wiretap.attach(one.broker)
        yield one


@pytest.fixture(scope="module")
def life(system):
    """All of it, one after the other; `seen` holds what was met on the way."""
    system.mail_mood("defer 2")
    with closing(lives.stage(system)) as watched:
        one = lives.begin(system, watched)
        for number in [*one.mine.values(), *one.theirs.values()]:
            one.officers["koordinator"].await_case(number.number)
        one.seen = {"waiting": list(sinks.commands(system, ["notify parked list"]))}
        for mood, outcome in (("", "4xx"), ("reject 2", "5xx"), ("hang 1", "none")):
            if mood:
                system.mail_mood(mood)
                misfortunes.filed(one)
            eventually(lambda o=outcome: o in "".join(outcomes(system)), outcome, seconds=30)
        misfortunes.hanging_broker(system, one)
        misfortunes.killed_broker(system, one)
        wiretap.attach(system.broker)
        misfortunes.poison(system)
        misfortunes.unreadable_contacts(system)
        one.seen["statuses"] = misfortunes.failing_statements(system, one)
        misfortunes.dying_workers(system, one)
        with misfortunes.killed_database(system, one) as statuses:
            one.seen["statuses"] |= statuses
            one.seen["dead"] = list(sinks.commands(system, MEANWHILE))
        misfortunes.lost(system)
        unsaid = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
        for service in system.services:
            eventually(lambda s=service: system.psql(s, unsaid) == [(0,)], service, seconds=60)
        eventually(lambda: len(held(system)) >= len(named(system)), "all contacts", seconds=90)
        eventually(lambda: formed(system), "every form", seconds=60)
        eventually(lambda: "unknown" in outcomes(system), "a lost try's end", seconds=60)
        yield one


def outcomes(system):
    """How tries to send ended, with the class of the server's reply."""
    asked = "SELECT DISTINCT outcome || coalesce(reply, '') FROM attempt WHERE outcome <> ''"
    return {outcome for (outcome,) in system.psql("notify", asked)}


def held(system):
    return system.psql("notify", "SELECT number FROM reporter WHERE state = 'held'")


def named(system):
    """The reports that came with a contact."""
    return system.psql("intake", "SELECT DISTINCT subject FROM outbox"
                       " WHERE type = 'report.contact_sealed.v1'")  # fmt: skip


def formed(system):
    """The reports that were consented for with the form, once escalation holds each sealed form."""
    taken = system.psql("intake", "SELECT number FROM report WHERE consent_form ORDER BY number")
    held = "SELECT number FROM sealed_part WHERE part = 'identity' ORDER BY number"
    return taken if taken == system.psql("escalation", held) else []


def test_all_this_really_happened(system, life):
    """The negative control of the misfortunes."""
    ends = {"unavailable4xx", "rejected5xx", "unavailablenone", "unknown"}
    assert ends <= outcomes(system)
    assert life.seen["statuses"] >= {409, 500, 503}
    assert all(misfortunes.parked(system).values())
    assert len(formed(system)) >= 8
    logs = "".join(misfortunes.log(system, f"{s}-worker") for s in system.services)
    for line in ("InDoubt", "broker_away", "event_parked", "event_waiting", "IntegrityError"):
        assert line in logs
    reasons = {r for (r,) in system.psql("notify", "SELECT reason FROM inbox WHERE reason <> ''")}
    assert len(reasons) >= 3
    assert all(b"Error" in said for _, said in life.seen["dead"])


def test_nobody_is_found_after_any_of_it(system, life, tmp_path):
    shown = [f"{service} parked show {one}" for service, ids in misfortunes.parked(system).items()
             for one in ids[:2]]  # fmt: skip
    shown += [f"{service} parked list" for service in system.services]
    places = [*sinks.of_system(system), *life.people.sinks(), *life.seen["dead"]]
    places += [*life.seen["waiting"], *sinks.commands(system, shown)]
    places += sinks.tapped(wiretap.caught(system.broker))
    places += sinks.tapped(wiretap.lying(system.broker, ("lapor.unrouted",)))
    assert kinds(name for name, _ in places)
    known = [*people.canaries(), *people.secrets_of(system), *life.canaries()]
    known += [*mistakes.MISTAKEN, *misfortunes.canaries()]

    hits = Sweep(known).hits(places, tmp_path / "sinks")

    assert leaks(hits) == {}
    found = {canary.name for there in hits.values() for canary, _ in there}
    poisoned = {f"poison of {type}" for type in misfortunes.POISONED}
    assert poisoned - found == set()
