"""No row is forgotten: in whatever state it was left, it is taken up, or somebody hears of it."""

import re
import time
from contextlib import contextmanager
from signal import SIGCONT, SIGSTOP

import pytest

from services.escalation.ombudsman.answers import Declined
from tests.contract.measures import rules, seconds_of
from tests.failure.accounting import Accepted, settle, submit
from tests.failure.stuck import planted, states
from tests.harness.alerts import watched
from tests.harness.waiting import eventually

pytestmark = pytest.mark.fault

HEARD_WITHIN = 300  # seconds
COUNTED = 'lapor_accounted{what=~"reports_accepted|cases|cases_known|reporters"}'
OFFSET = re.compile(r" offset (\w+)")

# Why nothing has to end these.
RESTS = {
    "what was said or done, and stays": (
        "every.inbox", "every.inbox.state=done", "every.stream", "every.position",
        "every.idempotency", "every.epoch", "every.tally", "routing.denial",
        "escalation.denial", "escalation.ended_grant", "escalation.consent_end",
        "intake.timeline_entry", "intake.reply", "intake.receipt_key", "intake.lost_report",
        "intake.pepper",
        "routing.case_event", "routing.agency_event", "routing.trail_link", "routing.evidence",
        "routing.reply", "routing.reporter_note", "routing.officer_event", "notify.message",
        "notify.message.state=delivered", "notify.message.reason=no_address",
        "notify.message.state=overtaken",  # it is not true any more
        "notify.message.state=failed", "notify.message.settled_at",  # escalation was told so
        "notify.message.reason=rejected", "notify.message.reason=expired",
        "notify.attempt.outcome=delivered", "notify.attempt.outcome=rejected",
        "notify.attempt.outcome=unavailable", "notify.attempt.outcome=withheld",
        "notify.attempt.outcome=hindered", "notify.attempt.outcome=unreadable",
        "notify.attempt.outcome=unknown", "notify.reporter.state=unreachable",
        "notify.reporter.since",
        "notify.reporter.state=held", "notify.reporter.state=erased",
        "escalation.clock_change", "escalation.clock_change.before",
        "escalation.clock_change.after", "escalation.clock_change.reason=paused",
        "escalation.clock_change.reason=resumed", "escalation.clock_change.reason=reclassified",
        "escalation.clock_change.reason=calendar", "escalation.clock_change.reason=limit",
        "escalation.clock_change.reason=promise",
        "escalation.case_event", "escalation.dossier", "escalation.handover_answer",
        "escalation.former_day",
        *(f"escalation.handover_answer.reason={why}" for why in Declined),
        "routing.ombudsman_answer", "routing.ombudsman_words",
        "escalation.feed_entry", "escalation.feed_stream", "escalation.feed_key",
        "escalation.feed_checkpoint", "escalation.feed_key_use", "escalation.feed_epoch",
        "escalation.feed_acknowledgement", "escalation.feed_broadcast", "escalation.feed_pulse",
        "escalation.feed_key_withdrawal",
        "escalation.feed_poke", "escalation.feed_poke.settled_at",
        "escalation.feed_poke.outcome=delivered", "escalation.feed_poke.outcome=expired",
        "escalation.feed_poke.outcome=withdrawn", "escalation.feed_poke.next_try_at",
    ),
    "a copy of what the sender of its events holds": (
        "intake.deadline", "intake.deadline.due_at", "intake.deadline.passed_at",
        "intake.promise", "routing.deadline", "routing.deadline.due_at",
        "routing.deadline.approached_at", "routing.deadline.passed_at",
        "routing.deadline.cleared_at", "routing.deadline.started_at", "routing.cases.due_at",
        "routing.deadline.stood_at", "routing.deadline.stood_due_at",
    ),
    "the date of a step: where a case stands, its status says": (
        "routing.cases.verified_at", "routing.cases.disposed_at", "routing.cases.asked_at",
        "routing.cases.ended_at", "routing.cases.reopen_until", "intake.report.reopen_until",
        "escalation.case_state.reopen_until", "routing.cases.offered_at",
        "routing.cases.handed_over_at",
        "routing.cases.outcome=fulfilled", "routing.cases.outcome=partly_fulfilled",
        "routing.cases.outcome=not_fulfilled", "routing.cases.outcome=explained",
        "intake.report.consented_at", "intake.report.handed_over_at",
        "escalation.case_state.offered_at", "escalation.case_state.handed_over_at",
        "escalation.clock.passed_at", "escalation.breaker.measured_at",
        "escalation.due.armed_at",
        "escalation.breaker.released_through", "escalation.breaker.looked_at",
        "escalation.breaker.restored_at",
    ),
    "waits for a person, and a clock that never pauses watches": (
        "escalation.pause", "escalation.pause.ended_at", "escalation.breach",
        "escalation.breach.closed_at",
    ),
    "kept until its reporter withdraws, or an operator erases it": (
        "escalation.sealed_part", "escalation.dossier.erased_at",
        "escalation.dossier.consent_ended_at",
    ),
    "ends with the message that it is for": ("notify.former_reach",),
    "what people set up": (
        "intake.code", "routing.agency", "routing.district", "routing.category",
        "routing.routing_rule", "routing.routing_limit", "routing.acknowledgement",
        "routing.officer", "routing.officer.disabled_at", "escalation.calendar_year",
        "escalation.calendar_day", "escalation.limit_rule", "escalation.ladder_rule",
        "escalation.service_calendar", "escalation.calendar_week", "escalation.local_day",
        "escalation.calendar_assignment", "escalation.amendment", "escalation.post_standing",
        "intake.admission_rule", "notify.post",
        "escalation.feed_target", "escalation.feed_target.confirmed_at",
    ),
    "ends by its own date, or is written anew": (
        "routing.session", "routing.sign_in_throttle", "routing.device", "routing.trail_mark",
        "escalation.publication",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def numbers(system):
    """Reports with their cases, their clocks and their messages."""
    accepted = Accepted()
    submit(system, 4, accepted)
    settle(system, accepted)
    eventually(lambda: system.psql("notify", DELIVERED) == [(4,)], "their messages")
    return sorted(accepted.numbers)


DELIVERED = "SELECT count(*) FROM message WHERE state = 'delivered'"


def unlisted(system, numbers):
    """The states that are there and not listed, and those that are listed and not there."""
    ended = {state for one in planted(system, numbers) for state in one.covers}
    return states(system) ^ (ended | {state for group in RESTS.values() for state in group})


def test_every_state_is_listed(system, numbers):
    assert unlisted(system, numbers) == set()


def test_a_new_state_is_noticed(system, numbers):
    """The negative control of the list."""
    for change, undo, found in (
        ("CREATE TABLE lost (id int)", "DROP TABLE lost", "notify.lost"),
        ("ALTER TABLE reporter ADD asked_at timestamptz", "ALTER TABLE reporter DROP asked_at",
         "notify.reporter.asked_at"),
        ("ALTER TABLE message ADD CONSTRAINT more CHECK (state IN ('due', 'sending', 'delivered',"
         " 'failed', 'limbo'))", "ALTER TABLE message DROP CONSTRAINT more",
         "notify.message.state=limbo"),
    ):  # fmt: skip
        system.psql("notify", change)
        assert unlisted(system, numbers) == {found}
        system.psql("notify", undo)


@contextmanager
def asleep(system):
    """No worker does anything."""
    workers = [p for p in system.processes() if p.name.endswith("-worker")]
    for worker in workers:
        worker.signal(SIGSTOP)
    try:
        yield
    finally:
        for worker in workers:
            worker.signal(SIGCONT)


def missing(watch, hop):
    """Whether a comparison of counts shows less than there should be. It looks some minutes back
    for what is only under way; here nothing is, so it is asked about now."""
    [rule] = [r for r in rules() if r.get("labels", {}).get("hop") == hop]
    return watch.value(f"({OFFSET.sub('', rule['expr'])}) > 0") != []


def still_to_come(alert):
    """How many seconds after that an alert fires, or a comparison's."""
    hop = alert.partition("hop ")[2]
    [told] = [r["expr"] for r in rules() if hop and r.get("labels", {}).get("hop") == hop] or [""]
    name = "ReportsUnaccounted" if hop else alert
    [rule] = [r for r in rules() if r.get("alert") == name]
    return seconds_of(rule.get("for", "0s")) + sum(map(seconds_of, OFFSET.findall(told)))


def is_heard(watch, one):
    if one.alert.startswith("hop "):
        return missing(watch, one.alert.removeprefix("hop "))
    found = watch.alerts("pending", "firing").get(one.alert, [])
    return any(labels.get("service", one.service) == one.service for labels in found)


def forgotten(system, watch, rows):
    """Those of the planted rows that were not taken up, and that nobody hears of."""
    return [
        one
        for one in rows
        if not (is_heard(watch, one) if one.alert else not system.psql(one.service, one.left))
    ]


def test_no_row_is_forgotten(system, numbers, cache):
    with watched(system, cache) as watch:
        # each worker counts at a moment of its own: until all have, reports seem to be missing
        told = [float(len(numbers))] * 5
        eventually(lambda: watch.value(COUNTED) == told, "all have counted", 90, every=1)
        rows = planted(system, numbers)
        with asleep(system):
            for one in rows:
                system.psql(one.service, one.sql)
            # the negative control: who does nothing is found out
            assert forgotten(system, watch, rows) == rows
        started = time.monotonic()
        left, ended = list(rows), {}

        def all_ended():
            left[:] = forgotten(system, watch, left)
            for one in set(rows) - set(left) - ended.keys():
                ended[one] = time.monotonic() - started
            return not left

        try:
            eventually(all_ended, "every row's end", HEARD_WITHIN, every=1)
        except AssertionError:
            raise AssertionError([(one.service, one.name) for one in left]) from None
    heard = {
        (one.service, one.name): seconds + still_to_come(one.alert) if one.alert else seconds
        for one, seconds in ended.items()
    }
    assert {what: seconds for what, seconds in heard.items() if seconds > HEARD_WITHIN} == {}
