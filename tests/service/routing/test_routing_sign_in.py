"""Who is signed in, for how long, and what a guesser gets."""

from __future__ import annotations

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from zlib import crc32

import pytest

from chassis import cli
from chassis.errors import TooMany
from chassis.idempotency import IdempotencyKey
from services.routing import passwords, throttle
from tests.service.routing.office import PASSWORD

NEW = "perahu kertas di teluk tamiang"


def me(office, token):
    return office.ask("GET", "/v1/officers/me", Authorization=f"Bearer {token}")


def change(office, token, old, new):
    body = {"password": old, "new_password": new}
    path = "/v1/officers/password"
    return office.ask("POST", path, body, Authorization=f"Bearer {token}")


@pytest.fixture
def newcomer(office, request):
    """A fresh account, and its first password."""
    username = f"baru-{crc32(request.node.name.encode())}"
    body = {"username": username, "role": "liaison", "agency": "dpupr"}
    made = office.ask("POST", "/v1/officers", body, "administrator")
    assert made.status_code == 201, made.text
    return username, made.json["first_password"]


def test_signing_in_gives_a_session_and_says_who_one_is(office):
    answer = office.sign_in("Liaison")
    assert answer.status_code == 200
    assert (answer.json["role"], answer.json["agency"]) == ("liaison", "dpupr")
    assert me(office, answer.json["token"]).json["username"] == "liaison"


def test_the_database_cannot_give_a_session_away(office):
    token = office.token("liaison")
    [(stored,)] = office.database.psql("SELECT string_agg(session::text, ' ') FROM session")
    assert token not in stored
    assert len(token) >= 43


def test_a_session_ends_when_nothing_happens_for_half_an_hour(office):
    token = office.token("liaison")
    for minutes in (29, 29, 29):
        office.later(minutes=minutes)
        assert me(office, token).status_code == 200
    office.later(minutes=31)
    assert me(office, token).status_code == 401


def test_a_session_ends_after_twelve_hours_however_busy(office):
    token = office.token("liaison")
    for _ in range(36):
        office.later(minutes=20, seconds=-1)
        assert me(office, token).status_code == 200
    office.later(minutes=1)
    assert me(office, token).status_code == 401


def test_signing_out_ends_that_session_at_once(office):
    tokens = [office.sign_in("stranger").json["token"] for _ in range(2)]
    out = office.ask("POST", "/v1/officers/sign-out", Authorization=f"Bearer {tokens[0]}")
    assert out.status_code == 204
    assert [me(office, t).status_code for t in tokens] == [401, 200]


def test_a_first_password_opens_nothing_but_its_own_change(office, newcomer):
    username, first = newcomer
    token = office.sign_in(username, first).json["token"]
    header = {"Authorization": f"Bearer {token}"}
    assert me(office, token).json["must_change_password"] is True
    assert office.ask("GET", "/v1/cases", **header).status_code == 403

    changed = change(office, token, first, NEW)
    assert changed.status_code == 200, changed.text
    assert me(office, token).status_code == 401
    header = {"Authorization": f"Bearer {changed.json['token']}"}
    assert office.ask("GET", "/v1/cases", **header).status_code == 200


@pytest.mark.parametrize(
    ("new", "rule"),
    [
        ("short", "length"),
        ("fourteen chars", "length"),
        ("lapor kotabaru 123456", "guessable"),
        ("aaaaaaaaaaaaaaaaaaaa", "guessable"),
    ],
)
def test_a_password_that_is_guessed_early_is_refused(office, newcomer, new, rule):
    username, first = newcomer
    token = office.sign_in(username, first).json["token"]
    error = change(office, token, first, new).json["errors"][0]
    assert (error["field"], error["rule"]) == ("new_password", rule)


def test_changing_the_password_needs_the_present_one(office, newcomer):
    username, first = newcomer
    token = office.sign_in(username, first).json["token"]
    assert change(office, token, "something else", NEW).status_code == 422
    assert change(office, token, first, first).status_code == 422


def test_of_those_who_make_one_account_at_once_one_makes_it(office):
    body = {"username": "kembar", "role": "liaison", "agency": "dpupr"}
    token = office.token("administrator")

    def make(_):
        header = {"Authorization": f"Bearer {token}"}
        return office.ask("POST", "/v1/officers", body, **header).status_code

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(make, range(4))) == [201, 409, 409, 409]
    made = "SELECT count(*) FROM officer_event JOIN officer o ON o.id = officer_id"
    assert office.database.psql(f"{made} WHERE username = 'kembar'") == [(1,)]


def test_who_hears_no_answer_and_sends_again_is_told_the_first_password(office):
    """From another session: the one before has ended meanwhile."""
    body = {"username": "ulang", "role": "liaison", "agency": "dpupr"}

    def make(key):
        header = {"Idempotency-Key": key}
        return office.ask("POST", "/v1/officers", body, as_="administrator", **header)

    first = make("f" * 16)
    office.later(hours=1)
    again = make("f" * 16)
    assert (again.status_code, again.json) == (201, first.json)
    assert office.sign_in("ulang", again.json["first_password"]).status_code == 200
    assert make("g" * 16).status_code == 409  # the negative control


def test_a_first_password_is_stored_under_more_than_a_key_that_can_be_guessed(office):
    body, given = (
        {"username": "tersimpan", "role": "liaison", "agency": "dpupr"},
        "2026-11-28-adm-1",
    )
    office.ask("POST", "/v1/officers", body, as_="administrator", **{"Idempotency-Key": given})
    stored = {bytes(key) for (key,) in office.database.psql("SELECT key FROM idempotency")}
    [(id,)] = office.database.psql("SELECT id FROM officer WHERE username = 'administrator'")

    def under(pepper):
        asked = given, "POST /v1/officers", "", body, pepper, dict
        return IdempotencyKey(*asked).sent_by(id).hash

    assert under(b"") not in stored
    assert under(office.settings.pepper()) in stored  # the control


def test_a_disabled_officer_is_out_at_once_and_a_new_first_password_lets_in(office, newcomer):
    username, first = newcomer
    token = office.sign_in(username, first).json["token"]
    path = f"/v1/officers/{username}"
    assert office.ask("POST", f"{path}/disabling", as_="administrator").status_code == 204
    assert me(office, token).status_code == 401
    assert office.sign_in(username, first).status_code == 401

    fresh = office.ask("POST", f"{path}/first-password", as_="administrator").json
    assert office.sign_in(username, fresh["first_password"]).status_code == 200


@pytest.mark.parametrize("act", ["first-password", "disabling"])
def test_an_administrators_act_is_not_undone_by_a_change_that_was_on_its_way(
    office, newcomer, monkeypatch, act
):
    username, first = newcomer
    token = office.sign_in(username, first).json["token"]
    hashed, acted = passwords.hashed, []

    def meanwhile(password):  # the old password is proven, the new one not yet stored
        if password == NEW:
            path = f"/v1/officers/{username}/{act}"
            acted.append(office.ask("POST", path, as_="administrator"))
        return hashed(password)

    monkeypatch.setattr(passwords, "hashed", meanwhile)
    answer = change(office, token, first, NEW)

    assert (answer.status_code, len(acted)) == (401, 1)
    assert office.sign_in(username, NEW).status_code == 401
    if act == "first-password":
        assert office.sign_in(username, acted[0].json["first_password"]).status_code == 200


def test_no_session_outlives_a_new_first_password(office, newcomer, monkeypatch):
    username, first = newcomer
    office.token("administrator")
    path, forgive, resets = f"/v1/officers/{username}/first-password", throttle.forgive, []

    def meanwhile(tx, name):  # the password was found to be right, the session not yet opened
        monkeypatch.setattr(throttle, "forgive", forgive)
        resets.append(threads.submit(office.ask, "POST", path, as_="administrator"))
        wait(resets, timeout=0.3)  # it waits for the row, and for no lock longer than 1.5 s
        forgive(tx, name)

    monkeypatch.setattr(throttle, "forgive", meanwhile)
    with ThreadPoolExecutor(1) as threads:
        token = office.sign_in(username, first).json["token"]
    assert resets[0].result().status_code == 200
    assert me(office, token).status_code == 401


def test_only_an_administrator_cares_for_accounts(office):
    body = {"username": "somebody", "role": "coordinator", "agency": "diskominfo"}
    for as_ in ("coordinator", "arbiter", "supervisor", "liaison"):
        assert office.ask("POST", "/v1/officers", body, as_).status_code == 403
        for path in ("disabling", "first-password"):
            answer = office.ask("POST", f"/v1/officers/stranger/{path}", as_=as_)
            assert answer.status_code == 403
    own = office.ask("POST", "/v1/officers/administrator/disabling", as_="administrator")
    assert own.status_code == 409


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("username", ["stranger", "nobody-at-all"])
def test_after_five_failures_every_further_try_has_to_wait(office, username):
    wrong = [office.sign_in(username, "wrong") for _ in range(5)]
    assert [w.status_code for w in wrong] == [401] * 5
    assert len({w.json["title"] for w in wrong}) == 1

    blocked = office.sign_in(username, PASSWORD)
    assert (blocked.status_code, blocked.headers["retry-after"]) == (429, "1")
    office.later(seconds=2)
    assert office.sign_in(username, "wrong").status_code == 401
    assert office.sign_in(username, PASSWORD).headers["retry-after"] == "2"


def test_a_success_forgives_the_failures_before_it(office):
    for _ in range(3):
        for _ in range(4):
            assert office.sign_in("supporter", "wrong").status_code == 401
        assert office.sign_in("supporter").status_code == 200


def test_the_delay_grows_to_forty_two_seconds():
    delays = [throttle.delay(n) for n in range(1, 10_000)]
    assert delays[:4] == [0] * 4
    assert delays[4:11] == [1, 2, 4, 8, 16, 32, 42]
    assert max(delays) == 42


def test_a_try_that_found_no_turn_is_none(office, newcomer, monkeypatch):
    username, first = newcomer
    monkeypatch.setattr(passwords, "_queue", threading.BoundedSemaphore(1))
    with passwords._queue:
        refused = [office.sign_in(username, "wrong") for _ in range(8)]
    assert [(a.status_code, a.headers["retry-after"]) for a in refused] == [(429, "2")] * 8
    wrong = [office.sign_in(username, "wrong").status_code for _ in range(4)]
    assert wrong == [401] * 4
    token = office.sign_in(username, first).json["token"]

    with passwords._queue:
        assert [change(office, token, first, NEW).status_code for _ in range(8)] == [429] * 8
    assert change(office, token, first, NEW).status_code == 200


def test_a_password_typed_as_a_name_cannot_be_found_again(office):
    assert office.sign_in(NEW, "x").status_code == 401
    longest = "SELECT max(octet_length(username_hash)), count(*) FROM sign_in_throttle"
    [(length, rows)] = office.database.psql(longest)
    assert (length, rows > 0) == (2, True)


def test_failed_sign_ins_of_days_ago_are_forgotten(office):
    office.sign_in("long-ago", "x")
    office.later(days=1, minutes=1)
    office.service.forget_sessions()
    assert office.database.psql("SELECT count(*) FROM sign_in_throttle") == [(0,)]


@pytest.mark.usefixtures("still")
def test_guesses_in_parallel_gain_nothing(office):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: office.sign_in("parallel", "wrong"), range(16)))
    assert len([a for a in answers if a.status_code == 401]) <= 5
    assert {a.status_code for a in answers} <= {401, 429}


def test_at_most_two_passwords_are_compared_at_once_and_few_wait(monkeypatch):
    running, most, outcomes = [], [], []
    sent_away = threading.Event()

    def slow(_stored, _password):
        running.append(1)
        most.append(len(running))
        sent_away.wait(10)
        running.pop()
        return True

    monkeypatch.setattr(passwords._hasher.__class__, "verify", lambda _, s, p: slow(s, p))

    def compare(_):
        try:
            outcomes.append(passwords.matches("x", "y"))
        except TooMany:
            outcomes.append("busy")
            if outcomes.count("busy") == 6:
                sent_away.set()

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(compare, range(10)))
    assert max(most) == 2
    assert outcomes.count("busy") == 6


def test_an_unknown_name_costs_as_much_work_as_a_known_one(office):
    def seconds(username: str) -> float:
        started = time.perf_counter()
        assert office.sign_in(username, "wrong").status_code == 401
        return time.perf_counter() - started

    known = statistics.median([seconds(u) for u in ("liaison", "arbiter", "supervisor") * 2])
    unknown = statistics.median([seconds(f"unknown-{n}") for n in range(6)])
    assert unknown > known / 3
    for username in ("liaison", "arbiter", "supervisor"):
        assert office.sign_in(username).status_code == 200


def test_a_first_password_that_nobody_came_to_change_is_wrong_after_two_weeks(office, newcomer):
    username, first = newcomer
    office.later(days=14, minutes=-1)
    assert office.sign_in(username, first).status_code == 200
    office.later(minutes=2)
    stale, wrong = office.sign_in(username, first), office.sign_in(username, "wrong")
    assert stale.status_code == wrong.status_code == 401
    assert stale.json["title"] == wrong.json["title"]

    path = f"/v1/officers/{username}/first-password"
    fresh = office.ask("POST", path, as_="administrator").json["first_password"]
    token = office.sign_in(username, fresh).json["token"]
    assert change(office, token, fresh, NEW).status_code == 200
    office.later(days=15)
    assert office.sign_in(username, NEW).status_code == 200


@pytest.fixture
def command(office, monkeypatch, capsys):
    """`python -m services.routing first-password USERNAME`, and what it printed."""

    def run(username):
        monkeypatch.setattr(cli, "settings", lambda _: office.settings)
        monkeypatch.setattr("sys.argv", ["routing", "first-password", username])
        cli.main("routing")
        return capsys.readouterr().out.split()

    return run


@pytest.mark.usefixtures("still")
def test_the_operator_lets_in_again_whoever_was_locked_out(office, newcomer, command):
    username, first = newcomer
    token = office.sign_in(username, first).json["token"]
    for _ in range(5):
        office.sign_in(username, "wrong")
    assert office.sign_in(username, first).status_code == 429

    word, name, fresh = command(username.upper())
    assert (word, name) == ("officer", username)
    assert me(office, token).status_code == 401
    assert office.sign_in(username, first).status_code == 401
    assert office.sign_in(username, fresh).json["must_change_password"] is True
    deeds = office.database.psql(
        "SELECT deed, by FROM officer_event e JOIN officer o ON o.id = e.officer_id"
        " WHERE username = %s AND deed = 'password_reset'",
        [username],
    )
    assert deeds == [("password_reset", None)]


def test_the_operator_is_told_of_an_account_that_is_not_there(command):
    with pytest.raises(SystemExit, match="no such account"):
        command("nobody-at-all")


def test_what_happened_to_an_account_stays_on_file(office, newcomer):
    username, first = newcomer
    office.sign_in(username, first)
    deeds = office.database.psql(
        "SELECT deed, b.username FROM officer_event e JOIN officer o ON o.id = e.officer_id"
        " LEFT JOIN officer b ON b.id = e.by WHERE o.username = %s ORDER BY e.id",
        [username],
    )
    assert deeds == [("created", "administrator"), ("signed_in", None)]
