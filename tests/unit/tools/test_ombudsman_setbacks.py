"""What stops the reference client at home is said in a line, and nothing is lost by it: a disk that
is full, a key that is another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.outside import Outside
from tests.unit.tools.regency import Regency
from tests.unit.tools.test_ombudsman_hostile import NUMBER, dossier, envelope, part

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


def test_an_answer_goes_before_a_dossier_that_is_withheld(
    regency: Regency, outside: Outside
) -> None:
    regency.answers[f"handovers/{NUMBER}/answers"] = [(503, b"{}"), (200, b"{}")]
    regency.hand_over(NUMBER, dossier(part("x")))
    regency.answers[f"dossiers/{NUMBER}"] = [(404, b"{}")]
    assert outside.run("answer", NUMBER, "received") == 2

    assert outside.run("follow", "--once") == 2

    assert len(regency.signed) == 2


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
