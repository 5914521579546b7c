"""A reporter is shown the clocks that run for them, and none that has stopped."""

from datetime import timedelta

import pytest

from tests.service.intake.test_consenting import ask, consent, hear, said, seen


class Life:
    """Hears what becomes of a report, on days of November 2026."""

    def __init__(self, worker, receipt):
        self._worker, self._receipt, self._heard = worker, receipt, {}

    def case(self, what, day, status, **data):
        self._hear(f"case.{what}.v1", "cases", at=on(day), status=status, **data)

    def clock(self, what, clock, day, cycle=1, **data):
        due = {"due_at": on(day), "ends_on": f"2026-11-{day:02}"}
        self._hear(f"deadline.{what}.v1", "deadlines", clock=clock, cycle=cycle, **due, **data)

    def mail(self, about, reason, day, cycle):
        told = {"about": about, "reason": reason, "cycle": cycle}
        self._hear("message.failed.v1", "messages", at=on(day), **told)

    def _hear(self, type, stream, **data):
        self._heard[stream] = self._heard.get(stream, 0) + 1
        hear(self._worker, self._receipt, type, self._heard[stream], **data)


def on(day):
    return f"2026-11-{day:02}T03:00:00Z"


@pytest.fixture
def life(worker, receipt):
    return Life(worker, receipt)


def shown(api, receipt):
    return {one["clock"]: one["ends_on"] for one in seen(api, receipt)["deadlines"]}


def asked_first(api, receipt):
    rules = ask(api, receipt, "escalation-check").json()["rules"]
    return next(rule for rule in rules if rule["rule"] == "agency_asked_first")


def test_the_time_to_object_to_an_earlier_answer_is_not_shown_with_a_later_one(api, receipt, life):
    """That the later one's mail is refused starts no time to object (ADR 9)."""
    life.case("answered", 2, "answered", cycle=1)
    life.clock("started", "R", 16)
    first = shown(api, receipt)
    life.case("objected", 3, "in_progress", cycle=2)
    life.case("answered", 25, "answered", cycle=2)
    life.mail("answered", "rejected", 25, cycle=2)
    unheard = shown(api, receipt)
    life.clock("started", "R", 30, cycle=2)

    assert first == {"R": "2026-11-16"}
    assert unheard == {}
    assert shown(api, receipt) == {"R": "2026-11-30"}


def test_of_a_report_whose_round_nobody_has_said_the_newest_time_to_object_is_shown(
    api, intake_db, receipt, life
):
    life.case("answered", 2, "answered", cycle=1)
    life.clock("started", "R", 16)
    intake_db.psql("UPDATE report SET cycle = NULL")  # as it was before that was kept

    assert shown(api, receipt) == {"R": "2026-11-16"}


def test_who_follows_another_report_is_shown_no_clock_that_counts_with_that(api, receipt, life):
    life.case("disposed", 2, "disposed", cycle=1)
    for clock, day in (("V", 3), ("D", 5), ("F", 9), ("A", 10), ("S", 20)):
        life.clock("started", clock, day)
    alone = shown(api, receipt)
    life.clock("passed", "S", 20)

    life.case("merged", 21, "in_progress", cycle=1)
    followed = [shown(api, receipt)]
    for what, day, status in (
        ("data_requested", 22, "awaiting_reporter"), ("resumed", 23, "in_progress"),
        ("returned", 24, "unverified"),
    ):  # fmt: skip
        life.case(what, day, status)
        followed.append(shown(api, receipt))

    assert alone == {"F": "2026-11-09", "S": "2026-11-20"}
    assert followed == [{}] * 4
    life.case("answered", 25, "answered", cycle=1)
    life.clock("started", "R", 29)
    assert shown(api, receipt) == {"R": "2026-11-29"}


def test_who_followed_another_report_and_has_their_own_reopened_is_shown_its_clock(
    api, receipt, life
):
    life.case("merged", 2, "answered", cycle=1)
    life.case("closed", 3, "closed", cycle=1)
    life.case("reopened", 4, "in_progress", cycle=2)
    life.clock("started", "S", 24, cycle=2)

    assert shown(api, receipt) == {"S": "2026-11-24"}


def test_who_follows_another_report_is_not_told_that_the_time_for_a_hand_over_has_come(
    api, receipt, life
):
    """Their own S, passed or not, gives no right any more: it counts with the other report."""
    life.case("disposed", 2, "disposed", cycle=1)
    life.clock("started", "H", 29)
    life.clock("started", "S", 20)
    running = asked_first(api, receipt)
    life.clock("passed", "S", 20)
    passed = asked_first(api, receipt)
    life.case("merged", 22, "in_progress", cycle=1)
    merged = asked_first(api, receipt)
    life.clock("passed", "H", 29)

    assert (running["holds"], running["day"]) == (False, "2026-11-20")
    assert passed["holds"] is True
    assert (merged["holds"], merged["day"]) == (False, "2026-11-29")
    assert asked_first(api, receipt)["holds"] is True


def test_who_follows_another_report_is_warned_if_their_own_limit_ends_too_late(
    api, intake_db, receipt, worker, life
):
    intake_db.psql("UPDATE report SET event_date = now()::date - interval '2 years' + '10 days'")
    started = worker.clock.now().isoformat()
    late = {"due_at": "2099-01-01T15:59:59Z", "ends_on": "2099-01-01"}
    hear(worker, receipt, "deadline.started.v1", 1, clock="S", cycle=1, due_at=started)
    hear(worker, receipt, "deadline.started.v1", 2, clock="H", cycle=1, **late)
    before = asked_first(api, receipt)
    life.case("merged", 22, "in_progress", cycle=1)
    after = asked_first(api, receipt)

    assert "too late" not in before["en"]
    assert (after["day"], "too late" in after["en"]) == ("2099-01-01", True)


@pytest.mark.parametrize(
    "since",
    [
        "UPDATE report SET reopen_until = now() + %s::interval",
        "UPDATE report SET status_since = now() - interval '30 days' + %s::interval,"
        " reopen_until = NULL",
    ],
    ids=["as_routing_said", "formerly"],
)
@pytest.mark.parametrize(
    ("how", "status"), [("archived", "archived"), ("forwarded", "forwarded_externally")]
)
def test_what_was_set_aside_too_long_ago_takes_neither_objection_nor_identity(
    api, intake_db, receipt, worker, life, since, how, status
):
    life.case(how, 2, status)
    intake_db.psql(since, ["1 hour"])
    before = seen(api, receipt)["actions"], ask(api, receipt, "escalation-check").json()
    intake_db.psql(since, ["-1 hour"])
    after = seen(api, receipt)["actions"], ask(api, receipt, "escalation-check").json()

    always = ["replace_contact"]  # it can be taken away
    offered = [["consent_to_escalation", "object", *always], always]
    assert [actions for actions, _ in (before, after)] == offered
    assert [check["possible"] for _, check in (before, after)] == [True, False]
    told = {rule["rule"]: rule for rule in after[1]["rules"]}["not_over"]
    assert (told["holds"], "your consent holds" in told["en"]) == (False, False)
    assert ask(api, receipt, "objections", {"reason": "Belum selesai"}).status_code == 409
    assert consent(api, receipt).status_code == 409
    asked = ("report.objected.v1", "report.escalation_consented.v1", "report.words_sealed.v1")
    assert said(intake_db, *asked) == []


@pytest.mark.parametrize(
    ("what", "status", "action"),
    [
        ("closed", "closed", "reopen"),
        ("archived", "archived", "object"),
        ("forwarded", "forwarded_externally", "object"),
    ],
)
def test_how_long_a_report_may_be_taken_up_again_is_told_as_routing_says(
    api, receipt, worker, life, what, status, action
):
    """By whatever number of days it has that from: intake knows none."""
    now = worker.clock.now()
    over, ahead = ((now + timedelta(days=n)).isoformat() for n in (-1, 90))
    offered = []
    for until in (over, ahead):
        life.case(what, 2, status, reopen_until=until)
        shown = seen(api, receipt)
        *_, line = (one for one in shown["timeline"] if one["what"] == f"case.{what}")
        assert line["detail"]["reopen_until"] == until
        offered.append(action in shown["actions"])
        life.case("objected", 3, "in_progress")

    assert offered == [False, True]


def test_a_refusal_leaves_the_time_to_take_it_up_again_as_it_was_said(api, receipt, worker, life):
    until = (worker.clock.now() + timedelta(days=90)).isoformat()
    life.case("closed", 2, "closed", reopen_until=until)
    life.case("refused", 3, "closed", action="accept", reason_code="too_late")

    assert "reopen" in seen(api, receipt)["actions"]
