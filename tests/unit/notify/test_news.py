"""Which step is told, in which words, and how often a message is tried."""

import re
from datetime import UTC, date, datetime, timedelta
from itertools import product
from string import Formatter
from zoneinfo import ZoneInfo

import pytest

import contracts
from chassis.errors import Poison
from chassis.service import handlers
from services.escalation.watch import clockwork
from services.escalation.watch.clockwork import Move
from services.notify import domain, letters, outgoing, schemas, service, wording
from services.notify.domain import About, Reply, Stage
from services.notify.service import Notify
from tests.contract import consumers

WITA = ZoneInfo("Asia/Makassar")
AT = datetime(2026, 12, 7, 15, 59, 59, tzinfo=UTC)
NUMBER = "KTB-12345-67890"
PAGE = "https://lapor.example"
PAIRS = [(about, language) for about in About for language in wording.LANGUAGES]
EXAMPLES = [case for rule in domain.RULES for case in consumers.every(rule.type)]


def any_facts(about: About) -> dict[str, str]:
    return {
        name: next(iter(wording.WORDS[name])) if name in wording.WORDS else AT.isoformat()
        for name in domain.placeholders(about)
    }


def text(about: About, facts: dict[str, str], language: str) -> str:
    return letters.body(about, facts, NUMBER, language, url=PAGE, zone=WITA)


def test_every_news_of_the_contracts_is_told_and_no_other() -> None:
    for type in ("message.delivered.v1", "message.failed.v1"):
        told = set(contracts.schema(type)["properties"]["about"]["enum"])
        assert told == set(About) - domain.OF_POSTS - domain.TO_FORMER
    by_rules = {rule.about for rule in domain.RULES}
    assert by_rules == set(About) - domain.OF_POSTS - domain.TO_FORMER


def test_the_worker_hears_just_what_the_table_tells() -> None:
    untold = {"case.opened.v1", "escalation.offer_taken_back.v1"}
    assert set(handlers(Notify)) == {rule.type for rule in domain.RULES} | untold


@pytest.mark.parametrize(("name", "data"), EXAMPLES, ids=lambda x: x if isinstance(x, str) else "")
def test_every_example_that_is_told_can_be_written(name: str, data: dict[str, object]) -> None:
    loaded = schemas.News().load(data)
    about = domain.about(name.split("/")[0], loaded)

    for language in wording.LANGUAGES if about else ():
        assert NUMBER in text(about, domain.facts(about, loaded), language)


@pytest.mark.parametrize(
    ("type", "data", "about"),
    [
        ("case.closed.v1", {}, About.CLOSED),
        ("deadline.passed.v1", {"clock": "V"}, About.DEADLINE_PASSED),
        ("deadline.passed.v1", {"clock": "F"}, About.DEADLINE_PASSED),
        ("deadline.passed.v1", {"clock": "S"}, About.DEADLINE_PASSED),
        ("deadline.passed.v1", {"clock": "A"}, About.DEADLINE_PASSED),
        ("deadline.passed.v1", {"clock": "C"}, About.DEADLINE_PASSED),
        ("deadline.passed.v1", {"clock": "O"}, About.DEADLINE_PASSED),
        ("deadline.kept.v1", {"clock": "S"}, About.DEADLINE_KEPT),
        ("deadline.kept.v1", {"clock": "R"}, None),
        ("escalation.answered.v1", {"answer": "declined"}, About.OMBUDSMAN_ANSWERED),
        ("deadline.passed.v1", {"clock": "R"}, None),
        ("deadline.passed.v1", {"clock": "D"}, None),
        ("deadline.passed.v1", {"clock": "H"}, None),
        ("deadline.approaching.v1", {"clock": "R"}, About.DEADLINE_APPROACHING),
        ("deadline.approaching.v1", {"clock": "D"}, About.DEADLINE_APPROACHING),
        ("deadline.approaching.v1", {"clock": "S"}, None),
        ("deadline.recomputed.v1", {"clock": "S", "reason": "calendar"}, About.DEADLINE_RECOMPUTED),
        ("deadline.recomputed.v1", {"clock": "S", "reason": "limit"}, About.DEADLINE_RECOMPUTED),
        ("deadline.recomputed.v1", {"clock": "S", "reason": "promise"}, About.DEADLINE_RECOMPUTED),
        ("deadline.recomputed.v1", {"clock": "S", "reason": "paused"}, None),
        ("deadline.recomputed.v1", {"clock": "S", "reason": "resumed"}, None),
        ("deadline.recomputed.v1", {"clock": "S", "reason": "reclassified"}, None),
        ("deadline.recomputed.v1", {"clock": "H", "reason": "calendar"}, None),
        ("deadline.started.v1", {"clock": "V"}, None),
        ("case.opened.v1", {}, None),
    ],
)
def test_the_reporter_is_told_what_concerns_them(type, data, about) -> None:
    assert domain.about(type, {"at": AT, "after": AT} | data) == about


def test_whatever_ends_a_limit_of_the_reporters_ends_its_reminders() -> None:
    ending = set()
    for type, detail in product(clockwork.CASE_EVENTS, (*clockwork.OPEN, *clockwork.OVER)):
        data = dict.fromkeys(("status", "awaited_from"), detail) | {"returns": 1, "at": "now"}
        try:
            moves = clockwork.CLOCKWORK[clockwork.happening(type, data)]
        except KeyError:
            continue  # what does not happen
        if Move.STOP in (moves.get(clock) for clock in domain.REPORTERS_LIMITS):
            ending.add(domain.about(type, data))

    assert ending == domain.ENDS_REMINDERS
    assert all("at" in domain.placeholders(news) for news in ending)  # what is asked of later


def test_a_paused_limit_that_a_calendar_moves_has_no_date_to_tell() -> None:
    moved = {"clock": "S", "reason": "calendar", "at": AT, "after": None}

    assert domain.about("deadline.recomputed.v1", moved) is None


@pytest.mark.parametrize(
    "data", [{}, {"due_at": AT}, {"clock": "Z", "due_at": AT}, {"clock": "V", "due_at": "soon"}]
)
def test_an_event_without_what_its_message_says_is_poison(data: dict[str, object]) -> None:
    with pytest.raises(Poison):
        domain.facts(About.DEADLINE_PASSED, data)


def test_a_message_says_dates_and_words_in_the_readers_language_and_zone() -> None:
    facts = {"limit": "V", "due": "2026-12-07T16:30:00+00:00"}

    assert domain.words(facts, "id", WITA) == {
        "limit": "pemeriksaan dan penerusan laporan",
        "due": "8 Desember 2026",
    }
    assert domain.words(facts, "en", WITA)["due"] == "8 December 2026"


def test_a_limits_day_is_the_one_that_was_told_with_it() -> None:
    told = {"clock": "S", "due_at": datetime(2026, 12, 7, 16, 59, 59, tzinfo=UTC)}

    facts = domain.facts(About.DEADLINE_PASSED, told | {"ends_on": date(2026, 12, 7)})

    assert domain.words(facts, "id", WITA)["due"] == "7 Desember 2026"
    regencys = domain.facts(About.DEADLINE_PASSED, told)
    assert domain.words(regencys, "id", WITA)["due"] == "8 Desember 2026"


def test_every_word_exists_in_every_language() -> None:
    words = [by_language for table in wording.WORDS.values() for by_language in table.values()]

    assert all(set(by_language) == set(wording.LANGUAGES) for by_language in words)
    assert all(len(months.split()) == 12 for months in wording.MONTHS.values())
    assert set(wording.MONTHS) == set(letters.SUBJECT) == set(wording.LANGUAGES)


@pytest.mark.parametrize(
    ("kept", "id", "en"),
    [
        ({}, "sudah berubah", "its status had changed"),  # filed before the reason was kept
        ({"why": "too_late"}, "waktunya telah lewat", "the time for it was over"),
        ({"why": "others_follow"}, "laporan orang lain", "other people's reports"),
    ],
)
def test_a_refusal_says_why(kept: dict[str, str], id: str, en: str) -> None:
    for language, said in (("id", id), ("en", en)):
        told = text(About.REFUSED, {"at": AT.isoformat()} | kept, language)
        assert said in told
        assert ("Ombudsman" in told) == (kept.get("why") == "others_follow")


@pytest.mark.parametrize(
    ("kept", "id", "en"),
    [
        ({"until": "2026-12-30T15:59:59+00:00"}, "sampai 30 Desember 2026.", "until 30 December"),
        ({}, "sampai tanggal yang tercantum di sana.", "until the day shown there."),
    ],
    ids=["told", "filed before it was"],
)
@pytest.mark.parametrize("about", [About.ARCHIVED, About.FORWARDED])
def test_who_may_object_to_what_ended_their_case_reads_until_when(
    about: About, kept: dict[str, str], id: str, en: str
) -> None:
    for language, said in (("id", id), ("en", en)):
        told = text(about, {"at": AT.isoformat()} | kept, language)
        assert said in " ".join(told.split())


@pytest.mark.parametrize("about", [About.ARCHIVED, About.FORWARDED])
def test_an_end_that_was_said_before_its_event_told_until_when_is_told_all_the_same(
    about: About,
) -> None:
    last = AT + timedelta(days=23)
    told = {"reason": "abusive", "at": AT.isoformat(), "reopen_until": last.isoformat()}
    formerly = {name: value for name, value in told.items() if name != "reopen_until"}
    kept = [domain.facts(about, schemas.News().load(data)) for data in (told, formerly)]

    assert kept == [{"at": AT.isoformat(), "until": last.isoformat()}, {"at": AT.isoformat()}]


def test_every_limit_and_office_of_the_contracts_has_words() -> None:
    raised = contracts.schema("escalation.raised.v1")["properties"]
    closed = contracts.schema("case.closed.v1")["properties"]
    refused = contracts.schema("case.refused.v1")["properties"]

    assert set(raised["to"]["enum"]) == set(wording.WORDS["office"])
    assert set(raised["clock"]["enum"]) == domain.GOVERNMENTS_LIMITS
    assert set(closed["how"]["enum"]) == set(wording.WORDS["how"])
    assert set(refused["reason_code"]["enum"]) == set(wording.WORDS["why"])
    [moved] = (rule.where for rule in domain.RULES if rule.type == "deadline.recomputed.v1")
    assert moved["reason"] == set(wording.WORDS["because"]) - {"amended"}
    offered = contracts.schema("escalation.offered.v1")["properties"]
    assert set(offered["reason"]["enum"]) == set(wording.WORDS["basis"]) - {"either"}
    assert set(wording.WORDS["limit"]) == domain.GOVERNMENTS_LIMITS | domain.REPORTERS_LIMITS
    assert set(wording.WORDS["otherwise"]) == domain.REPORTERS_LIMITS


@pytest.mark.parametrize(("about", "language"), PAIRS, ids=str)
def test_a_template_uses_just_what_it_may(about: About, language: str) -> None:
    template = letters.template(about, language)

    assert template.is_valid()
    assert set(template.get_identifiers()) == domain.placeholders(about)


@pytest.mark.parametrize(("about", "language"), PAIRS, ids=str)
def test_a_message_is_whole_and_leaves_no_placeholder(about: About, language: str) -> None:
    said = text(about, any_facts(about), language)

    assert NUMBER in said
    assert PAGE in said.splitlines()
    assert "$" not in said
    assert not list(filter(None, (field for _, field, *_ in Formatter().parse(said))))


@pytest.mark.parametrize(
    ("about", "id", "en"),
    [
        # the last day counts whole
        (About.DATA_REQUESTED, "paling lambat pada tanggal tersebut", "answer by that date"),
        # objected to is an answer, an archiving or a forwarding; what is closed is reopened
        (About.OBJECTED, "pengarsipan, atau penerusan", "to its being archived or forwarded"),
        # the police are within the regency, and not of its government
        # and which one, and why, is for their page alone
        (About.FORWARDED, "Instansi mana dan alasannya dapat", "which one and why on the page"),
        (About.FORWARDED, "di luar pemerintah kabupaten", "outside the regency government"),
        (About.RESUMED, "dilanjutkan sejak", "has been handled again since"),
        (About.RECEIVED, "memberi tahu Anda tentang setiap perkembangannya", "of every step"),
    ],
)
def test_a_message_says_no_more_and_no_less_than_is_so(about: About, id: str, en: str) -> None:
    for language, said in (("id", id), ("en", en)):
        assert said in " ".join(text(about, any_facts(about), language).split())


def test_a_hand_over_and_a_withdrawal_have_the_word_of_the_glossary() -> None:
    texts = {about: text(about, any_facts(about), "id") for about in About}

    assert [about for about, told in texts.items() if re.search("serahkan|penyerahan", told)] == []
    assert "dilimpahkan kepada Ombudsman" in texts[About.HANDED_OVER]
    assert "dilimpahkan kepada Ombudsman" in texts[About.ESCALATION_OFFERED]
    assert "laporan Anda dicabut pada" in texts[About.WITHDRAWN]


def test_an_offer_promises_no_hand_over_that_the_law_may_not_allow() -> None:
    """How old the event is stands in no mail, and is known to intake alone: the page tells."""
    facts = any_facts(About.ESCALATION_OFFERED)
    id, en = (" ".join(text(About.ESCALATION_OFFERED, facts, x).split()) for x in ("id", "en"))

    assert "peristiwanya belum terlalu lama menurut undang-undang" in id
    assert "Apakah pelimpahan masih dimungkinkan, dapat Anda baca di halaman" in id
    assert "if you agree and the event is not too long ago by law" in en
    assert "The page below says whether that is still possible" in en
    assert "right" not in en
    assert "berhak" not in id


def test_the_frame_takes_news_number_and_page_only() -> None:
    for language in wording.LANGUAGES:
        named = letters.template("frame", language).get_identifiers()
        assert sorted(named) == ["news", "number", "url"]


def test_there_is_a_template_for_every_news_and_no_other() -> None:
    folder = letters.files("services.notify") / "templates"
    expected = {f"{about}.{language}.txt" for about, language in PAIRS}
    frames = {
        f"{frame}.{language}.txt"
        for frame in ("frame", "frame_to_posts")
        for language in wording.LANGUAGES
    }

    assert {file.name for file in folder.iterdir()} == expected | frames


def test_a_lease_is_renewed_well_before_it_ends() -> None:
    assert timedelta(seconds=2 * service.RENEWED) < outgoing.LEASE


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("code", [None, -1, 220, 299, 354, 421, 450, 451, 500, 535, 550, 554, 599])
def test_only_a_refusal_of_this_message_is_final(stage: Stage, code: int | None) -> None:
    final = stage in (Stage.RECIPIENT, Stage.CONTENT) and code is not None and code >= 500

    error = domain.refusal(stage, code)

    assert isinstance(error, domain.Rejected if final else domain.Unavailable)
    is_of_all = stage not in (Stage.RECIPIENT, Stage.CONTENT) or code == 421
    assert isinstance(error, domain.Hindered) is is_of_all
    assert str(error) == error.reply
    assert error.reply in Reply
