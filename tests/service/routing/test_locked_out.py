"""Routing is restored to a time before somebody was locked out: nobody is let in by what is older,
and whoever was kept out is kept out again."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any

import pytest

from chassis import cli
from chassis.events import EPOCH
from tests.service.routing.office import PASSWORD, Office

Run = Callable[..., list[str]]


@pytest.fixture
def run(office: Office, monkeypatch: Any, capsys: Any) -> Run:
    """`python -m services.routing ...`, and the lines that it printed."""

    def run(*words: str) -> list[str]:
        monkeypatch.setattr(cli, "settings", lambda _: office.settings)
        monkeypatch.setattr("sys.argv", ["routing", *words])
        cli.main("routing")
        return str(capsys.readouterr().out).splitlines()

    return run


@pytest.fixture(autouse=True)
def _as_before(office: Office) -> Any:
    yield
    office.database.psql("UPDATE officer SET disabled_at = NULL")
    office.database.psql("DELETE FROM sign_in_throttle")
    office._tokens.clear()


def me(office: Office, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return int(office.http.simulate_get("/v1/officers/me", headers=headers).status_code)


def ended(office: Office) -> list[tuple[str, int]]:
    return office.database.psql(
        "SELECT data ->> 'grant', sequence FROM outbox WHERE type = 'grant.ended.v1' ORDER BY id"
    )


def test_after_a_restore_everybody_signs_in_anew_and_other_services_hear_of_it(
    office: Office, run: Run
) -> None:
    given = [office.sign_in(name).json for name in ("coordinator", "liaison")]
    grants = {g for (g,) in office.database.psql("SELECT grant_id::text FROM session")}
    assert [me(office, one["token"]) for one in given] == [200, 200]

    told = run("number-anew")

    assert told == ["what is said from now on is numbered anew",
                    f"{len(grants)} sessions are over, and no device is known"]  # fmt: skip
    assert [me(office, one["token"]) for one in given] == [401, 401]
    assert {grant for grant, _ in ended(office)} >= grants
    assert office.database.psql("SELECT count(*) FROM device") == [(0,)]
    assert office.sign_in("coordinator").status_code == 200
    again = office.sign_in("liaison", device=given[1]["device"]).json
    assert again["device"] != given[1]["device"]


def test_that_sessions_are_over_is_said_under_numbers_that_nothing_can_have_had(
    office: Office, run: Run
) -> None:
    office.sign_in("coordinator")
    [(began,)] = office.database.psql("SELECT began FROM epoch")

    run("number-anew")

    _, sequence = ended(office)[-1]
    assert sequence >= began + EPOCH


def test_who_was_disabled_is_disabled_again_and_that_may_be_repeated(
    office: Office, run: Run
) -> None:
    token = office.sign_in("stranger").json["token"]
    deeds = "SELECT count(*) FROM officer_event WHERE deed = 'disabled'"
    [(before,)] = office.database.psql(deeds)

    assert run("disable", "Stranger", "supporter") == ["disabled: stranger", "disabled: supporter"]
    [since] = office.database.psql("SELECT disabled_at FROM officer WHERE username = 'stranger'")

    assert run("disable", "stranger") == ["disabled: stranger"]
    assert office.database.psql(deeds) == [(before + 2,)]
    found = office.database.psql("SELECT disabled_at FROM officer WHERE username = 'stranger'")
    assert found == [since]
    assert me(office, token) == 401
    assert office.sign_in("stranger", PASSWORD).status_code == 401
    assert office.sign_in("liaison", PASSWORD).status_code == 200  # the control
    last = "SELECT by FROM officer_event WHERE deed = 'disabled' ORDER BY id DESC LIMIT 1"
    assert office.database.psql(last) == [(None,)]


def test_a_name_that_is_none_is_said_and_keeps_no_other_enabled(
    office: Office, run: Run, capsys: Any
) -> None:
    with pytest.raises(SystemExit, match="there is no such account: nobody-at-all") as ended:
        run("disable", "nobody-at-all", "stranger")

    assert isinstance(ended.value.code, str)  # so it exits with 1
    assert capsys.readouterr().out == "disabled: stranger\n"
    assert office.sign_in("stranger").status_code == 401


def test_what_every_service_does_alone_would_leave_them_in(
    office: Office, monkeypatch: Any
) -> None:
    """The negative control."""
    token = office.sign_in("coordinator").json["token"]
    monkeypatch.setattr(cli, "settings", lambda _: office.settings)

    cli._COMMANDS["number-anew"]("routing", Namespace())

    assert me(office, token) == 200
