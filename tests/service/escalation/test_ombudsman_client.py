"""The reference client follows, keeps, acknowledges and answers, dies at any moment, and goes on
from there; a feed that was tampered with it refuses by the entry's name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from services.escalation.ombudsman import feed
from services.intake.receipts import Signer
from tests.harness import guides
from tests.harness.between import Between
from tests.harness.outside import PROGRAM, Outside, changed
from tests.service.escalation.overseer import REFERENCE
from tests.service.escalation.tower import NUMBER, Tower

pytestmark = pytest.mark.fault

SAID = ("--reference", REFERENCE)
VERIFIER = guides.TOOLS / "verify-receipt" / "verify_receipt.py"
SECOND = "KTB-10000-00002"


def write(tower: Tower, count: int, first: int = 0) -> None:
    with tower.db.begin() as tx:
        for n in range(first, first + count):
            said = {"n": n}
            feed.write(tx, "monitoring", "feed.breach.opened.v1", NUMBER, said, tower.clock.now())
    tower.append()


def acknowledged(tower: Tower, stream: str = "monitoring") -> int:
    return tower.count(
        f"SELECT coalesce(max(position), 0) FROM feed_acknowledgement WHERE stream = '{stream}'"
    )


def test_it_follows_both_streams_keeps_them_and_acknowledges(
    tower: Tower, outside: Outside
) -> None:
    write(tower, 250)

    assert outside.run("follow", "--once") == 0, outside.said

    assert outside.entries()[-1]["data"] == {"n": 249}
    assert [entry["subject"] for entry in outside.entries("handovers")] == [NUMBER]
    assert acknowledged(tower) == len(outside.entries())
    assert acknowledged(tower, "handovers") == 1
    assert outside.read(f"dossiers/{NUMBER}.json")["dossier"]["number"] == NUMBER
    assert outside.run("verify") == 0
    assert "1 entries hold" in outside.said


def test_it_keeps_the_hashes_that_prove_what_officers_did(tower: Tower, outside: Outside) -> None:
    link = {"position": 12, "hash": "5f" * 32, "rows": 40}
    assert tower.hear("trail.extended.v1", "trail", **link) == "done"
    tower.append()

    assert outside.run("follow", "--once") == 0, outside.said

    last = outside.entries()[-1]
    assert (last["type"], last["subject"]) == ("feed.trail.extended.v1", "trail")
    assert last["data"] == link | {"at": last["data"]["at"]}


def test_it_keeps_the_keys_that_receipts_are_checked_with(
    tower: Tower, outside: Outside, tmp_path: Path
) -> None:
    made = ECKey.generate_key("P-256")
    private = {**made.as_dict(private=True), "kid": made.thumbprint()}
    signer = Signer(json.dumps(private).encode())
    said = {name: signer.public[name] for name in ("kid", "x", "y")}
    assert tower.hear("receipt.key_shown.v1", "receipts", **said) == "done"
    tower.append()

    assert outside.run("follow", "--once") == 0, outside.said

    last = outside.entries()[-1]
    assert (last["type"], last["subject"]) == ("feed.receipt_key.shown.v1", private["kid"])
    proof = signer.prove(NUMBER, "report.submitted", tower.clock.now(), {}, promised=None)
    ran = guides.run(VERIFIER, outside.folder, "--feed", "monitoring.jsonl", "-", said=proof)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_it_answers_and_its_answer_comes_back_on_the_chain(tower: Tower, outside: Outside) -> None:
    assert outside.run("answer", NUMBER, "received", *SAID) == 0, outside.said
    assert outside.run("answer", NUMBER, "recommendation", *SAID, "--words", "Perbaiki.") == 1
    tower.append()

    assert outside.run("follow", "--once") == 0, outside.said

    assert [fact["answer"] for fact in tower.said("escalation.answered")] == ["received"]
    last = outside.entries("handovers")[-1]
    assert (last["type"], last["data"]["answer"]) == ("feed.case.answered.v1", "received")
    assert outside.run("verify") == 0, outside.said
    assert "tells of the answer" not in outside.said
    assert outside.run("status") == 0
    told = json.loads(outside.said)
    assert [a["result"]["taken"] for a in told["answers"]] == [True, False]
    assert told["untold"] == []


def test_it_tells_whether_a_file_is_the_one_that_was_named(
    tower: Tower, outside: Outside, tmp_path: Path
) -> None:
    photo, other = tmp_path / "foto.jpg", tmp_path / "lain.jpg"
    photo.write_bytes(b"as it was"), other.write_bytes(b"as it was later")
    evidence = [hashlib.sha256(b"as it was").hexdigest()]
    tower.at("2026-11-02 09:00").open(SECOND)
    tower.dispose(SECOND)
    tower.hear("case.followed_up.v1", SECOND, agency="dpupr", cycle=1, evidence=evidence)
    tower.hear("report.escalation_consented.v1", SECOND)
    tower.at("2027-02-04 10:00").sweep()
    tower.append()

    assert outside.run("compare", SECOND, photo) == 1
    assert "no dossier" in outside.said
    assert outside.run("follow", "--once") == 0, outside.said
    assert outside.run("compare", SECOND, photo) == 0, outside.said
    assert "foto.jpg: named by dpupr at 2026-11-02T01:00:00" in outside.said
    assert outside.run("compare", SECOND, photo, other) == 1
    assert "lain.jpg: NOT named" in outside.said
    assert outside.run("compare", NUMBER, photo) == 1
    assert outside.run("compare", SECOND, tmp_path / "none.jpg") == 1
    assert "none.jpg cannot be read" in outside.said
    kept = outside.folder / f"dossiers/{SECOND}.json"
    kept.write_text(kept.read_text().replace(evidence[0], "5f" * 32))
    assert outside.run("compare", SECOND, photo) == 3


def killed(way: Between, outside: Outside, moment: str, *words: object) -> None:
    """Dies when it was heard there and before it is answered."""
    way.swallowed = moment
    running = outside.start(*words)
    assert way.caught.wait(30)
    running.kill()
    running.communicate()
    way.swallowed = ""


def whole(tower: Tower, outside: Outside) -> None:
    """What must hold of 30 entries when it has died, and of five more when it goes on: it has said
    that it has what it has and no more, and keeps each entry once."""
    assert acknowledged(tower) <= len(outside.entries())
    write(tower, 5, 30)

    assert outside.run("follow", "--once") == 0, outside.said

    told = [entry["position"] for entry in outside.entries()]
    assert told == list(range(1, len(told) + 1))
    assert outside.entries()[-1]["data"] == {"n": 34}
    assert acknowledged(tower) == len(told)


@pytest.mark.parametrize("moment", ["/acknowledgements", f"/dossiers/{NUMBER}", "/feed"])
def test_killed_at_any_moment_it_goes_on_without_gap_and_without_double(
    tower: Tower, way: Between, outside: Outside, moment: str
) -> None:
    write(tower, 30)
    killed(way, outside, moment, "follow")

    whole(tower, outside)


DIE = '        __import__("os").kill(__import__("os").getpid(), 9)\n'
BETWEEN = '        self.cursor = page["cursor"]\n'
CURSOR_FIRST = (
    "        if new:\n",
    '        self.store.write(f"{self.stream}.json", {"cursor": page["cursor"]})\n'
    f"{DIE}        if new:\n",
)
EARLY = (
    "        page = self._page(followed, wait)\n",
    "        page = self._page(followed, wait)\n"
    '        for last in page["events"][-1:]:\n'
    '            place = {"stream": followed.stream, "epoch": 1, "position": last["position"]}\n'
    '            self.office.acknowledge(place, page["cursor"], last["hash"])\n',
)


def test_dying_after_the_entries_and_before_its_cursor_it_knows_them_again(
    tower: Tower, outside: Outside, tmp_path: Path
) -> None:
    write(tower, 30)
    outside.program = changed(tmp_path / "dies", ("followed.py", BETWEEN, DIE + BETWEEN))
    assert outside.run("follow", "--once") == -9
    with (outside.folder / "monitoring.jsonl").open("a") as file:
        file.write('{"half": "a li')

    outside.program = PROGRAM
    whole(tower, outside)


def test_a_client_that_keeps_its_cursor_first_loses_what_it_has_not_written(
    tower: Tower, outside: Outside, tmp_path: Path
) -> None:
    """A negative control of the kills."""
    write(tower, 30)
    outside.program = changed(tmp_path / "dies", ("followed.py", *CURSOR_FIRST))
    assert outside.run("follow", "--once") == -9

    outside.program = PROGRAM
    with pytest.raises(AssertionError, match="does not hold"):
        whole(tower, outside)


def test_a_client_that_acknowledges_first_says_that_it_has_what_it_has_not(
    tower: Tower, way: Between, outside: Outside, tmp_path: Path
) -> None:
    """A negative control of the kills."""
    write(tower, 30)
    outside.program = changed(tmp_path / "hasty", ("client.py", *EARLY))
    killed(way, outside, "/acknowledgements", "follow")

    with pytest.raises(AssertionError):
        whole(tower, outside)
    assert acknowledged(tower) > len(outside.entries())


def taken_once(tower: Tower, way: Between, outside: Outside) -> None:
    """What must hold of an answer that was heard when the client died: it had one effect, and the
    client comes to know of it."""
    killed(way, outside, "/answers", "answer", NUMBER, "received", *SAID)

    assert [outside.run("follow", "--once"), outside.run("follow", "--once")] == [0, 0]

    assert [fact["answer"] for fact in tower.said("escalation.answered")] == ["received"]
    outside.run("status")
    assert [a["result"]["taken"] for a in json.loads(outside.said)["answers"]] == [True]


def test_an_answer_that_was_heard_when_it_died_takes_effect_once(
    tower: Tower, way: Between, outside: Outside
) -> None:
    taken_once(tower, way, outside)


def test_a_client_that_names_its_answer_anew_each_time_does_not_learn_what_became_of_it(
    tower: Tower, way: Between, outside: Outside, tmp_path: Path
) -> None:
    """The negative control of the answer's one effect."""
    named = ('_signing_key, one["id"], body)', '_signing_key, f"msg_{uuid4().hex}", body)')
    outside.program = changed(tmp_path / "forgets", ("answers.py", *named))

    with pytest.raises(AssertionError):
        taken_once(tower, way, outside)


TAMPERINGS: dict[str, tuple[Callable[[list[dict]], object], str]] = {
    "edited": (lambda events: events[4].update(subject="KTB-00000-00000"), "hash"),
    "dropped": (lambda events: events.pop(4), "position"),
    "by an unknown key": (lambda events: events[4].update(kid="x"), "key"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_was_tampered_with_is_refused_by_name_and_kept_as_evidence(
    tower: Tower, way: Between, outside: Outside, name: str
) -> None:
    write(tower, 20)
    tamper, check = TAMPERINGS[name]

    def change(body: bytes) -> bytes:
        page = json.loads(body)
        if len(page.get("events", ())) > 4:
            tamper(page["events"])
        return json.dumps(page).encode()

    way.change = change
    assert outside.run("follow", "--once") == 3

    assert f"monitoring: entry 5 does not hold ({check})" in outside.said
    [evidence] = (outside.folder / "evidence").iterdir()
    found = json.loads(evidence.read_text())
    assert (found["position"], found["check"]) == (5, check)
    assert found["page"]["events"]
    assert outside.entries() == []
    assert acknowledged(tower) == 0

    way.change = lambda body: body
    assert outside.run("follow", "--once") == 0, outside.said


def test_a_client_that_checks_nothing_would_take_an_edited_feed(
    tower: Tower, way: Between, secrets_folder: Path, tmp_path: Path
) -> None:
    """The negative control: what is refused above is really in what it reads."""
    trusting = changed(tmp_path / "trusting", ("chain.py", "if not holds:", "if False:"))
    outside = Outside(tmp_path / "state", way.url, secrets_folder, trusting)
    write(tower, 20)

    way.change = lambda body: body.replace(b'"n":4', b'"n":5').replace(b'"n": 4', b'"n": 5')

    outside.run("follow", "--once")
    assert [entry["data"] for entry in outside.entries()].count({"n": 5}) == 2


def test_what_it_kept_and_somebody_edited_is_found(tower: Tower, outside: Outside) -> None:
    write(tower, 5)
    outside.run("follow", "--once")
    file = outside.folder / "monitoring.jsonl"
    file.write_text(file.read_text().replace('"n": 3', '"n": 4'))

    assert outside.run("verify") == 3
    assert "(hash)" in outside.said


def test_a_feed_that_went_back_is_refused(tower: Tower, outside: Outside) -> None:
    write(tower, 5)
    outside.run("follow", "--once")
    kept = len(outside.entries())
    for statement in (
        "ALTER TABLE feed_entry DISABLE TRIGGER append_only",
        "ALTER TABLE feed_acknowledgement DISABLE TRIGGER ALL",
        "DELETE FROM feed_acknowledgement",
        f"DELETE FROM feed_entry WHERE stream = 'monitoring' AND position > {kept - 2}",
        f"UPDATE feed_stream SET position = {kept - 2} WHERE stream = 'monitoring'",
    ):
        tower.database.psql(statement)

    assert outside.run("follow", "--once") == 3
    assert "(ahead)" in outside.said


def test_a_heap_is_read_in_the_largest_pages_that_there_are(
    tower: Tower, way: Between, outside: Outside
) -> None:
    write(tower, 4100)
    before = len(outside.entries())

    assert outside.run("follow", "--once") == 0, outside.said

    assert len(outside.entries()) >= before + 4100
    assert way.asked.count("GET /v1/ombudsman/feed") == 3 * 2  # of each stream


def test_a_regency_that_is_away_is_tried_again(way: Between, outside: Outside) -> None:
    way.behind = "http://127.0.0.1:9"

    assert outside.run("follow", "--once") == 2
    assert "away" in outside.said
