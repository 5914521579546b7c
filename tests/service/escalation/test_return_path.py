"""The Ombudsman answers to a hand-over: each answer takes effect once, and whoever cheats leaves
nothing behind."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey
from sqlalchemy.exc import OperationalError

from chassis.config import Misconfigured, Secret
from deploy.rabbitmq.definitions import HEARS
from services.escalation.commands import verify
from services.escalation.events import rfc3339
from services.escalation.models import FeedEpoch
from services.escalation.ombudsman import answers, webhooks
from services.escalation.ombudsman.webhooks import Message
from tests.service.escalation.overseer import REFERENCE, Overseer, handed_over, headers, letter
from tests.service.escalation.tower import NUMBER, Tower

OTHER = "KTB-22222-22222"
ID = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"
WRITTEN = """
SELECT (SELECT count(*) FROM handover_answer) + (SELECT count(*) FROM outbox)
     + (SELECT count(*) FROM feed_pending) + (SELECT count(*) FROM feed_entry)
     + (SELECT count(*) FROM clock) + (SELECT count(*) FROM due)
"""


def told(tower: Tower, type: str = "escalation.answered") -> list[str]:
    return [fact["answer"] for fact in tower.said(type)]


def test_an_answer_is_kept_told_and_chained(tower: Tower, overseer: Overseer) -> None:
    body = letter("received", words="Laporan diterima.")
    taken = overseer.post(body, headers(overseer.key, body, ID))
    tower.append()

    assert taken.json == {"number": NUMBER, "answer": "received", "at": "2027-01-04T02:00:00+00:00"}
    [fact] = tower.said("escalation.answered")
    assert fact | {"answer_id": ""} == {
        "type": "escalation.answered", "answer_id": "", "answer": "received", "reason": None,
        "reference": REFERENCE, "spoken": True, "decided_at": "2027-01-04T02:00:00Z",
        "at": "2027-01-04T02:00:00Z",
    }  # fmt: skip
    [words] = tower.said("escalation.remark_written")
    assert (words["answer_id"], words["text"]) == (fact["answer_id"], "Laporan diterima.")
    entry = tower.entries("handovers")[-1]
    assert (entry["type"], entry["subject"]) == ("feed.case.answered.v1", NUMBER)
    assert entry["data"]["answer"] == "received"
    assert entry["data"]["message_id"] == ID
    assert verify(tower.db) == 0


def test_words_stand_in_their_own_stream_and_nowhere_else(tower: Tower, overseer: Overseer) -> None:
    overseer.answers("received", "under_examination")
    overseer.answer("corrective_action", words="Segel kuning di jembatan.")
    tower.append()

    rows = tower.database.psql("SELECT source FROM outbox WHERE data::text LIKE '%Segel kuning%'")
    assert rows == [("/escalation/words",)]
    assert "Segel kuning" not in json.dumps(tower.entries("handovers"))
    assert tower.count("SELECT count(*) FROM handover_answer h WHERE h::text LIKE '%Segel%'") == 0


def test_a_file_goes_its_whole_way(tower: Tower, overseer: Overseer) -> None:
    way = ["received", "under_examination", "mediation", "corrective_action", "recommendation"]

    overseer.answers(*way, "closed")

    assert told(tower) == [*way, "closed"]
    asking = [fact["answer"] for fact in tower.said("escalation.words_written")]
    assert asking == ["mediation", "corrective_action", "recommendation"]


@pytest.mark.parametrize("answer", ["received", "declined", "under_examination", "closed"])
def test_what_may_speak_of_the_reporter_is_said_where_routing_does_not_hear(
    tower: Tower, overseer: Overseer, answer: str
) -> None:
    if answer not in ("received", "declined"):
        overseer.answers("received")
    assert overseer.answer(answer, words="Kepada Ibu Segel Kuning.").status_code == 200

    rows = tower.database.psql("SELECT source FROM outbox WHERE data::text LIKE '%Segel Kuning%'")
    assert rows == [("/escalation/remarks",)]
    assert "/escalation/remarks" not in HEARS["routing"]


def test_what_cannot_follow_is_refused_and_leaves_nothing(tower: Tower, overseer: Overseer) -> None:
    overseer.answers("received")
    before = tower.count(WRITTEN)

    refused = overseer.answer("recommendation")

    assert (refused.status_code, refused.json["code"]) == (409, "not_allowed")
    assert [error["rule"] for error in refused.json["errors"]] == ["order"]
    assert tower.count(WRITTEN) == before


def test_an_answer_whose_transaction_the_database_undid_is_taken_the_next_time(
    tower: Tower, overseer: Overseer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Undone(Exception):
        pgcode = "40001"

    check, undoes = answers.check, [Undone()]

    def checked(*what: object) -> None:
        if undoes:
            raise OperationalError("INSERT", {}, undoes.pop())
        check(*what)  # type: ignore[arg-type]

    monkeypatch.setattr(answers, "check", checked)

    assert overseer.answer("received").status_code == 200
    assert (undoes, told(tower)) == ([], ["received"])


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"reference": None}, "reference"),
        ({"reference": "Budi, Jl. Melati 3"}, "reference"),
        ({"reference": "BudiSantoso"}, "reference"),
        ({"reference": "LM"}, "reference"),
        ({"reference": "B1"}, "reference"),
        ({"reference": "0" * 61}, "reference"),
        ({"reference": "budi-1975"}, "reference"),
        ({"reason": "incomplete"}, "reason"),
        ({"at": "2027-01-04T02:06:00Z"}, "at"),
        ({"at": "9999-12-31T23:59:59-14:00"}, "at"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "at"),
        ({"at": "2001-01-01T00:00:00Z"}, "at"),
        ({"at": "2027-01-04T01:54:59Z"}, "at"),
        ({"at": "yesterday"}, "at"),
        ({"words": ""}, "words"),
        ({"words": "x" * 10_001}, "words"),
        ({"answer": "lost"}, "answer"),
        ({"number": "KTB"}, "number"),
        ({"number": OTHER}, "number"),
        ({"officer": "x"}, "officer"),
    ],
)
def test_what_is_not_whole_is_refused_by_name(
    tower: Tower, overseer: Overseer, other: dict[str, str], field: str
) -> None:
    before = tower.count(WRITTEN)

    body = letter("received", **other)
    refused = overseer.post(body, headers(overseer.key, body))

    assert refused.status_code == 422
    assert [error["field"] for error in refused.json["errors"]] == [field]
    assert tower.count(WRITTEN) == before


def test_an_answer_that_was_decided_before_the_last_one_is_refused_by_name(
    tower: Tower, overseer: Overseer
) -> None:
    tower.at("2027-01-08 10:00")
    assert overseer.answer("received", at="2027-01-07T02:00:00Z").status_code == 200
    before = tower.count(WRITTEN)

    refused = overseer.answer("under_examination", at="2027-01-07T01:54:59Z")

    assert refused.status_code == 422
    [error] = refused.json["errors"]
    assert (error["field"], error["rule"]) == ("at", "after_last_answer")
    assert tower.count(WRITTEN) == before


def test_what_was_decided_by_a_hand_over_that_a_restore_took_away_is_taken(
    tower: Tower, overseer: Overseer
) -> None:
    """It is handed over anew then, later than the Ombudsman decided."""
    early = tower.clock.at - timedelta(hours=2)
    assert overseer.answer("received", at=rfc3339(early)).status_code == 422

    with tower.db.begin() as tx:
        began = {"epoch": 2, "before_epoch": 1, "before_position": 0, "before_hash": bytes(32)}
        opened = {"opened_at": early, "opened_by": "kepala.diskominfo"}
        tx.add(FeedEpoch(stream="handovers", **began, **opened))

    assert overseer.answer("received", at=rfc3339(early)).status_code == 200


@pytest.mark.parametrize("number", ["KTB-99999-99999", OTHER, "nonsense"])
def test_a_case_that_was_not_handed_over_is_as_absent_as_one_that_does_not_exist(
    tower: Tower, overseer: Overseer, number: str
) -> None:
    tower.open(OTHER)
    body = letter("received", "KTB-99999-99999" if number == "nonsense" else number)

    refused = overseer.post(body, headers(overseer.key, body), number)

    assert refused.status_code == 404


# --- once, and only from the Ombudsman


def test_the_same_message_again_gets_the_same_answer_and_has_no_effect(
    tower: Tower, overseer: Overseer
) -> None:
    body = letter("received")
    first = overseer.post(body, headers(overseer.key, body, ID))
    overseer.answers("under_examination")
    before = tower.count(WRITTEN)
    tower.at("2027-01-05 10:00")

    again = overseer.post(body, headers(overseer.key, body, ID, at=later(60)))

    assert (again.status_code, again.json) == (200, first.json)
    assert tower.count(WRITTEN) == before


def test_two_who_send_the_same_at_once_have_one_effect(tower: Tower, overseer: Overseer) -> None:
    body, answers = letter("received"), list[int]()
    signed = headers(overseer.key, body, ID)

    def send() -> None:
        answers.append(overseer.post(body, signed).status_code)

    senders = [threading.Thread(target=send) for _ in range(6)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    assert answers == [200] * 6
    assert told(tower) == ["received"]


def later(seconds: int) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
Cheat = Callable[[Overseer], tuple[int, str]]


def cheat(overseer: Overseer, body: bytes, signed: dict[str, str]) -> tuple[int, str]:
    """The status of the refusal, and the rule that it names."""
    refused = overseer.post(body, signed)
    errors = refused.json.get("errors") or [{"field": "", "rule": "taken"}]
    return refused.status_code, f"{errors[0]['field']} {errors[0]['rule']}"


def altered(overseer: Overseer) -> tuple[int, str]:
    body = letter("received")
    signed = headers(overseer.key, body)
    return cheat(overseer, body.replace(b"0123/LM", b"0124/LM"), signed)


def written_again(overseer: Overseer) -> tuple[int, str]:
    body = letter("received")
    signed = headers(overseer.key, body)
    return cheat(overseer, json.dumps(json.loads(body), indent=1).encode(), signed)


def old(overseer: Overseer) -> tuple[int, str]:
    body = letter("received")
    return cheat(overseer, body, headers(overseer.key, body, at=later(-301)))


def early(overseer: Overseer) -> tuple[int, str]:
    body = letter("received")
    return cheat(overseer, body, headers(overseer.key, body, at=later(310)))


def by_a_stranger(overseer: Overseer) -> tuple[int, str]:
    body = letter("received")
    return cheat(overseer, body, headers(STRANGER, body))


def unsigned(overseer: Overseer) -> tuple[int, str]:
    return cheat(overseer, letter("received"), {})


def under_another_id(overseer: Overseer) -> tuple[int, str]:
    body = letter("received")
    return cheat(overseer, body, headers(overseer.key, body) | {"webhook-id": ID})


CHEATS: dict[str, tuple[Cheat, tuple[int, str]]] = {
    "altered": (altered, (401, "webhook-signature signature")),
    "read and written again": (written_again, (401, "webhook-signature signature")),
    "too old": (old, (401, "webhook-timestamp too_old")),
    "from the future": (early, (401, "webhook-timestamp too_new")),
    "by another key": (by_a_stranger, (401, "webhook-signature signature")),
    "not signed": (unsigned, (401, "webhook-id required")),
    "under another id": (under_another_id, (401, "webhook-signature signature")),
}


def fooled(tower: Tower, overseer: Overseer, name: str) -> bool:
    """Whether a cheat got through, or left anything behind, or was not named."""
    trick, why = CHEATS[name]
    before = tower.count(WRITTEN)
    return trick(overseer) != why or tower.count(WRITTEN) != before


@pytest.mark.parametrize("name", CHEATS)
def test_whoever_cheats_is_refused_by_name(tower: Tower, overseer: Overseer, name: str) -> None:
    assert not fooled(tower, overseer, name)


@pytest.mark.parametrize("name", CHEATS)
def test_a_door_that_only_looks_at_the_id_is_fooled(
    tower: Tower, overseer: Overseer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""
    monkeypatch.setattr(webhooks, "verify", lambda told, *_: Message(ID, datetime.now(UTC)))

    assert fooled(tower, overseer, name)


def test_an_id_that_was_used_with_another_body_is_refused(tower: Tower, overseer: Overseer) -> None:
    body, next_body = letter("received"), letter("under_examination")
    overseer.post(body, headers(overseer.key, body, ID))
    before = tower.count(WRITTEN)

    refused = cheat(overseer, next_body, headers(overseer.key, next_body, ID))

    assert refused == (422, "webhook-id same_body")
    assert tower.count(WRITTEN) == before


def test_a_signed_answer_cannot_be_brought_to_another_case(
    tower: Tower, overseer: Overseer
) -> None:
    tower.at("2026-11-02 10:00").open(OTHER)
    tower.hear("report.escalation_consented.v1", OTHER)
    tower.at("2027-01-04 10:00").sweep()
    tower.append()
    body = letter("received")

    refused = overseer.post(body, headers(overseer.key, body), OTHER)

    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "number")


@pytest.mark.parametrize("bearer", [{}, {"Authorization": "Bearer wrong"}])
def test_a_signature_does_not_stand_in_for_the_key(
    tower: Tower, overseer: Overseer, bearer: dict[str, str]
) -> None:
    overseer.bearer = bearer

    assert overseer.answer("received").status_code == 401
    assert told(tower) == []


def jwks(*keys: Ed25519PrivateKey, private: bool = False) -> Secret:
    documents = [OKPKey.import_key(key).as_dict(private=private) for key in keys]
    return Secret(json.dumps({"keys": documents}).encode())


def test_the_ombudsmans_keys_change_without_a_refusal(tower: Tower, secrets_folder: Path) -> None:
    handed_over(tower)
    first = Overseer(tower, secrets_folder).key
    both = replace(tower.settings, ombudsman_signing_keys=jwks(first, STRANGER))
    overseer = Overseer(tower, secrets_folder, both)

    overseer.answers("received")
    overseer.key = STRANGER
    overseer.answers("under_examination")

    assert told(tower) == ["received", "under_examination"]


@pytest.mark.parametrize(
    "document", [jwks(), jwks(STRANGER, private=True), Secret(b"{}"), Secret(b"no keys at all")]
)
def test_without_public_keys_to_know_it_by_the_api_does_not_start(
    tower: Tower, document: Secret
) -> None:
    with pytest.raises(Misconfigured, match="OMBUDSMAN_SIGNING_KEYS_FILE"):
        replace(tower.settings, ombudsman_signing_keys=document).ombudsman_signing()
