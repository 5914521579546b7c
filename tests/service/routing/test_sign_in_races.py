"""Who is signed in, and how often a name was tried, while another request changes just that."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from services.routing import throttle
from tests.service.routing.office import PASSWORD

NEW = "perahu kertas di teluk tamiang"


@contextmanager
def before(office, does, act):
    """`act` happens once, just before the first statement of which `does` is true is executed."""
    acted = []

    def listen(_, __, statement, *___):
        if not acted and does(statement):
            acted.append("acting")
            act()

    sa.event.listen(office.db.engine, "before_cursor_execute", listen)
    try:
        yield acted
    finally:
        sa.event.remove(office.db.engine, "before_cursor_execute", listen)


def post(office, path, token, body=None):
    header = {"Authorization": f"Bearer {token}"}
    return office.ask("POST", f"/v1/officers/{path}", body, **header)


def sign_out(office, token):
    assert post(office, "sign-out", token).status_code == 204


def disable(office, _):
    disabled = office.ask("POST", "/v1/officers/stranger/disabling", as_="administrator")
    assert disabled.status_code == 204


def change_password(office, token):
    body = {"password": PASSWORD, "new_password": NEW}
    assert post(office, "password", token, body).status_code == 200


@pytest.fixture
def stranger(office):
    """A session of the stranger that was last used minutes ago, and afterwards all as before."""
    kept = office.database.psql("SELECT password_hash FROM officer WHERE username = 'stranger'")
    token = office.sign_in("stranger").json["token"]
    office.later(minutes=2)
    office.token("administrator")
    yield token
    office.database.psql(
        "UPDATE officer SET password_hash = %s, disabled_at = NULL WHERE username = 'stranger'"
        " RETURNING 1",
        [*kept[0]],
    )


REQUESTS = [
    ("GET", "/v1/officers/me", None),
    ("GET", "/v1/cases", None),
    ("POST", "/v1/officers/sign-out", None),
    ("POST", "/v1/officers/password", {"password": PASSWORD, "new_password": NEW}),
]


@pytest.mark.parametrize("end", [sign_out, disable, change_password])
@pytest.mark.parametrize(("method", "path", "body"), REQUESTS, ids=[r[1] for r in REQUESTS])
def test_who_is_signed_out_during_a_request_is_signed_in_nowhere(
    office, stranger, end, method, path, body
):
    """The session ends after it was found and before its last request is remembered."""
    with before(office, lambda s: s.startswith("UPDATE session"), lambda: end(office, stranger)):
        answer = office.ask(method, path, body, Authorization=f"Bearer {stranger}")

    assert answer.status_code == 401
    assert answer.json["title"] == "sign in first"


def test_two_sign_outs_at_once_are_one(office):
    """One comes when the other has found the session, and not ended it yet."""
    token = office.sign_in("stranger").json["token"]
    signed_out = "SELECT count(*) FROM officer_event WHERE deed = 'signed_out'"
    [(already,)] = office.database.psql(signed_out)

    with before(
        office, lambda s: s.startswith("DELETE FROM session"), lambda: sign_out(office, token)
    ) as acted:
        sign_out(office, token)

    assert acted
    assert office.database.psql(signed_out) == [(already + 1,)]


@pytest.mark.parametrize("end", [sign_out, disable, change_password])
def test_a_password_is_not_looked_at_in_a_session_that_has_just_ended(office, stranger, end):
    me = {"Authorization": f"Bearer {stranger}"}
    assert office.ask("GET", "/v1/officers/me", **me).status_code == 200  # remembered for a minute

    def counts(statement):
        return "FROM session" in statement and "FOR UPDATE" in statement

    with before(office, counts, lambda: end(office, stranger)) as acted:
        answer = post(office, "password", stranger, {"password": "x", "new_password": NEW})

    assert (answer.status_code, len(acted)) == (401, 1)


def test_a_session_is_noticed_once_a_minute(office, stranger):
    """The negative control: where nothing ends it, it goes on, and its last use is on record."""

    def last():
        return office.database.psql(
            "SELECT max(last_seen_at) FROM session s JOIN officer o"
            " ON o.id = s.officer_id WHERE username = 'stranger'"
        )

    before_it, me = last(), {"Authorization": f"Bearer {stranger}"}
    assert office.ask("GET", "/v1/officers/me", **me).status_code == 200
    noticed = last()
    assert office.ask("GET", "/v1/officers/me", **me).status_code == 200

    assert before_it < noticed == last()


def test_a_failure_is_counted_while_a_success_forgives_those_before_it(office):
    """The success comes after the try has found where it is counted, and waits for it."""
    assert office.sign_in("liaison", "wrong").status_code == 401
    about, forgiving = [], []

    def the_second(statement):
        about.extend([1] * ("sign_in_throttle" in statement))
        return len(about) == 2

    def forgive():
        with office.db.begin() as tx:
            throttle.forgive(tx, "liaison")

    def meanwhile():
        forgiving.append(threads.submit(forgive))
        wait(forgiving, timeout=0.5)  # for a lock it waits no longer than 1.5 s

    with ThreadPoolExecutor(1) as threads, before(office, the_second, meanwhile):
        answer = office.sign_in("liaison", "wrong")

    assert (answer.status_code, len(forgiving)) == (401, 1)
    forgiving[0].result()
    counted = "SELECT failures FROM sign_in_throttle WHERE username_hash = %s"
    assert office.database.psql(counted, [throttle._slot("liaison")]) == []


def test_a_try_that_meets_no_row_and_a_row_is_counted_the_same(office):
    counted = "SELECT failures FROM sign_in_throttle WHERE username_hash = %s"
    for failures in (1, 2, 3):
        assert office.sign_in("once-more", "wrong").status_code == 401
        assert office.database.psql(counted, [throttle._slot("once-more")]) == [(failures,)]
