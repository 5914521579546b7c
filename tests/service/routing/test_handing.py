"""Whose hands an administrator's account has been in is told with who is signed in."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any

import pytest

from chassis.errors import NotFound
from services.routing import handing, officers, passwords
from tests.service.routing.office import PASSWORD, Office
from tests.service.routing.test_sign_in_races import before
from tests.service.routing.test_vouching import claims

NAMES = (f"pengelola{n}" for n in count())


class Staff:
    """Makes administrators, and knows what is told of them."""

    def __init__(self, office: Office) -> None:
        self.office, self.root = office, "administrator"

    def make(self, by: str) -> str:
        """An administrator whose account `by` made, and who signed in."""
        name, body = next(NAMES), {"role": "administrator", "agency": None}
        answer = self.office.ask("POST", "/v1/officers", {"username": name, **body}, as_=by)
        assert answer.status_code == 201, answer.text
        return self.take(name, answer.json["first_password"])

    def reset(self, name: str, by: str) -> None:
        answer = self.office.ask("POST", f"/v1/officers/{name}/first-password", as_=by)
        assert answer.status_code == 200, answer.text
        self.take(name, answer.json["first_password"])

    def reset_by_operator(self, name: str) -> None:
        first = passwords.first()
        with self.office.db.begin() as tx:
            now = self.office.clock.now()
            officers.begin_anew(tx, name, passwords.hashed(first), now)
        self.take(name, first)

    def take(self, name: str, first: str) -> str:
        """Whoever has the first password changes it."""
        session = self.office.sign_in(name, first).json["token"]
        body, bearer = {"password": first, "new_password": PASSWORD}, f"Bearer {session}"
        changed = self.office.ask("POST", "/v1/officers/password", body, Authorization=bearer)
        self.office._tokens[name] = changed.json["token"]
        return name

    def told(self, name: str) -> dict[str, Any]:
        answer = self.office.ask("POST", "/v1/officers/token", {}, as_=name)
        return claims(self.office, answer, "officer")

    def givers(self, name: str) -> list[str]:
        """By their names, nearest first."""
        named = dict(self.office.database.psql("SELECT id::text, username FROM officer"))
        return [named[id] for id in self.told(name)["handed_by"]]


@pytest.fixture
def staff(office: Office) -> Staff:
    return Staff(office)


def test_who_made_an_account_is_told_and_who_made_theirs(staff: Staff) -> None:
    first = staff.make(staff.root)
    second = staff.make(first)

    assert staff.givers(second) == [first, staff.root]
    assert staff.givers(first) == [staff.root]
    assert not {"handed_at", "handed_by"} & set(staff.told(staff.root))  # not on file


def test_a_new_first_password_counts_and_not_the_one_before(staff: Staff) -> None:
    first, second = staff.make(staff.root), staff.make(staff.root)
    made = datetime.fromisoformat(staff.told(second)["handed_at"])

    staff.reset(second, by=first)

    assert staff.givers(second) == [first, staff.root]
    assert datetime.fromisoformat(staff.told(second)["handed_at"]) > made


def test_after_an_operators_first_password_nobody_is_named(staff: Staff) -> None:
    second = staff.make(staff.root)
    made_before = staff.make(second)

    staff.reset_by_operator(second)

    assert staff.givers(second) == []
    assert staff.givers(staff.make(second)) == [second]
    assert staff.givers(made_before) == [second, staff.root]  # as it was when it was made


def test_a_line_that_is_too_long_to_be_told_is_not_told_in_part(
    staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = staff.make(staff.make(staff.root))
    monkeypatch.setattr(handing, "MOST", 1)

    assert not {"handed_at", "handed_by"} & set(staff.told(last))


def test_who_is_no_administrator_is_told_without(staff: Staff) -> None:
    body = {"username": next(NAMES), "role": "liaison", "agency": "dpupr"}
    made = staff.office.ask("POST", "/v1/officers", body, as_=staff.root)
    staff.take(body["username"], made.json["first_password"])

    assert not {"handed_at", "handed_by"} & set(staff.told(body["username"]))


def test_an_account_that_is_taken_back_gives_no_first_password_any_more(staff: Staff) -> None:
    """An operator takes it back after its session was found, and before another is made in its
    name: that one would bear the name of who has it now."""
    taken, name = staff.make(staff.root), next(NAMES)
    body = {"username": name, "role": "administrator", "agency": None}

    def take_back() -> None:
        staff.reset_by_operator(taken)

    with before(staff.office, lambda sql: "FOR KEY SHARE" in sql, take_back):
        answer = staff.office.ask("POST", "/v1/officers", body, as_=taken)

    assert answer.status_code == 401
    with pytest.raises(NotFound), staff.office.db.begin() as tx:
        officers._someone(tx, name)
