"""Escalation's database is restored from a backup, and everybody else has gone on meanwhile: the
other services, a reader of the Ombudsman's feed. By the runbook's steps all is accounted for."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import httpx
import pytest

from chassis.events import EPOCH
from tests.failure.accounting import Accepted, settle, submit, unaccounted
from tests.harness.dumps import dump, restore
from tests.harness.faults import command
from tests.harness.waiting import eventually

pytestmark = pytest.mark.fault

REPORTS = 4  # before the backup, and after it; what falls due of them is less than the breaker lets
VERIFIED_BY = timedelta(days=8)  # by then V has passed, whatever the calendar
OTHERS = ("intake", "routing", "notify")
HEARERS = f"SELECT min(sequence), max(sequence) / {EPOCH} FROM position WHERE source = %s"
PARKED = "SELECT reason, count(*) FROM inbox WHERE state = 'parked' GROUP BY 1"
RUNS = "SELECT number, clock, cycle, due_at FROM {} WHERE number = ANY(%s) ORDER BY 1, 2, 3"
BREACHED = "SELECT count(DISTINCT c.number) FROM breach b JOIN clock c ON c.id = b.clock_id"
APPENDED = "SELECT count(*) FROM feed_entry WHERE entry->>'type' = 'feed.breach.opened.v1'"
COUNTED = {"intake": "cases_known", "notify": "reporters", "escalation": "cases"}


class Feed:
    """The monitoring stream, as somebody outside reads it."""

    def __init__(self, system):
        self._url = f"{system.url}/api/v1/ombudsman"
        self._headers = {"Authorization": f"Bearer {system.ombudsman_key}"}

    def ask(self, path, **asked):
        return httpx.get(
            f"{self._url}/{path}", params=asked, headers=self._headers, trust_env=False
        )

    def read(self, after=""):
        """Every entry after a cursor, and the cursor after them."""
        page = self.ask("feed", stream="monitoring", after=after, limit=2000).json()
        assert not page["more"]
        return page["events"], page["cursor"]


@pytest.fixture
def backup(system, tmp_path):
    """What was accepted before the backup; and a way back to it. The last of it was on its way to
    escalation's worker, which was behind, as the backup was made."""
    accepted, url, file = Accepted(), system._owner_url("escalation"), tmp_path / "dump"
    submit(system, REPORTS - 1, accepted)
    settle(system, accepted)
    system.process("escalation-worker").stop()
    behind = datetime.now(UTC)
    submit(system, 1, accepted)
    eventually(lambda: all(said(system, other, behind) for other in OTHERS), "the others said it")
    dump(url, file)
    system.wait_ready("escalation-worker", start=True)
    settle(system, accepted)

    def bring_back(*words):
        for name in ("escalation-worker", "escalation-api"):
            system.process(name).stop()
        restore(url, file)
        if words:
            command(system, "escalation", *words)
        for service in system.services:
            command(system, service, "replay", "--since", behind.isoformat())
        for name in ("escalation-worker", "escalation-api"):
            system.wait_ready(name, start=True)
        eventually(lambda: Feed(system).ask("keys").status_code == 200, "the gateway knows of it")

    return accepted, bring_back


def said(system, service, since):
    """Whether the broker has all that a service said from then on, and that is something."""
    asked = "SELECT count(*), count(published_at) FROM outbox WHERE emitted_at >= %s"
    [(all_of_it, published)] = system.psql(service, asked, [since])
    return all_of_it == published > 0


def go_on(system, accepted):
    """More reports come, and nobody verifies any of them in time: breaches, on the feed."""
    submit(system, REPORTS, accepted)
    settle(system, accepted)
    before = system.psql("escalation", BREACHED)[0][0]
    system.clock.move(VERIFIED_BY)
    eventually(lambda: system.psql("escalation", BREACHED)[0][0] >= before + 2 * REPORTS,
               "all are late", seconds=60)  # fmt: skip
    eventually(lambda: system.psql("escalation", APPENDED)[0][0] >= before + 2 * REPORTS)
    settle(system, accepted)


def parked(system):
    found = Counter()
    for service in system.services:
        found.update(dict(system.psql(service, PARKED)))
    return found


def assert_told_alike(system, numbers):
    """All hear escalation again, under numbers that nothing had, and know the same limits."""
    for other in ("intake", "routing"):
        [(_, epoch)] = system.psql(other, HEARERS, ["/escalation/deadlines"])
        assert epoch > 0
        known = system.psql(other, RUNS.format("deadline"), [list(numbers)])
        assert known == system.psql("escalation", RUNS.format("clock"), [list(numbers)])
    told = "SELECT count(*) FROM timeline_entry WHERE what = 'deadline.passed' GROUP BY number"
    assert {times for (times,) in system.psql("intake", told)} <= {1, 2}


def assert_goes_on(feed, held, cursor, numbers):
    """Who has read further than the backup knows is told so, and goes on from what both have."""
    refused = feed.ask("feed", stream="monitoring", after=cursor)
    assert (refused.status_code, refused.json()["code"]) == (409, "lost_future")
    [epoch] = feed.ask("epochs", stream="monitoring").json()["epochs"]
    following, _ = feed.read(epoch["cursor"])
    common = [entry for entry in held if entry["position"] <= epoch["before"]["position"]]
    assert following[0]["type"] == "feed.epoch.opened.v1"
    chain = [*common, *following]
    assert all(after["prevhash"] == before["hash"] for before, after in pairwise(chain))
    assert {entry["subject"] for entry in chain if "breach" in entry["type"]} == numbers
    assert not places(held[len(common) :]) & places(following)


def places(entries):
    return {(entry["epoch"], entry["position"]) for entry in entries}


def test_by_the_runbooks_steps_everything_is_accounted_for_again(system, backup):
    (accepted, bring_back), feed = backup, Feed(system)
    numbers = accepted.numbers
    go_on(system, accepted)
    held, cursor = feed.read()
    assert {entry["subject"] for entry in held if "breach" in entry["type"]} == numbers

    bring_back("open-epoch", "kepala.diskominfo")
    settle(system, accepted, seconds=60)
    assert system.psql("escalation", BREACHED) == [(0,)], "nothing fires before the release"
    command(system, "escalation", "release-breaker", "kepala.diskominfo")

    eventually(lambda: system.psql("escalation", BREACHED) == [(2 * REPORTS,)], seconds=60)
    settle(system, accepted, seconds=60)
    assert parked(system) == {}
    for service, what in COUNTED.items():
        tallied = dict(system.psql(service, "SELECT * FROM tallied()"))
        assert tallied[what] == len(numbers) == 2 * REPORTS
    assert_told_alike(system, numbers)
    eventually(lambda: system.psql("escalation", "SELECT 1 FROM feed_pending") == [], "all is told")
    assert_goes_on(feed, held, cursor, numbers)
    assert "entries hold" in command(system, "escalation", "verify-feed")


def test_without_them_it_is_seen_and_can_still_be_mended(system, backup):
    """The negative control: what is said again has the numbers of what was said."""
    accepted, bring_back = backup
    go_on(system, accepted)

    bring_back()

    eventually(lambda: parked(system)["number taken"] > 0, "refused numbers", seconds=60)
    assert any("stuck" in place for place in unaccounted(system, accepted))
    command(system, "escalation", "open-epoch", "kepala.diskominfo")
    for service in OTHERS:
        command(system, service, "parked", "replay", "all")
    settle(system, accepted, seconds=60)
