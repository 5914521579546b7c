"""Two administrators set where pokes go: two accounts that one of them holds are no two."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from tests.service.escalation.test_denials import broken
from tests.service.escalation.test_pokes import (
    CONFIRMATION,
    TARGET,
    URL,
    Administrators,
    office_staff,
)
from tests.service.escalation.tower import Tower

__all__ = ["office_staff"]
A, B, C, D = (UUID(int=n) for n in range(1, 5))
HELD = "one administrator has held both accounts, by a first password"
LATE = "who confirms had their first password before the proposal: propose anew"
UNKNOWN = "it is not known who gave these two accounts their first passwords"


def refusal(staff: Administrators, proposer: str, confirmer: str) -> str | None:
    """Why the second may not confirm what the first proposes; None if they may."""
    assert staff.ask(proposer, "PUT", TARGET, URL).status_code == 200
    answer = staff.ask(confirmer, "POST", CONFIRMATION, URL)
    assert answer.status_code in (200, 409), answer.text
    return answer.json["title"] if answer.status_code == 409 else None


@pytest.mark.parametrize(
    ("givers_of_a", "givers_of_b", "said"),
    [
        ((), (), None),
        ((C,), (D,), None),
        ((), (A,), HELD),  # who proposes made the account that confirms
        ((B,), (), HELD),  # who confirms made the account that proposed
        ((), (C, D, A), HELD),  # through others
        ((C,), (C,), HELD),  # a third one made both
        ((D, C), (C,), HELD),
    ],
)
def test_nobody_stands_behind_both_accounts(
    office_staff: Administrators,
    givers_of_a: tuple[UUID, ...],
    givers_of_b: tuple[UUID, ...],
    said: str | None,
) -> None:
    first, second = office_staff.token(*givers_of_a, id=A), office_staff.token(*givers_of_b, id=B)

    assert refusal(office_staff, first, second) == said


@pytest.mark.parametrize("later", [timedelta(), timedelta(hours=1)])
def test_an_account_that_was_opened_after_the_proposal_does_not_confirm_it(
    office_staff: Administrators, later: timedelta
) -> None:
    """Whoever opened it, also an operator."""
    opened = office_staff.before + timedelta(days=1) + later

    assert refusal(office_staff, office_staff.first, office_staff.token(at=opened)) == LATE


def test_what_is_not_known_of_an_account_makes_it_nobody_elses(
    office_staff: Administrators,
) -> None:
    nobody_knows = office_staff.token(known=False)

    assert refusal(office_staff, office_staff.first, nobody_knows) == UNKNOWN
    assert refusal(office_staff, nobody_knows, office_staff.first) == UNKNOWN


def test_a_refused_confirmation_changes_nothing(office_staff: Administrators) -> None:
    made = office_staff.token(A, id=uuid4())
    assert refusal(office_staff, office_staff.token(id=A), made) == HELD

    shown = office_staff.ask(made, "GET", TARGET).json
    assert (shown["url"], shown["proposal"]["url"]) == (None, URL)


@pytest.fixture
def told(bare_tower: Tower, office_staff: Administrators) -> Tower:
    """A target is set, and another one is proposed."""
    assert refusal(office_staff, office_staff.first, office_staff.second) is None
    other = "https://elsewhere.example/other?key=secret"
    assert office_staff.ask(office_staff.first, "PUT", TARGET, other).status_code == 200
    return bare_tower


def test_the_ombudsman_is_told_to_which_host_it_is_poked(
    told: Tower, office_staff: Administrators
) -> None:
    assert office_staff.ask(office_staff.second, "PUT", TARGET, None).status_code == 200
    told.append()

    entries = told.entries("monitoring")
    assert [(e["type"], e["subject"], e["data"]["host"]) for e in entries] == [
        ("feed.target.proposed.v1", "target", "ombudsman.example"),
        ("feed.target.confirmed.v1", "target", "ombudsman.example"),
        ("feed.target.proposed.v1", "target", "elsewhere.example"),
        ("feed.target.proposed.v1", "target", None),
    ]
    at = "2026-11-02T02:00:00Z"
    assert entries[0]["data"].items() >= {"id": 1, "proposed_at": at}.items()
    assert entries[1]["data"].items() >= {"id": 1, "confirmed_at": at}.items()
    assert "secret" not in str(entries)
    assert broken(told) is None


def test_what_is_refused_is_not_told(bare_tower: Tower, office_staff: Administrators) -> None:
    assert refusal(office_staff, office_staff.first, office_staff.first) is not None
    bare_tower.append()

    assert [e["type"] for e in bare_tower.entries("monitoring")] == ["feed.target.proposed.v1"]


FORGED = "url, proposed_by, handed_by, proposed_at, confirmed_by, confirmed_at"


@pytest.mark.parametrize("appended", [True, False])
@pytest.mark.parametrize(
    ("forgery", "found"),
    [
        ("UPDATE feed_target SET url = 'https://x.example/' WHERE id = 1", "1 was changed"),
        ("UPDATE feed_target SET handed_by = NULL WHERE id = 2", "2 was changed"),
        ("UPDATE feed_target SET confirmed_by = gen_random_uuid() WHERE id = 1", "1 was changed"),
        ("UPDATE feed_target SET confirmed_by = NULL, confirmed_at = NULL", "1 is gone"),
        ("UPDATE feed_target SET confirmed_by = gen_random_uuid(), confirmed_at = now()"
         " WHERE id = 2", "2 was never told"),
        (f"INSERT INTO feed_target ({FORGED}) SELECT {FORGED} FROM feed_target WHERE id = 1",
         "3 was never told"),
        ("DELETE FROM feed_target WHERE id = 2", "2 is gone"),
    ],
)  # fmt: skip
def test_a_target_that_is_set_past_the_two_is_found_and_named(
    told: Tower, forgery: str, found: str, appended: bool
) -> None:
    if appended:
        told.append()
    assert broken(told) is None

    told.database.psql(forgery)

    assert broken(told) == f"feed_target {found}"
