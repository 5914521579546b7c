"""A reporter corrects where news goes: sealed as ever, a few times a day, and nobody else sees."""

import json
from datetime import timedelta

import pytest

from services.notify.sealing import Opener
from tests.service.intake.conftest import REPORT, key
from tests.service.intake.test_consenting import ask, hear, said, seen
from tests.service.intake.test_insisting import fill, rule

REPLACED, OURS, ACTION = "report.contact_replaced.v1", "reporter.replace_contact", "replace_contact"
NEW = {"name": "Siti Rahmah", "email": "rahmah@warga-lain.example", "language": "en"}


def replace(api, receipt, contact=NEW, **headers):
    return ask(api, receipt, "contact", {"contact": contact}, **headers)


def lines(api, receipt):
    told = seen(api, receipt)["timeline"]
    return [line["detail"] for line in told if line["what"] == OURS]


@pytest.fixture
def opened(intake_db, secrets_folder):
    """What notify can open of all that was said."""
    opener = Opener((secrets_folder / "notify-private-key.json").read_bytes())

    def read(receipt):
        sealed = [data["sealed"] for data in said(intake_db, REPLACED)]
        return [json.loads(opener.open(one, receipt["number"])) for one in sealed]

    return read


def test_it_is_said_sealed_and_the_timeline_tells_it_without_the_address(
    api, intake_db, receipt, opened
):
    once = key()
    answers = [replace(api, receipt, **once) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 202], answers[0].text
    assert answers[0].json() == answers[1].json()
    assert opened(receipt) == [NEW]
    assert lines(api, receipt) == [{"by_mail": True}]
    assert seen(api, receipt)["chosen"]["contact_given"] is True
    tables = intake_db.psql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for (table,) in tables:
        rows = str(intake_db.psql(f'SELECT t::text FROM "{table}" t'))
        assert "warga-lain" not in rows, table


def test_it_is_taken_away_and_looks_like_any_other_to_who_cannot_open_it(
    api, intake_db, receipt, opened
):
    replace(api, receipt)
    assert replace(api, receipt, None).status_code == 202
    assert replace(api, receipt, {"phone": "081234567890"}).status_code == 202

    assert opened(receipt)[1:] == [{}, {"phone": "081234567890", "language": "id"}]
    assert len({len(data["sealed"]) for data in said(intake_db, REPLACED)}) == 1
    assert [line["by_mail"] for line in lines(api, receipt)] == [True, False, False]


def test_who_left_none_may_add_one_and_who_is_anonymous_may_not(api, intake_db):
    bare = {name: value for name, value in REPORT.items() if name != "contact"}
    receipt = api.post("/v1/reports", json=bare, headers=key()).json()
    assert replace(api, receipt).status_code == 202
    assert seen(api, receipt)["chosen"]["contact_given"] is True

    unknown = bare | {"confidentiality": "anonymous"}
    receipt = api.post("/v1/reports", json=unknown, headers=key()).json()
    assert [rule(replace(api, receipt, one)) for one in (NEW, None)] == ["anonymous"] * 2
    assert ACTION not in seen(api, receipt)["actions"]


@pytest.mark.parametrize("email", ["siti@warga", "siti kenari@warga.example", "=?x?q?=@w.example"])
def test_what_notify_could_not_write_to_is_refused_and_not_repeated(api, intake_db, receipt, email):
    answer = replace(api, receipt, NEW | {"email": email})

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["contact.email"]
    assert email not in answer.text
    assert said(intake_db, REPLACED) == []


def test_a_report_takes_five_within_a_day_and_the_contact_away_in_any_case(api, intake_db, receipt):
    assert {replace(api, receipt).status_code for _ in range(5)} == {202}

    assert rule(replace(api, receipt)) == "most_contacts_today"
    assert ACTION in seen(api, receipt)["actions"]
    assert replace(api, receipt, None).status_code == 202
    assert rule(replace(api, receipt, None)) == "most_contacts_today"
    assert ACTION not in seen(api, receipt)["actions"]

    a_day = "UPDATE timeline_entry SET at = at - interval '1 day'"
    intake_db.psql(a_day)
    assert replace(api, receipt).status_code == 202
    many = f"INSERT INTO timeline_entry (number, at, what, detail) SELECT %s, now() - %s, '{OURS}',"
    many += " '{}' FROM generate_series(1, 50)"
    intake_db.psql(many, [receipt["number"], timedelta(days=9)])
    assert rule(replace(api, receipt)) == "most_contacts"


def test_it_takes_nothing_from_what_else_a_report_takes(api, intake_db, receipt):
    fill(intake_db, receipt)

    assert replace(api, receipt).status_code == 202


@pytest.mark.parametrize(
    ("happened", "status", "days", "code"),
    [
        ("answered", "answered", 31, 202),
        ("closed", "closed", 29, 202),
        ("closed", "closed", 31, 409),
        ("withdrawn", "withdrawn", 0, 409),
        ("forwarded", "forwarded_externally", 29, 202),
    ],
)
def test_one_is_taken_as_long_as_news_may_come_and_can_be_taken_away_later(
    api, intake_db, receipt, worker, happened, status, days, code
):
    hear(worker, receipt, f"case.{happened}.v1", status=status)
    intake_db.psql("UPDATE report SET reopen_until = now() - %s * interval '1 day'", [days - 30])

    assert replace(api, receipt).status_code == code
    if code == 409:
        assert rule(replace(api, receipt)) == "too_late"
        intake_db.psql("UPDATE report SET handed_over_at = now()")  # the Ombudsman may answer
        assert replace(api, receipt).status_code == 202
        intake_db.psql("UPDATE report SET handed_over_at = NULL")
    assert replace(api, receipt, None).status_code == 202
