"""Before a consent a reporter is told which limit is waited for, or has passed: that the regency
has time, or is late, is said of its own limit only."""

import pytest

from tests.service.intake.test_consenting import ask, hear

AT = "2027-01-01T16:00:03Z"
H, LATER_S, S = "2027-01-01", "2027-02-10", "2026-11-20"
# What is said of the regency's own time, and of that before a hand-over.
HAS_TIME = {"id": "masih punya waktu sampai", "en": "has time until"}
IS_LATE = {"id": "batas waktu penyelesaiannya sudah lewat", "en": "its time has passed"}
WAITS = {
    "id": "sebelum laporan dapat dilimpahkan ke Ombudsman berlangsung sampai 1 Januari 2027.",
    "en": "The time before a report may be handed over lasts until 1 January 2027.",
}
HAS_COME = {
    "id": "jangka waktu sebelum laporan dapat dilimpahkan ke Ombudsman sudah berakhir",
    "en": "the time after which a report may be handed over has come",
}


def limit(what, clock, day, **more):
    due = {"due_at": f"{day}T15:59:59Z", "ends_on": day}
    return (f"deadline.{what}.v1", {"clock": clock, "cycle": 1} | due | more)


ANSWERED = [
    ("case.answered.v1", {"status": "answered", "cycle": 1, "at": "2026-11-20T07:00:00Z"}),
    ("deadline.recomputed.v1", {"clock": "S", "cycle": 1, "reason": "paused", "after": None,
                                "before": f"{S}T15:59:59Z", "ends_on": None}),
    limit("started", "R", "2027-01-08"),
]  # fmt: skip
# What is heard before H passes: of a supervisory complaint, whose S ends later; of one that was
# answered in time, while R runs; and of one whose S was kept after all.
STORIES = {
    "supervisory": [limit("started", "H", H), limit("started", "S", LATER_S)],
    "answered-in-time": [limit("started", "H", H), limit("started", "S", S), *ANSWERED],
    "kept-after-all": [
        limit("started", "H", H), limit("started", "S", S),
        limit("passed", "S", S, at="2026-11-20T16:00:03Z"), limit("kept", "S", S), *ANSWERED,
    ],
}  # fmt: skip


@pytest.fixture
def heard(worker, receipt):
    """Hears these events, each the next of its stream."""
    sequences = {}

    def hear_all(told):
        for type, data in told:
            stream = type.partition(".")[0]
            sequences[stream] = sequences.get(stream, 0) + 1
            hear(worker, receipt, type, sequences[stream], **data)

    return hear_all


def asked_first(api, receipt):
    rules = ask(api, receipt, "escalation-check").json()["rules"]
    return next(rule for rule in rules if rule["rule"] == "agency_asked_first")


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("story", STORIES)
def test_where_only_h_gives_the_day_the_regency_has_no_time_and_is_not_late(
    api, receipt, heard, story, language
):
    heard(STORIES[story])
    waiting = asked_first(api, receipt)
    heard([limit("passed", "H", H, at=AT)])
    offered = asked_first(api, receipt)

    assert [(waiting["holds"], waiting["day"]), offered["holds"]] == [(False, H), True]
    assert WAITS[language] in waiting[language]
    assert HAS_TIME[language] not in waiting[language]
    assert HAS_COME[language] in offered[language]
    assert IS_LATE[language] not in offered[language]


@pytest.mark.parametrize("language", ["id", "en"])
def test_of_the_regencys_own_limit_it_is_said_that_it_has_time_and_then_that_it_is_late(
    api, receipt, heard, language
):
    heard([limit("started", "H", H), limit("started", "S", S)])
    waiting = asked_first(api, receipt)
    heard([limit("passed", "S", S, at="2026-11-20T16:00:03Z")])
    late = asked_first(api, receipt)

    assert (waiting["day"], HAS_TIME[language] in waiting[language]) == (S, True)
    assert IS_LATE[language] in late[language]
    assert HAS_COME[language] not in late[language]
