"""Who is offered the Ombudsman reads why; that the regency is late only if its own time is over."""

from __future__ import annotations

from typing import Any

import pytest

from tests.service.notify.desk import Desk

AT = "2026-12-07T16:00:03Z"
LATE = {"id": "belum selesai pada waktunya", "en": "was not settled in time"}
WAITED = {
    "id": "Jangka waktu sebelum laporan Anda dapat dilimpahkan ke Ombudsman sudah berakhir.",
    "en": "The time after which your report may be handed over to the Ombudsman has come.",
}
EITHER = {
    "id": "Salah satu batas waktu laporan Anda sudah berakhir.",
    "en": "A time limit of your report is over.",
}
S = {"clock": "S", "cycle": 1, "due_at": "2026-11-20T15:59:59Z", "ends_on": "2026-11-20"}
BY_S = ("escalation.offered.v1", {"reason": "settlement_passed", "at": "2026-11-20T16:00:03Z"})
BY_H = ("escalation.offered.v1", {"reason": "handover_limit", "at": AT})
# What is heard of a supervisory complaint, whose S runs on; of one that was answered in time; and
# of one whose S was said to have passed, and was kept after all.
STORIES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "supervisory": [BY_H],
    "answered-in-time": [("case.answered.v1", {"cycle": 1}), BY_H],
    "kept-after-all": [
        ("deadline.passed.v1", S | {"at": BY_S[1]["at"]}),
        BY_S,
        ("deadline.kept.v1", S | {"at": "2026-11-21T02:00:00Z"}),
        (
            "escalation.offer_taken_back.v1",
            {"offered_at": BY_S[1]["at"], "at": "2026-11-21T02:00:00Z"},
        ),
        BY_H,
    ],
}


def told(desk: Desk) -> str:
    """The last mail, as one line."""
    desk.send()
    return " ".join(desk.postbox.mails[-1].get_content().split())


@pytest.fixture(params=["id", "en"])
def language(request: pytest.FixtureRequest, desk: Desk) -> str:
    """That of a reporter who can be told."""
    desk.hear_contact(language=request.param)
    desk.hear("case.opened.v1")
    return str(request.param)


@pytest.mark.parametrize("story", STORIES)
def test_an_offer_by_the_hand_over_limit_accuses_nobody(
    desk: Desk, language: str, story: str
) -> None:
    for type, data in STORIES[story]:
        assert desk.hear(type, **data) == "done"
        desk.later(seconds=15)
        last = told(desk)

    assert WAITED[language] in last
    assert LATE[language] not in last


def test_an_offer_by_the_settlement_limit_says_that_the_report_was_not_settled_in_time(
    desk: Desk, language: str
) -> None:
    desk.hear(BY_S[0], **BY_S[1])

    mail = told(desk)

    assert LATE[language] in mail
    assert WAITED[language] not in mail


def test_an_offer_of_which_it_was_not_kept_by_which_limit_is_written_all_the_same(
    desk: Desk, language: str
) -> None:
    """It was filed before that was kept, and waits for the morning."""
    desk.hear(BY_S[0], **BY_S[1])
    desk.database.psql("UPDATE message SET facts = facts - 'basis'")

    mail = told(desk)

    assert EITHER[language] in mail
    assert LATE[language] not in mail
