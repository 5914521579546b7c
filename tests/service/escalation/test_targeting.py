"""Two administrators set where pokes go: two accounts that one of them holds are no two."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from tests.service.escalation.test_pokes import (
    CONFIRMATION,
    TARGET,
    URL,
    Administrators,
    office_staff,
)

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
