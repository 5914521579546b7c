"""What an officer names as evidence is kept by its hash, told, and found again."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import pytest

from services.routing import evidence
from tests.service.routing.office import ANSWER, TEXT, Office, ago

File = dict[str, str]
PHOTO = {"title": "Foto sesudah perbaikan", "sha256": hashlib.sha256(b"photo").hexdigest()}
EMPTY = PHOTO | {"sha256": hashlib.sha256().hexdigest()}


@pytest.fixture
def record() -> File:
    """One that nobody has named before; this room is furnished once for all tests."""
    return {"title": "Berita acara perbaikan", "sha256": secrets.token_hex(32)}


@pytest.fixture
def photo() -> File:
    """Another."""
    return PHOTO | {"sha256": secrets.token_hex(32)}


def show(office: Office, number: str, *files: File) -> Any:
    """Answers with evidence."""
    return office.act(number, "answer", "liaison", **ANSWER[2], evidence=list(files))


def shown(office: Office, number: str, as_: str = "supervisor") -> list[dict[str, Any]]:
    return [file for reply in office.case(number, as_)["replies"] for file in reply["evidence"]]


def test_it_is_a_fact_by_its_hash_and_a_word_by_its_title(
    office: Office, record: File, photo: File
) -> None:
    number = office.bring("disposed")

    office.act(number, "follow-ups", "liaison", text=TEXT, evidence=[photo])
    assert show(office, number, record, photo).status_code == 200

    said = [(type, fact["evidence"]) for type, fact in office.said(number) if "evidence" in fact]
    assert said == [
        ("case.reply_written.v1", [photo]),
        ("case.followed_up.v1", [photo["sha256"]]),
        ("case.reply_written.v1", [record, photo]),
        ("case.answered.v1", [record["sha256"], photo["sha256"]]),
    ]
    assert shown(office, number) == [file | {"also_in": []} for file in (photo, record, photo)]
    history = [event["changes"].get("evidence") for event in office.case(number)["history"]]
    assert history[-2:] == [[photo["sha256"]], [record["sha256"], photo["sha256"]]]


def test_nobody_needs_to_name_any(office: Office) -> None:
    number = office.bring("answered")

    facts = [fact for type, fact in office.said(number) if type == "case.answered.v1"]

    assert [fact["evidence"] for fact in facts] == [[]]
    assert "evidence" not in office.case(number)["history"][-1]["changes"]


@pytest.mark.parametrize(
    ("files", "field", "rule"),
    [
        ([PHOTO, PHOTO | {"sha256": PHOTO["sha256"].upper()}], "evidence.1.sha256", "unique"),
        ([PHOTO, EMPTY], "evidence.1.sha256", "content"),
        ([PHOTO | {"sha256": "5f" * 31}], "evidence.0.sha256", "invalid"),
        ([PHOTO | {"sha256": "zz" * 32}], "evidence.0.sha256", "invalid"),
        ([{"title": "Foto"}], "evidence.0.sha256", "required"),
        ([{"sha256": PHOTO["sha256"]}], "evidence.0.title", "required"),
        ([PHOTO | {"title": "F"}], "evidence.0.title", "length"),
        ([PHOTO | {"title": "F" * 101}], "evidence.0.title", "length"),
        ([PHOTO | {"title": "Foto\nkedua"}], "evidence.0.title", "characters"),
        ([PHOTO | {"file": "foto.jpg"}], "evidence.0.file", "unknown"),
        ([PHOTO | {"sha256": f"{n:064x}"} for n in range(6)], "evidence", "length"),
    ],
)
def test_what_is_wrong_with_it_is_named_and_nothing_is_kept(
    office: Office, files: list[File], field: str, rule: str
) -> None:
    number = office.bring("in_progress")
    before = office.case(number), office.said(number)

    refused = show(office, number, *files)

    assert refused.status_code == 422
    assert [(e["field"], e["rule"]) for e in refused.json["errors"]] == [(field, rule)]
    assert (office.case(number), office.said(number)) == before


def test_a_file_that_was_named_before_is_seen_by_who_may_know_of_that_case(
    office: Office, photo: File
) -> None:
    first, second = office.bring("in_progress"), office.bring("in_progress")
    hidden, accusing = office.bring("in_progress"), office.bring("in_progress")
    for number in (first, second, hidden, accusing):
        assert show(office, number, photo | {"sha256": photo["sha256"].upper()}).status_code == 200
    office.database.psql(
        "UPDATE cases SET agency = 'dlh', supporting = '{}' WHERE number = %s", [hidden]
    )
    office.database.psql(
        "UPDATE cases SET agency = 'dlh', supporting = '{dpupr}', complains_about = '{dpupr}'"
        " WHERE number = %s", [accusing],
    )  # fmt: skip

    assert [file["also_in"] for file in shown(office, second, "liaison")] == [[first]]
    others = [accusing, hidden, first]  # the last named comes first
    assert [file["also_in"] for file in shown(office, second)] == [others]


def test_of_many_other_cases_the_last_are_told(
    office: Office, photo: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "MOST", 2)
    numbers = [office.bring("in_progress") for _ in range(4)]
    for number in numbers:
        assert show(office, number, photo).status_code == 200

    assert [file["also_in"] for file in shown(office, numbers[0])] == [numbers[:1:-1]]


def test_when_the_others_were_received_is_not_told_by_their_order(
    office: Office, photo: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agency that learns only the day of an unnamed report would learn between which of its
    own it came, and by which one of many is left out."""
    monkeypatch.setattr(evidence, "MOST", 2)
    cases = [office.bring("in_progress", received_at=ago(office, hours=h)) for h in (9, 8, 7, 6)]
    secret = office.bring("in_progress", confidentiality="anonymous")  # the last received
    asked, *others = cases
    for number in (secret, *others, asked):
        assert show(office, number, photo).status_code == 200

    assert [file["also_in"] for file in shown(office, asked, "liaison")] == [others[:0:-1]]


def test_who_joins_an_answered_case_is_told_its_evidence(
    office: Office, record: File, photo: File
) -> None:
    parent = office.bring("in_progress", received_at=ago(office, hours=1))
    child, late = office.bring("unverified"), office.bring("unverified")
    join = {"into": parent, "reason": "the same hole"}
    assert office.act(child, "merge", "coordinator", **join).status_code == 200
    show(office, parent, record, photo)
    assert office.act(late, "merge", "coordinator", **join).status_code == 200

    for number in (child, late):
        said = dict(office.said(number))
        assert said["case.reply_written.v1"]["evidence"] == [record, photo]
        assert said["case.answered.v1"]["evidence"] == [record["sha256"], photo["sha256"]]
        assert [file["also_in"] for file in shown(office, number)] == [[], []]
