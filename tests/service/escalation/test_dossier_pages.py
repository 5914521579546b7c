"""The Ombudsman reads a dossier as data that the feed proves, or as PDF/A that lasts."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pypdf
import pytest
import rfc8785
from falcon import testing
from fpdf import FPDF

from chassis.clock import Clock
from services.escalation import api
from services.escalation.ombudsman import paper
from tests.service.escalation.lasting import lacking
from tests.service.escalation.spoiling import SPOILT, spoilt
from tests.service.escalation.test_dossiers import hand_over, sealed
from tests.service.escalation.tower import NUMBER, Tower

PDF = {"Accept": "application/pdf"}
ADDRESS = f"/v1/ombudsman/dossiers/{NUMBER}"


class Reader:
    """Bears the Ombudsman's key."""

    def __init__(self, tower: Tower, key: str) -> None:
        self._client = testing.TestClient(api.app(tower.settings, tower.db, Clock()))
        self._key = key

    def get(self, address: str = ADDRESS, key: str = "", **headers: str) -> testing.Result:
        bearer = {"Authorization": f"Bearer {key or self._key}"}
        return self._client.simulate_get(address, headers=bearer | headers)


@pytest.fixture
def reader(tower: Tower, secrets_folder: Path) -> Reader:
    return Reader(tower, (secrets_folder / "ombudsman-bearer-key").read_text().strip())


def opened(answer: testing.Result) -> pypdf.PdfReader:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    return pypdf.PdfReader(io.BytesIO(answer.content))


def text(document: pypdf.PdfReader) -> str:
    return " ".join(" ".join(page.extract_text() for page in document.pages).split())


def test_what_is_read_is_what_the_feed_proves(tower: Tower, reader: Reader) -> None:
    hand_over(tower)

    answer = reader.get()

    told = answer.json
    [entry] = tower.entries("handovers")
    assert entry["data"]["dossier"]["href"] == ADDRESS
    assert hashlib.sha256(rfc8785.dumps(told["dossier"])).hexdigest() == told["sha256"]
    assert told["sha256"] == entry["data"]["dossier"]["sha256"]
    for part, one in zip(told["dossier"]["parts"], told["sealed"], strict=True):
        assert hashlib.sha256(one["sealed"].encode()).hexdigest() == one["sha256"]
        assert (part["part"], part["sha256"]) == (one["part"], one["sha256"])
    assert told["erased_at"] is told["consent_ended_at"] is None
    assert answer.headers["vary"] == "Accept"


def test_a_case_that_was_not_handed_over_has_no_dossier(tower: Tower, reader: Reader) -> None:
    tower.begin_work()

    assert reader.get().status_code == 404
    assert reader.get(ADDRESS, **PDF).status_code == 404


def test_only_the_ombudsmans_key_opens_the_door(tower: Tower, reader: Reader) -> None:
    hand_over(tower)

    assert reader.get(key="x" * 43).status_code == 401
    assert reader.get(key="x" * 43, **PDF).status_code == 401


def test_what_was_erased_is_named_and_gone(tower: Tower, reader: Reader) -> None:
    hand_over(tower)
    tower.hear("case.withdrawn.v1")

    told = reader.get().json

    assert told["sealed"] == []
    assert told["erased_at"] == told["consent_ended_at"] == "2027-01-02T02:00:00+00:00"
    assert len(told["dossier"]["parts"]) == 4
    assert hashlib.sha256(rfc8785.dumps(told["dossier"])).hexdigest() == told["sha256"]


def test_on_paper_it_is_pdf_a_and_lacks_nothing(tower: Tower, reader: Reader) -> None:
    hand_over(tower)

    answer = reader.get(**PDF)
    assert opened(answer)
    assert lacking(answer.content) == set()


def test_a_plain_pdf_is_found_lacking() -> None:
    """The negative control of the examination."""
    plain = FPDF()
    plain.add_page()
    plain.set_font("Helvetica")
    plain.cell(text="Kotabaru")

    found = lacking(bytes(plain.output()))

    assert found >= {"identification", "output intent", "fonts embedded", "unicode"}


@pytest.mark.parametrize("rule", SPOILT)
def test_a_dossier_that_was_spoilt_lacks_just_that(tower: Tower, reader: Reader, rule: str) -> None:
    hand_over(tower)

    assert lacking(spoilt(reader.get(**PDF).content, rule)) == {rule}


def test_paper_tells_in_two_languages_what_was_done_and_why_it_was_late(
    tower: Tower, reader: Reader
) -> None:
    tower.at("2026-12-14 10:00")
    tower.begin_work()
    tower.hear("report.escalation_consented.v1", **sealed("identity"))
    tower.at("2027-01-20 10:00").sweep()

    shown = text(opened(reader.get(**PDF)))

    for words in (
        NUMBER, "Berkas pelimpahan ke Ombudsman", "Dossier for the Ombudsman", "Tindak lanjut oleh",
        "Followed up by", "14 hari kerja", "14 working days", "2026-12-24", "SKB 3 Menteri",
        "kepala instansi", "head of the agency", "2026-12-14 10:00:00 WITA",
    ):  # fmt: skip
        assert words in shown, words
    [(digest,)] = tower.database.psql("SELECT sha256 FROM dossier")
    assert digest in shown


def test_paper_tells_what_came_too_late_and_what_can_no_longer_be_told(
    tower: Tower, reader: Reader
) -> None:
    tower.begin_work()
    tower.hear("report.escalation_consented.v1", admissible_month="2026-12")
    tower.database.psql(
        "UPDATE clock SET due_at = due_at - interval '1 day', passed_at = now() WHERE clock = 'V'"
    )
    tower.at("2027-01-02 10:00").sweep()

    shown = text(opened(reader.get(**PDF)))

    assert "after that; the Ombudsman decides" in shown
    assert "Its days can no longer be told" in shown


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"admissible_month": "2027-02"}, "2027-02"),
        ({"admissible_until": "2027-02-14"}, "2027-02-14"),  # of a dossier of the second version
    ],
)
def test_paper_tells_the_last_month_or_what_was_told_formerly(
    tower: Tower, reader: Reader, told: dict[str, Any], shown: str
) -> None:
    hand_over(tower)
    [(content, digest)] = tower.database.psql("SELECT content, sha256 FROM dossier")
    content["consent"] = {"at": "2026-11-02T02:00:00Z", "with_identity": True, **told}
    content["consent"]["handed_over_in_time"] = None
    told = {"dossier": content, "sha256": digest, "sealed": [], "erased_at": None}

    made = text(pypdf.PdfReader(io.BytesIO(paper.printed(told, tower.settings.zone))))

    assert shown in made
    assert ("in that month, of which the day is not told here" in made) == (shown == "2027-02")


def test_paper_names_evidence_by_its_hash(tower: Tower, reader: Reader) -> None:
    tower.begin_work()
    tower.hear("case.answered.v1", agency="dpupr", cycle=1, evidence=["a0" * 32])
    tower.hear("case.objected.v1", cycle=2)
    tower.hear("report.escalation_consented.v1")
    tower.at("2027-02-02 10:00").sweep()
    tower.append()

    shown = text(opened(reader.get(**PDF)))

    assert "a0" * 32 in shown.replace(" ", "")


def test_a_dossier_of_the_first_version_is_printed_without_a_word_of_evidence(
    tower: Tower, reader: Reader
) -> None:
    hand_over(tower)
    [(content, digest)] = tower.database.psql("SELECT content, sha256 FROM dossier")
    assert "Bukti" in text(opened(reader.get(**PDF)))
    content = {name: value for name, value in content.items() if name != "evidence"}

    for clock in content["clocks"]:
        clock["pauses"] = [["2026-11-03T02:00:00Z", "2026-11-04T02:00:00Z"]]

    shown = {"dossier": content | {"version": 1}, "sha256": digest, "sealed": [], "erased_at": None}
    made = paper.printed(shown, tower.settings.zone)

    assert "Bukti" not in text(pypdf.PdfReader(io.BytesIO(made)))


def test_in_time_paper_says_neither(tower: Tower, reader: Reader) -> None:
    hand_over(tower)

    shown = text(opened(reader.get(**PDF)))

    assert "after that;" not in shown
    assert "in that month" not in shown
    assert "no longer be told" not in shown


def test_the_same_dossier_is_the_same_bytes_on_another_day(
    tower: Tower, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_over(tower)
    first = reader.get(**PDF).content

    class Like(type):
        def __instancecheck__(cls, value: Any) -> bool:
            return isinstance(value, datetime)

    class Later(datetime, metaclass=Like):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC).astimezone(tz)

    monkeypatch.setattr("fpdf.fpdf.datetime", Later)
    monkeypatch.setattr("fpdf.output.datetime", Later)

    assert reader.get(**PDF).content == first


def test_paper_holds_nothing_that_is_sealed(tower: Tower, reader: Reader) -> None:
    hand_over(tower)
    parts = [s for (s,) in tower.database.psql("SELECT sealed FROM sealed_part")]

    shown = text(opened(reader.get(**PDF)))

    assert parts
    assert not any(part[:40] in shown for part in parts)


def test_a_dossier_with_codes_that_have_no_words_is_printed_all_the_same(
    tower: Tower, reader: Reader
) -> None:
    hand_over(tower)
    [(content, digest)] = tower.database.psql("SELECT content, sha256 FROM dossier")
    content = json.loads(json.dumps(content).replace("case.followed_up", "case.unheard_of"))
    content["case"]["agency"] = "<dinas & “baru”>"

    told = {"dossier": content, "sha256": digest, "sealed": [], "erased_at": None}
    made = paper.printed(told, tower.settings.zone)

    shown = text(pypdf.PdfReader(io.BytesIO(made)))
    assert "case.unheard_of" in shown
    assert "<dinas & “baru”>" in shown
