"""A guesser has a hundred tries for a name, then none for a day; and keeps nobody out who signs in
from where they did before."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from itertools import count

import pytest
import sqlalchemy as sa

from services.routing import passwords, throttle
from tests.service.routing.office import PASSWORD

pytestmark = pytest.mark.usefixtures("still")

NEW = "perahu kertas di teluk tamiang"
FEW = 7
DAY = 86_400
MADE_UP = "A" * 43
_desks = count()


def settle_in(office, username):
    """A fresh account with the known password."""
    office.database.psql(
        "INSERT INTO officer (id, username, role, agency, password_hash, must_change_password,"
        " created_at) SELECT gen_random_uuid(), %s, role, agency, password_hash, false, now()"
        " FROM officer WHERE username = 'liaison'",
        [username],
    )
    return username


@pytest.fixture
def desk(office):
    return settle_in(office, f"meja-{next(_desks)}")


@pytest.fixture
def few(monkeypatch):
    """It ends after seven failures, and not only after a hundred."""
    monkeypatch.setattr(throttle, "MOST", FEW)


def guess(office, username, times, device=None):
    """What so many wrong passwords were answered, each tried when no delay held it back."""
    found = []
    for number in range(times):
        found.append(office.sign_in(username, f"guess {number}", device).status_code)
        office.later(seconds=43)
    return found


def device_of(office, username):
    return office.sign_in(username).json["device"]


def is_known(office, username, device):
    answer = office.sign_in(username, device=device)
    assert answer.status_code == 200, answer.text
    return answer.json["device"] == device


def change(office, token, old, new=NEW):
    body, header = {"password": old, "new_password": new}, {"Authorization": f"Bearer {token}"}
    return office.ask("POST", "/v1/officers/password", body, **header)


def devices(office, username):
    kept = "SELECT count(*) FROM device JOIN officer o ON o.id = officer_id WHERE username = %s"
    return office.database.psql(kept, [username])[0][0]


def test_after_a_hundred_failures_a_name_takes_no_more_for_a_day(office, desk):
    names, found = (desk, "nobody-at-this-desk"), []
    for number in range(throttle.MOST):
        found += [office.sign_in(name, f"guess {number}").status_code for name in names]
        office.later(seconds=43)
    assert found == [401] * 200

    refused = [office.sign_in(name) for name in names]
    assert [answer.status_code for answer in refused] == [429, 429]
    assert len({answer.json["title"] for answer in refused}) == 1
    assert all(DAY - 3 <= int(answer.headers["retry-after"]) <= DAY for answer in refused)

    office.later(hours=23, minutes=59)
    assert [office.sign_in(name).status_code for name in names] == [429, 429]
    office.later(minutes=1)
    assert [office.sign_in(name).status_code for name in names] == [200, 401]


def test_a_guesser_whom_nothing_ends_goes_on(office, desk, monkeypatch):
    """The negative control: it is that number which ends it."""
    monkeypatch.setattr(throttle, "MOST", 10**6)
    assert guess(office, desk, 104) == [401] * 104


def test_the_next_day_has_no_more_tries_than_the_one_before(office, few):
    assert guess(office, "some-name", FEW + 2) == [401] * FEW + [429] * 2
    office.later(days=1)
    assert guess(office, "some-name", FEW + 2) == [401] * FEW + [429] * 2


def test_failures_that_a_day_lies_behind_are_none(office, few):
    assert guess(office, "patient", FEW - 1) == [401] * (FEW - 1)
    office.later(days=1)
    assert guess(office, "patient", FEW - 1) == [401] * (FEW - 1)


def test_a_known_device_is_not_kept_out(office, desk, few):
    device = device_of(office, desk)
    assert guess(office, desk, FEW + 1) == [401] * FEW + [429]

    assert is_known(office, desk, device)
    # which gives the guesser nothing, and tells them nothing
    assert office.sign_in(desk, "wrong").status_code == 429
    assert office.sign_in(desk).status_code == 429


def test_a_device_is_known_for_its_own_account(office, desk, few):
    others = device_of(office, settle_in(office, f"meja-{next(_desks)}"))
    guess(office, desk, FEW)
    for device in (others, MADE_UP, "undefined", None):
        assert office.sign_in(desk, device=device).status_code == 429


def test_tries_from_a_device_are_counted_there_and_in_the_end_it_is_forgotten(office, desk, few):
    device = device_of(office, desk)
    wrong = [office.sign_in(desk, "wrong", device).status_code for _ in range(5)]
    assert wrong == [401] * 5
    slowed = office.sign_in(desk, device=device)
    assert (slowed.status_code, slowed.headers["retry-after"]) == (429, "1")
    assert office.sign_in(desk).status_code == 200  # the name has no failure

    office.later(seconds=43)
    assert guess(office, desk, FEW - 5, device) == [401] * (FEW - 5)
    assert not is_known(office, desk, device)
    before = devices(office, desk)
    office.service.forget_sessions()
    assert devices(office, desk) == before - 1


def test_a_success_forgives_the_failures_of_its_device(office, desk):
    device = device_of(office, desk)
    for _ in range(3):
        assert [office.sign_in(desk, "x", device).status_code for _ in range(4)] == [401] * 4
        assert is_known(office, desk, device)


def test_a_device_is_known_for_ninety_days_after_its_last_use(office, desk):
    device = device_of(office, desk)
    for _ in range(2):
        office.later(days=89)
        assert is_known(office, desk, device)
    office.later(days=90)
    assert not is_known(office, desk, device)
    office.service.forget_sessions()
    assert devices(office, desk) == 1


def test_the_database_cannot_give_a_device_away(office, desk):
    device = device_of(office, desk)
    [(stored,)] = office.database.psql("SELECT string_agg(device::text, ' ') FROM device")
    assert device not in stored
    assert device.encode().hex() not in stored
    assert len(device) >= 43


def test_an_officer_has_five_devices_and_one_that_came_again_stays(office, desk):
    kept = device_of(office, desk)
    office.later(minutes=1)
    assert is_known(office, desk, kept)
    others = []
    for _ in range(throttle.DEVICES + 2):  # a client that keeps no device
        office.later(minutes=1)
        others.append(device_of(office, desk))

    assert devices(office, desk) == throttle.DEVICES
    assert is_known(office, desk, kept)
    assert is_known(office, desk, others[-1])
    assert not is_known(office, desk, others[0])


def test_a_changed_password_forgets_every_device_and_gives_a_new_one(office, desk):
    answer = office.sign_in(desk)
    changed = change(office, answer.json["token"], PASSWORD)
    assert changed.status_code == 200, changed.text
    assert devices(office, desk) == 1
    again = office.sign_in(desk, NEW, changed.json["device"])
    assert again.json["device"] == changed.json["device"] != answer.json["device"]


@pytest.mark.parametrize("act", ["first-password", "disabling"])
def test_an_administrators_act_forgets_every_device(office, desk, act):
    device_of(office, desk)
    answer = office.ask("POST", f"/v1/officers/{desk}/{act}", as_="administrator")
    assert answer.status_code in (200, 204)
    assert devices(office, desk) == 0


def test_an_administrator_lets_in_at_once_whoever_was_kept_out(office, desk, few):
    guess(office, desk, FEW)
    assert office.sign_in(desk).status_code == 429
    path = f"/v1/officers/{desk}/first-password"
    first = office.ask("POST", path, as_="administrator").json["first_password"]
    assert office.sign_in(desk, first).status_code == 200


def test_a_password_can_be_changed_while_its_name_takes_no_tries(office, desk, few):
    token = office.sign_in(desk).json["token"]
    guess(office, desk, FEW)
    assert office.sign_in(desk).status_code == 429

    assert change(office, token, "wrong").status_code == 422
    assert change(office, token, PASSWORD).status_code == 200
    assert office.sign_in(desk, NEW).status_code == 200


def test_who_took_a_session_does_not_guess_its_password(office, desk, few):
    taken, own = (office.sign_in(desk).json["token"] for _ in range(2))
    wrong = [change(office, taken, f"guess {n}").status_code for n in range(6)]
    assert wrong == [422] * 5 + [429]
    office.later(seconds=43)
    assert change(office, taken, "wrong").status_code == 422
    office.later(seconds=43)
    assert change(office, taken, "wrong").status_code == 422
    office.later(seconds=43)
    ended = change(office, taken, PASSWORD)
    assert (ended.status_code, int(ended.headers["retry-after"]) > 43_200) == (429, True)

    assert change(office, own, PASSWORD).status_code == 200


def test_who_chooses_weak_passwords_has_guessed_none(office, desk, few):
    token = office.sign_in(desk).json["token"]
    weak = [change(office, token, PASSWORD, new).status_code for new in ["short", PASSWORD] * 5]

    assert set(weak) == {422}
    assert change(office, token, PASSWORD).status_code == 200


def test_a_success_gives_nothing_to_who_guesses_the_name_that_shares_its_place(office, desk, few):
    place = throttle._slot(desk)
    twin = next(n for n in (f"kembar-{i}" for i in count()) if throttle._slot(n) == place)
    settle_in(office, twin)
    assert guess(office, desk, FEW - 1) == [401] * (FEW - 1)
    for _ in range(3):  # and is itself no failure
        assert office.sign_in(twin).status_code == 200

    assert guess(office, desk, 2) == [401, 429]
    assert office.sign_in(twin).status_code == 429
    path = f"/v1/officers/{twin}/first-password"
    first = office.ask("POST", path, as_="administrator").json["first_password"]
    assert office.sign_in(twin, first).status_code == 200


def test_a_try_from_a_device_that_found_no_turn_is_none(office, desk, monkeypatch):
    device = device_of(office, desk)
    monkeypatch.setattr(passwords, "_queue", threading.BoundedSemaphore(1))
    with passwords._queue:
        refused = [office.sign_in(desk, "wrong", device).status_code for _ in range(8)]
    assert refused == [429] * 8
    assert [office.sign_in(desk, "wrong", device).status_code for _ in range(4)] == [401] * 4
    assert is_known(office, desk, device)


@contextmanager
def statements(office):
    """What is asked of the database meanwhile."""
    seen = []

    def note(_, __, statement, *___):
        seen.append(statement)

    sa.event.listen(office.db.engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(office.db.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("device", [None, MADE_UP])
def test_a_name_that_nobody_has_is_asked_for_in_the_same_words(office, desk, few, device):
    asked, nobody = {}, f"nobody-at-{desk}"
    for name in (desk, nobody):
        with statements(office) as asked[name]:
            assert guess(office, name, FEW + 1, device) == [401] * FEW + [429]
    assert asked[desk] == asked[nobody] != []
