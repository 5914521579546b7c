"""Killed at any named point, on the whole system: nothing is lost, nothing happens twice.

In each round every process is armed with one failpoint, dies of it while reports are under way,
and is started again; clients insist with the same key. The rounds go on until every process has
died at each of its points. Half a minute after the start of the last that died nothing is left to
do: its way up, and what clients still sent meanwhile, are part of that.
"""

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import zip_longest
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.harness.checker import check, settled
from tests.harness.faults import arm
from tests.harness.history import History
from tests.harness.publishing import publish
from tests.harness.waiting import eventually
from tests.harness.workload import Workload

pytestmark = [pytest.mark.fault, pytest.mark.patient]

REPORTS = 20
DRAINED_WITHIN = 30  # seconds
CHASSIS = (
    "inbox.before_commit", "inbox.after_commit", "inbox.before_ack", "relay.before_publish",
    "relay.after_confirm", "relay.after_mark",
)  # fmt: skip
# Reached once something is late; first, while few can be.
LATE = ("escalation.before_commit", "escalation.after_commit", "feed.before_commit")
POINTS = {
    "intake-api": ("", "", "", "intake.before_write", "intake.after_commit"),
    "intake-worker": ("", "", "", *CHASSIS),
    "routing-worker": ("", "", "", *CHASSIS[3:], *CHASSIS[:3]),
    "notify-worker": ("notify.before_send", "notify.after_send", *CHASSIS),
    "escalation-worker": (*LATE, *CHASSIS),
}  # fmt: skip
# What is on the broker's streams is judged where they are read; whoever commands, where they do.
ELSEWHERE = {"feed.after_broadcast", "transaction.before_commit", "transaction.after_commit"}
DOUBLED = "intake timeline of cases"
IN_HAND = 8  # mails that notify may be sending when it dies: so many may go out twice
ROUNDS = [
    {name: point for name, point in zip(POINTS, points, strict=True) if point}
    for points in zip_longest(*POINTS.values())
]


@pytest.fixture(scope="module")
def work(system) -> Workload:
    """One history for all rounds: each is judged together with those before it."""
    return Workload(system, History(system.folder / "history.jsonl"))


def test_every_point_that_there_is_kills_in_some_round():
    root = Path(__file__).parents[2]
    named = re.compile(r'failpoint\(\s*"([a-z_.]+)"\s*\)')
    code = [file for folder in ("chassis", "services") for file in (root / folder).rglob("*.py")]
    there = {point for file in code for point in named.findall(file.read_text())}
    assert there == ELSEWHERE | {point for armed in ROUNDS for point in armed.values()}


@pytest.mark.parametrize("armed", ROUNDS, ids=lambda armed: f"{len(armed)} processes")
def test_a_kill_at_any_point_loses_and_doubles_nothing(system, work, armed):
    work.sign_in()
    for name, point in armed.items():
        arm(system, name, FAILPOINTS=f"{point}=kill", BREAKER_FLOOR="500")
    before = check(system, work.history.file).extra_mails
    with work.under_way(REPORTS, live=4) as coming:
        if set(armed.values()) & set(LATE):
            coming.join()
            system.clock.move(timedelta(days=12))
        for name in deaths(system, armed):
            started = time.monotonic()
            system.restart(name, FAILPOINTS="")

    found = settled(system, work.history.file, seconds=DRAINED_WITHIN, since=started)
    print(f"\ndrained {time.monotonic() - started:.1f} s after the start of {name}")
    more = found.extra_mails - before
    assert more <= (IN_HAND if "notify-worker" in armed else 0)


def test_without_its_inbox_an_event_that_comes_again_is_doubled(system, work):
    """The negative control: what the claim in the inbox keeps away, the checker sees."""
    before = check(system, work.history.file)
    assert before.named() == {}
    [row] = system.psql(
        "routing",
        "SELECT event_id::text, type, source, subject, sequence, correlationid, time, data"
        " FROM outbox WHERE type = 'case.verified.v1' LIMIT 1",
    )
    names = ("id", "type", "source", "subject", "sequence", "correlationid", "time", "data")
    again = dict(zip(names, row, strict=True)) | {"time": row[6].isoformat()}
    again |= {"specversion": "1.0", "datacontenttype": "application/json"}

    publish(system.broker, "routing", [again])
    marker = system.psql("intake", "SELECT count(*) FROM timeline_entry")
    eventually(lambda: system.broker.queues()["intake.cases"] == 0)
    assert system.psql("intake", "SELECT count(*) FROM timeline_entry") == marker

    for statement in (
        "DELETE FROM inbox WHERE event_id = %s",
        "UPDATE position SET sequence = %s WHERE source = '/routing/cases' AND subject = %s",
    ):
        values = [again["id"]] if "inbox" in statement else [again["sequence"] - 1, row[3]]
        system.psql("intake", statement, values)
    publish(system.broker, "routing", [again])
    eventually(lambda: DOUBLED in check(system, work.history.file).of("doubled"), DOUBLED)


def deaths(system, armed) -> Iterator[str]:
    """The processes, as one after the other has died where it should."""
    waiting = set(armed)

    def dead() -> set[str]:
        return {name for name in waiting if not system.process(name).running}

    while waiting:
        for name in eventually(dead, f"the death of {waiting}", 60):
            assert system.process(name).exit_code == -SIGKILL, system.process(name).tail()
            waiting.discard(name)
            yield name
