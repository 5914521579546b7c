"""Who gives something for the Ombudsman after the hand-over, and before intake has heard of it, is
told that it did not go along, and what to do."""

import pytest

from services.intake.events import instant
from tests.service.intake.test_consenting import CONSENTED, ask, consent, hear, said, seen

ALONG = {"with_form": True, "words": 1}  # the form, and the report
FACTS = {"with_form": False, "words": None}


def agree(api, intake_db, receipt):
    """Consents to a hand-over of the facts; when."""
    assert ask(api, receipt, "escalation-consent", {}).status_code == 202
    return said(intake_db, CONSENTED)[-1]["at"]


def identify(api, intake_db, receipt):
    """Consents with the form; when."""
    assert consent(api, receipt).status_code == 202
    return said(intake_db, CONSENTED)[-1]["at"]


def add(api, receipt):
    assert ask(api, receipt, "supplements", {"text": "Banjir lagi."}).status_code == 202


def hand_over(worker, receipt, consented_at, along, **more):
    told = along | {"consented_at": consented_at, "at": instant(worker.clock.now())}
    hear(worker, receipt, "escalation.handed_over.v1", **told, **more)


def left_behind(api, receipt):
    """What the timeline tells of what did not go along; it stands at the end."""
    timeline = seen(api, receipt)["timeline"]
    told = [entry["detail"] for entry in timeline if entry["what"] == "escalation.left_behind"]
    assert len(told) < 2
    assert told == [] or timeline[-1]["detail"] == told[0]
    return told[0] if told else None


def flags(intake_db):
    """What the report says of its consent: when, and whether with the form."""
    [(at, form)] = intake_db.psql(
        "SELECT to_char(consented_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),"
        " consent_form FROM report"
    )
    return at, form


def test_a_form_that_came_after_a_hand_over_of_facts_is_told_not_to_have_gone_along(
    api, intake_db, receipt, worker
):
    used = agree(api, intake_db, receipt)
    identify(api, intake_db, receipt)

    hand_over(worker, receipt, used, FACTS)

    told = left_behind(api, receipt)
    assert (told["form"], told["words"]) == (True, 1)
    assert "tanpa formulir" in told["id"]
    assert told["id"].endswith("sampaikan langsung kepada Ombudsman.")
    assert "without the form" in told["en"]
    assert told["en"].endswith("Tell the Ombudsman directly who you are, and what you wish to add.")
    assert flags(intake_db) == (used, False)
    rules = {r["rule"]: r for r in ask(api, receipt, "escalation-check").json()["rules"]}
    assert rules["identity"]["holds"] is False


def test_so_is_a_second_form_of_which_the_first_went_along(api, intake_db, receipt, worker):
    used = identify(api, intake_db, receipt)
    identify(api, intake_db, receipt)

    hand_over(worker, receipt, used, ALONG)

    told = left_behind(api, receipt)
    assert (told["form"], told["words"]) == (True, 0)
    assert "that you sent last" in told["en"]
    assert "wrote" not in told["en"]
    assert flags(intake_db) == (used, True)


def test_so_are_words_that_were_added_too_late(api, intake_db, receipt, worker):
    used = identify(api, intake_db, receipt)
    add(api, receipt)

    hand_over(worker, receipt, used, ALONG)

    told = left_behind(api, receipt)
    assert (told["form"], told["words"]) == (False, 1)
    assert "Not all that you wrote went along." in told["en"]
    assert flags(intake_db) == (used, True)


@pytest.mark.parametrize("added", [0, 2])
def test_nothing_is_told_when_all_went_along(api, intake_db, receipt, worker, added):
    agree(api, intake_db, receipt)
    used = identify(api, intake_db, receipt)
    for _ in range(added):
        add(api, receipt)
    hear(worker, receipt, "case.reply_written.v1")

    hand_over(worker, receipt, used, ALONG | {"words": 1 + added})

    assert left_behind(api, receipt) is None
    assert flags(intake_db) == (used, True)


def test_a_late_consent_to_what_was_done_is_not_told(api, intake_db, receipt, worker):
    used = agree(api, intake_db, receipt)
    add(api, receipt)
    agree(api, intake_db, receipt)

    hand_over(worker, receipt, used, FACTS)

    assert left_behind(api, receipt) is None
    assert flags(intake_db) == (used, False)


def test_a_hand_over_that_does_not_say_what_went_along_changes_nothing(
    api, intake_db, receipt, worker
):
    """It was said before its contract had the words for it, and may wait in a queue."""
    used = identify(api, intake_db, receipt)
    add(api, receipt)

    hand_over(worker, receipt, used, FACTS, without=("consented_at", *FACTS))

    assert seen(api, receipt)["timeline"][-1]["what"] == "escalation.handed_over"
    assert flags(intake_db) == (used, True)


def test_a_withdrawn_report_is_told_nothing_and_stays_without_consent(
    api, intake_db, receipt, worker
):
    used = agree(api, intake_db, receipt)
    identify(api, intake_db, receipt)
    hear(worker, receipt, "case.withdrawn.v1", status="withdrawn")

    hand_over(worker, receipt, used, FACTS)

    assert left_behind(api, receipt) is None
    assert flags(intake_db) == (None, False)


def test_what_is_told_is_no_word_of_the_reporters(api, intake_db, receipt, worker):
    """Words are sealed for a dossier."""
    used = identify(api, intake_db, receipt)
    add(api, receipt)
    hand_over(worker, receipt, used, ALONG)

    texts = [entry["text"] for entry in seen(api, receipt)["timeline"]]
    assert texts.count(None) == len(texts) - 2  # the report, and what was added
