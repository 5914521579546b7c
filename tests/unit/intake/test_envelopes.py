"""What goes to the Ombudsman only the Ombudsman opens, in sizes that tell little."""

import hashlib
import json
from datetime import UTC, date, datetime

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey
from joserfc.registry import HeaderParameter

import contracts
from chassis.errors import Poison
from services.intake import schemas
from services.intake.domain import Action
from services.intake.envelopes import Envelopes
from services.intake.models import Reply, Report, TimelineEntry
from services.notify.sealing import Opener

NUMBER, AT = "KTB-12345-67890", datetime(2026, 11, 24, 2, 3, 4, tzinfo=UTC)
WIDE = "\U0001f4a5"  # four bytes a character, the most there is
SHORT = {
    "full_name": "Ani",
    "birth_place": "Kotabaru",
    "birth_date": date(1980, 2, 29),
    "marital_status": "single",
    "occupation": "nelayan",
    "address": "Desa",
    "remedy": "Diperbaiki",
}
LONGEST = {
    **dict.fromkeys(("full_name", "birth_place", "occupation"), WIDE * schemas.NAME),
    "birth_date": date(1980, 2, 29),
    "marital_status": "divorced",
    "address": WIDE * schemas.ADDRESS,
    "id_number": "0" * 16,
    "remedy": WIDE * (schemas.REASON // 2),
    "prior_complaint": {
        "to": WIDE * schemas.NAME,
        "on": date(2026, 1, 1),
        "outcome": WIDE * (schemas.REASON // 2),
    },
    "proxy": {"full_name": WIDE * schemas.NAME, "authority": WIDE * schemas.ADDRESS},
}


def keys(*names):
    made = [ECKey.generate_key("P-256") for _ in names]
    private = [{**k.as_dict(private=True), "kid": n} for k, n in zip(made, names, strict=True)]
    public = [{n: v for n, v in key.items() if n != "d"} for key in private]
    return {"keys": private}, json.dumps({"keys": public}).encode()


PRIVATE, PUBLIC = keys("older", "newest")


@pytest.fixture(scope="module")
def envelopes():
    return Envelopes(PUBLIC)


def opened(sealed, private=PRIVATE):
    registry = jwe.JWERegistry(
        header_registry={"sub": HeaderParameter("Subject", "str", required=True)},
        algorithms=["ECDH-ES", "A256GCM"],
    )
    found = {key["kid"]: ECKey.import_key(key) for key in private["keys"]}
    result = jwe.decrypt_compact(sealed, lambda r: found[r.headers()["kid"]], registry=registry)
    assert result.protected["sub"] == NUMBER
    return json.loads(result.plaintext)


def test_the_shortest_and_the_longest_form_have_one_size_and_fit_the_contract(envelopes):
    sealed = [envelopes.identity(NUMBER, form) for form in (SHORT, LONGEST)]

    assert len({len(s.sealed) for s in sealed}) == 1
    assert opened(sealed[1].sealed)["form"]["proxy"]["full_name"] == WIDE * schemas.NAME
    assert opened(sealed[0].sealed)["form"]["birth_date"] == "1980-02-29"
    most = contracts.schema("report.escalation_consented.v1")["properties"]["sealed"]["maxLength"]
    assert len(sealed[1].sealed) <= most


def test_the_newest_key_of_the_set_is_used_and_named(envelopes):
    sealed = envelopes.identity(NUMBER, SHORT)

    assert sealed.key_id == "newest"
    assert sealed.sha256 == hashlib.sha256(sealed.sealed.encode()).hexdigest()
    older = {"keys": PRIVATE["keys"][:1]}
    with pytest.raises(KeyError):
        opened(sealed.sealed, older)


def test_what_is_sealed_to_the_ombudsman_does_not_open_for_notify(envelopes):
    theirs = {**ECKey.generate_key("P-256").as_dict(private=True), "kid": "newest"}
    opener = Opener(json.dumps(theirs).encode())

    with pytest.raises(Poison):
        opener.open(envelopes.identity(NUMBER, SHORT).sealed, NUMBER)


def test_the_longest_words_fit_the_contract_and_tell_whose_they_are(envelopes):
    report = Report(
        number=NUMBER, title=WIDE * schemas.TITLE, text=WIDE * schemas.WORDS,
        event_date=date(2026, 11, 1), district="63.02.06", place=WIDE * schemas.PLACE,
        agency="dpupr", category="jalan-jembatan", received_at=AT,
    )  # fmt: skip
    entry = TimelineEntry(
        number=NUMBER, at=AT, what=f"reporter.{Action.SUPPLEMENT}", text=WIDE * schemas.WORDS
    )
    files = [{"title": WIDE * 100, "sha256": f"{n:064x}"} for n in range(5)]
    reply = Reply(
        number=NUMBER, reply_id="r", about="answer", text=WIDE * schemas.WORDS, evidence=files,
        at=AT,
    )  # fmt: skip
    facts = [
        envelopes.report(report, AT), envelopes.addition(entry, AT), envelopes.reply(reply, AT),
    ]  # fmt: skip

    for fact in facts:
        contracts.validate(fact.type, fact.data)
    told = [opened(fact.data["sealed"]) for fact in facts]
    assert [one["part"] for one in told] == ["report", "addition", "reply"]
    assert [one.get("about") for one in told] == [None, "supplement", "answer"]
    assert all(one["text"] == WIDE * schemas.WORDS for one in told)
    assert told[0]["title"] == WIDE * schemas.TITLE
    assert told[2]["evidence"] == files


def test_a_private_key_in_the_set_is_refused():
    with pytest.raises(ValueError, match="public"):
        Envelopes(json.dumps(PRIVATE).encode())


def test_a_set_without_keys_is_refused():
    with pytest.raises(ValueError, match="public"):
        Envelopes(b'{"keys": []}')
