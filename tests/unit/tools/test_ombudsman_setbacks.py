"""What stops the reference client at home is said in a line, and nothing is lost by it: a disk that
is full, a key that is another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.outside import Outside
from tests.unit.tools.regency import Regency
from tests.unit.tools.test_ombudsman_between import ANSWER, TAKEN
from tests.unit.tools.test_ombudsman_hostile import NUMBER, dossier, envelope, part

pytestmark = pytest.mark.fault

FULL = ("prlimit", "--fsize=9000")  # bytes of a file: then the system refuses, as a full disk does
STOPPED = "What is kept is whole: mend this, and run it again"


def secret(outside: Outside, name: str) -> Path:
    return outside.folder.parent / "secrets" / f"ombudsman-{name}"


def has_all(regency: Regency, outside: Outside) -> None:
    """What must hold when there is room again."""
    outside.under = ()
    assert outside.run("follow", "--once") == 0, outside.said
    for stream, entries in regency.entries.items():
        assert outside.entries(stream) == entries
    assert outside.run("verify") == 0, outside.said


def test_entries_that_find_no_room_come_again(regency: Regency, outside: Outside) -> None:
    regency.page(50)
    outside.under = FULL

    assert outside.run("follow", "--once") == 1

    assert outside.said == f"stopped: [Errno 27] File too large. {STOPPED}\n"
    assert 0 < len(outside.entries()) < 51, "they were being written"
    has_all(regency, outside)


def test_of_a_document_that_finds_no_room_nothing_is_left_to_fill_the_disk(
    regency: Regency, outside: Outside
) -> None:
    """It may hold who a reporter is."""
    regency.hand_over(NUMBER, dossier(part("x" * 20_000)))
    outside.under = FULL

    assert [outside.run("follow", "--once") for _ in range(3)] == [1, 1, 1]

    assert STOPPED in outside.said
    assert not list((outside.folder / "dossiers").iterdir())
    has_all(regency, outside)
    assert outside.read(f"dossiers/{NUMBER}.json")["sealed"]


def test_evidence_that_finds_no_room_hides_no_alarm(regency: Regency, outside: Outside) -> None:
    regency.append(subject="x" * 20_000)["subject"] = "y" * 20_000
    outside.under = FULL

    assert outside.run("follow", "--once") == 3

    assert "THE FEED DOES NOT HOLD: monitoring: entry 2 does not hold (hash)" in outside.said
    assert "No evidence could be written: [Errno 27]" in outside.said


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_dossier_that_is_withheld_holds_up_nothing_else(
    regency: Regency, outside: Outside, status: int
) -> None:
    numbers = [f"KTB-12345-6789{n}" for n in range(3)]
    for number in numbers:
        regency.hand_over(number, dossier(part("x")))
    withheld, *others = numbers
    given = regency.answers[f"dossiers/{withheld}"]
    regency.answers[f"dossiers/{withheld}"] = [(status, b'{"title": "Not today"}')]

    assert [outside.run("follow", "--once") for _ in range(2)] == [2, 2]

    assert all(outside.read(f"dossiers/{number}.json") for number in others)
    assert f"away: no dossier is given of {withheld} (" in outside.said
    assert outside.run("answer", others[0], "received") == 0, outside.said
    assert outside.run("status") == 0
    assert json.loads(outside.said)["missing"] == [withheld]
    regency.answers[f"dossiers/{withheld}"] = given
    has_all(regency, outside)
    assert outside.read(f"dossiers/{withheld}.json")


def test_nor_does_it_hold_up_a_feed_of_many_pages(regency: Regency, outside: Outside) -> None:
    regency.hand_over(NUMBER, dossier(part("x")))
    regency.answers[f"dossiers/{NUMBER}"] = [(404, b"{}")]
    regency.largest_page = 5
    for stream in ("monitoring", "handovers"):
        for _ in range(17):
            regency.append(stream)

    assert outside.run("follow", "--once") == 2

    assert outside.entries("monitoring") == regency.entries["monitoring"]
    assert outside.entries("handovers") == regency.entries["handovers"]


def test_answers_and_dossiers_hold_up_each_other_never(regency: Regency, outside: Outside) -> None:
    regency.answers[ANSWER] = [(503, b"{}"), (503, b"{}"), TAKEN]
    other = "KTB-12345-67891"
    for number in (NUMBER, other):
        regency.hand_over(number, dossier(part("x")))
    regency.answers[f"dossiers/{NUMBER}"] = [(404, b"{}")]
    assert outside.run("answer", NUMBER, "received") == 2

    assert outside.run("follow", "--once") == 2
    assert outside.read(f"dossiers/{other}.json")["dossier"]
    assert outside.run("follow", "--once") == 2

    assert len(regency.signed) == 3
    assert [a["result"]["taken"] for a in outside.documents("answers")] == [True]


def test_who_says_nothing_is_waited_for_once_and_not_always_before_others(
    regency: Regency, outside: Outside
) -> None:
    numbers = [f"KTB-12345-6789{n}" for n in range(4)]
    for number in numbers:
        regency.hand_over(number, dossier(part("x")))
    silent, *others = numbers
    regency.odd[f"dossiers/{silent}"] = lambda _: None  # hangs up

    runs = 0
    while len(list((outside.folder / "dossiers").iterdir())) < len(others):
        assert outside.run("follow", "--once") == 2, outside.said
        runs += 1
        assert runs < 40, "chance alone would need one run in four"

    assert regency.asked.count(f"GET dossiers/{silent}") <= runs


def test_a_damaged_document_is_named(regency: Regency, outside: Outside) -> None:
    (outside.folder / "monitoring.json").write_text('{"cursor": ')

    for command in (["follow", "--once"], ["status"]):
        assert outside.run(*command) == 1
        assert "monitoring.json is damaged: it is no JSON" in outside.said
        assert "Traceback" not in outside.said


DAMAGED = [b"\0" * 50, b'{"subject": "\xff"}', b"7", b"", b"[" * 5000]


@pytest.mark.parametrize("line", DAMAGED, ids=["power cut", "no UTF-8", "number", "empty", "deep"])
def test_a_damaged_line_is_named(regency: Regency, outside: Outside, line: bytes) -> None:
    regency.append()
    assert outside.run("follow", "--once") == 0, outside.said
    file = outside.folder / "monitoring.jsonl"
    first, second = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + line + b"\n" + second)

    for command in (["follow", "--once"], ["status"], ["verify"]):
        assert outside.run(*command) == 1
        assert outside.said.endswith(
            f"refused: line 2 of {file} is damaged: it is no JSON object\n"
        )


@pytest.mark.parametrize("found", ["", "one two", "one\ntwo", "kunci\u2013"])
def test_a_file_that_is_no_bearer_key_is_named(outside: Outside, found: str) -> None:
    secret(outside, "bearer-key").write_text(found, "utf-8")

    assert outside.run("follow", "--once") == 1

    assert "bearer-key is no bearer key" in outside.said
    assert "Traceback" not in outside.said


def test_who_only_looks_makes_no_folder_for_evidence(regency: Regency, outside: Outside) -> None:
    regency.append()
    assert outside.run("follow", "--once") == 0, outside.said
    (outside.folder / "evidence").rmdir()
    kept = outside.folder / "monitoring.jsonl"
    kept.write_text(kept.read_text().replace('"y"', '"z"'))

    assert outside.run("verify") == 3

    assert "THE FEED DOES NOT HOLD" in outside.said
    assert "No evidence could be written" in outside.said
    assert not (outside.folder / "evidence").exists()


def test_a_part_that_our_key_does_not_open_is_told(regency: Regency, outside: Outside) -> None:
    mine, other = part(envelope(outside, text="a")), part("x", key_id="\x1bp", part="identity")
    regency.hand_over(NUMBER, dossier(mine, other))

    assert outside.run("follow", "--once") == 0, outside.said

    told = "sealed for the key \\x1bp, which we do not have"
    assert f"dossier {NUMBER}: its part identity stays sealed (ValueError: {told})" in outside.said
    assert "part report stays sealed" not in outside.said


NO_KEYS: list[Any] = [[], {}, {"kty": "OKP"}, {"keys": [{"kty": "EC", "kid": "o"}]}, "x", None]


@pytest.mark.parametrize("found", NO_KEYS, ids=json.dumps)
def test_a_file_that_is_no_opening_key_is_named(
    regency: Regency, outside: Outside, found: Any
) -> None:
    file = secret(outside, "private-key.json")
    right = file.read_text()
    regency.hand_over(NUMBER, dossier(part(envelope(outside, text="a"))))
    file.write_text(json.dumps(found))

    assert outside.run("follow", "--once") == 1

    assert f"{file} is no private JWK with a kid" in outside.said
    assert "Traceback" not in outside.said
    file.write_text(right)
    has_all(regency, outside)
    assert outside.read(f"dossiers/{NUMBER}.json")["opened"][0]["opened"] == {"text": "a"}


@pytest.mark.parametrize("found", NO_KEYS, ids=json.dumps)
def test_a_file_that_is_no_signing_key_is_named_and_the_answer_goes_later(
    regency: Regency, outside: Outside, found: Any
) -> None:
    file = secret(outside, "signing-key.json")
    right = file.read_text()
    file.write_text(json.dumps(found))

    assert outside.run("answer", NUMBER, "received") == 1

    assert f"{file} is no private Ed25519 JWK" in outside.said
    assert "Traceback" not in outside.said
    file.write_text(right)
    has_all(regency, outside)
    assert len(regency.signed) == 1


def test_a_key_that_is_not_there_is_named(outside: Outside) -> None:
    secret(outside, "bearer-key").unlink()

    assert outside.run("follow", "--once") == 1

    assert "stopped: [Errno 2] No such file or directory" in outside.said
    assert "bearer-key" in outside.said
    assert "Traceback" not in outside.said


@pytest.mark.parametrize("found", ["no JSON", "[]", '{"keys": 1}', "{}", "\udcff"])
def test_a_file_that_is_no_set_of_feed_keys_is_named_and_nothing_is_begun(
    outside: Outside, tmp_path: Path, found: str
) -> None:
    file, before = tmp_path / "feed-keys.json", outside.read("config.json")
    file.write_text(found, "utf-8", "surrogateescape")
    keys = ("--bearer", "x", "--signing-key", "x", "--feed-keys", file)

    assert outside.run("init", "--url", "http://elsewhere", *keys) == 1

    assert outside.said == f"{file} is no JWK Set\n"
    assert outside.read("config.json") == before
