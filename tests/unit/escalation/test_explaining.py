"""A due date in words: what was counted, what was not, and by which decree, in both languages."""

from __future__ import annotations

import itertools
import re
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from services.escalation.domain import Rule
from services.escalation.ombudsman import wording
from services.escalation.rules.defaults import LIMITS
from services.escalation.watch import explaining
from services.escalation.watch.clockwork import Cause, Clock
from services.escalation.watch.explaining import CAUSES, LANGUAGES, SAYS, Told
from services.escalation.watch.workdays import Day, Limit, Unit, Verdict

WITA = ZoneInfo("Asia/Makassar")
RULE = Rule(1, "S", None, None, Limit(3, Unit.WORKING), date(2019, 1, 1), "PermenPANRB 62/2018")
COUNTED, SKIPPED, PAUSED = Verdict.COUNTED, Verdict.SKIPPED, Verdict.PAUSED
DAYS = (
    Day(date(2026, 12, 24), SKIPPED, "Cuti Bersama Natal", "SKB 3 Menteri"),
    Day(date(2026, 12, 25), SKIPPED, "Hari Raya Natal", "SKB 3 Menteri"),
    Day(date(2026, 12, 26), SKIPPED, "weekend"),
    Day(date(2026, 12, 27), SKIPPED, "weekend"),
    Day(date(2026, 12, 28), COUNTED),
    Day(date(2026, 12, 29), PAUSED, "paused"),
    Day(date(2026, 12, 30), PAUSED, "paused"),
    Day(date(2026, 12, 31), COUNTED),
    Day(date(2027, 1, 1), SKIPPED, "Tahun Baru Masehi", "belum ditetapkan"),
    Day(date(2027, 1, 2), SKIPPED, "weekend"),
    Day(date(2027, 1, 3), SKIPPED, "weekend"),
    Day(date(2027, 1, 4), COUNTED),
)


def told(**other: object) -> Told:
    given = {
        "clock": "S", "rule": RULE, "started_on": date(2026, 12, 23), "zone": WITA,
        "days": DAYS, "ends_on": date(2027, 1, 4), "stopped": False, "passed": False,
        "provisional": False,
    }  # fmt: skip
    return Told(**given | other)  # type: ignore[arg-type]


def test_the_whole_way_to_an_end_is_told_in_order() -> None:
    assert explaining.sentence(told())["en"] == (
        "Settlement: 3 working days from Wednesday, 23 December 2026 (PermenPANRB 62/2018). "
        "Ends on Monday, 4 January 2027 at 23:59:59 WITA. "
        "Not counted, outside the working week: 4. "
        "Not counted: Thursday, 24 December 2026, Cuti Bersama Natal (SKB 3 Menteri). "
        "Not counted: Friday, 25 December 2026, Hari Raya Natal (SKB 3 Menteri). "
        "Not counted: Friday, 1 January 2027, Tahun Baru Masehi (not decreed yet). "
        "Not counted, the clock stood from Tuesday, 29 December 2026 "
        "to Wednesday, 30 December 2026: 2."
    )


@pytest.mark.parametrize("cause", Cause)
def test_why_a_clock_stood_is_told_for_each_time(cause: Cause) -> None:
    days = (
        Day(date(2026, 11, 3), PAUSED, cause), Day(date(2026, 11, 4), PAUSED, "paused"),
        Day(date(2026, 11, 5), PAUSED, cause), Day(date(2026, 11, 6), COUNTED),
    )  # fmt: skip

    said = explaining.sentence(told(days=days))
    standing = explaining.sentence(told(days=(), ends_on=None, stands_because=cause))

    for lang, because in (("id", "karena"), ("en", "because")):
        why = f"{because} {CAUSES[cause][lang]}"
        assert said[lang].count(why) == 2
        assert standing[lang].count(why) == 1
    assert "Wednesday, 4 November 2026 to Wednesday, 4 November 2026: 1." in said["en"]


def test_a_limit_is_counted_in_days_and_no_timepiece_stops() -> None:
    """Literally translated, a clock that stands is a watch that is broken."""
    days = (Day(date(2026, 11, 3), PAUSED, Cause.ASKED), Day(date(2026, 11, 4), COUNTED))
    paused, standing, stopped = (
        explaining.sentence(told(days=days) if not how else told(**how))["id"]
        for how in ({}, {"days": (), "ends_on": None}, {"stopped": True})
    )

    assert "Tidak dihitung, penghitungan waktu dihentikan sementara dari Selasa" in paused
    assert "Penghitungan waktu dihentikan sementara. Hari yang telah dihitung: 0." in standing
    assert "Penghitungan waktu sudah berakhir." in stopped
    assert [words["id"] for words in SAYS.values() if re.search("(?i)\\bjam", words["id"])] == []
    assert "jam" not in wording.of("paused").id


def test_a_day_that_is_worked_all_the_same_names_its_decree() -> None:
    days = (Day(date(2026, 12, 26), COUNTED, "Piket Natal", "Perbup 9/2026"), *DAYS[4:])

    said = explaining.sentence(told(days=days))

    assert (
        "Counted, as it is worked all the same: Saturday, 26 December 2026, Piket Natal "
        "(Perbup 9/2026)." in said["en"]
    )
    assert "tetap hari kerja: Sabtu, 26 Desember 2026, Piket Natal (Perbup 9/2026)." in said["id"]


@pytest.mark.parametrize(
    ("zone", "name"),
    [("Asia/Jakarta", "WIB"), ("Asia/Makassar", "WITA"), ("Asia/Jayapura", "WIT")],
)
def test_the_time_is_named_as_people_name_it(zone: str, name: str) -> None:
    said = explaining.sentence(told(zone=ZoneInfo(zone)))
    assert f"pukul 23.59.59 {name}." in said["id"]
    assert f"at 23:59:59 {name}." in said["en"]


def test_the_reporters_language_comes_first() -> None:
    assert explaining.sentence(told())["id"].startswith(
        "Penyelesaian: 3 hari kerja sejak Rabu, 23 Desember 2026 (PermenPANRB 62/2018). "
        "Berakhir Senin, 4 Januari 2027 pukul 23.59.59 WITA. "
    )


@pytest.mark.parametrize(
    ("how", "said", "unsaid"),
    [
        ({}, {"ends"}, {"stands", "stopped", "passed", "provisional"}),
        ({"ends_on": None}, {"stands"}, {"ends", "stopped", "passed"}),
        ({"passed": True}, {"ends", "passed"}, {"stands", "stopped"}),
        ({"stopped": True}, {"stopped", "would_have_ended"}, {"stands", "passed", "ends", "ended"}),
        (
            {"stopped": True, "passed": True},
            {"stopped", "passed", "ended"},
            {"stands", "ends", "would_have_ended"},
        ),
        ({"provisional": True}, {"ends", "provisional"}, {"passed"}),
        (
            {"stopped": True, "days": None},
            {"stopped", "would_have_ended", "untold"},
            {"stands", "weekends", "ends"},
        ),
        ({"ends_on": None, "days": None}, {"untold"}, {"stands", "ends"}),
    ],
)
def test_it_says_how_the_clock_stands(
    how: dict[str, object], said: set[str], unsaid: set[str]
) -> None:
    sentences = explaining.sentence(told(**how))
    for lang, text in sentences.items():
        begun = {name: SAYS[name][lang].split("{")[0].strip() for name in said | unsaid}
        assert {name for name, words in begun.items() if words in text} == said


def test_two_pauses_are_told_apart_though_a_weekend_lies_within_one() -> None:
    days = (
        Day(date(2026, 11, 5), COUNTED),
        Day(date(2026, 11, 6), PAUSED, "paused"),
        Day(date(2026, 11, 7), SKIPPED, "weekend"),
        Day(date(2026, 11, 8), SKIPPED, "weekend"),
        Day(date(2026, 11, 9), PAUSED, "paused"),
        Day(date(2026, 11, 10), COUNTED),
        Day(date(2026, 11, 11), PAUSED, "paused"),
        Day(date(2026, 11, 12), COUNTED),
    )
    text = explaining.sentence(told(days=days, ends_on=date(2026, 11, 12)))["en"]

    assert "from Friday, 6 November 2026 to Monday, 9 November 2026: 2." in text
    assert "from Wednesday, 11 November 2026 to Wednesday, 11 November 2026: 1." in text


@pytest.mark.parametrize("clock", Clock)
def test_every_clock_has_a_name_and_a_word_for_what_is_unknown(clock: Clock) -> None:
    assert set(explaining.name(clock)) == set(explaining.unknown(clock)) == set(LANGUAGES)


def test_every_month_and_weekday_has_its_name() -> None:
    for lang, month in itertools.product(LANGUAGES, range(1, 13)):
        assert str(month) not in explaining.day_in_words(date(2026, month, 28), lang).split()
    week = [explaining.day_in_words(date(2026, 11, n), "id").split(",")[0] for n in range(2, 9)]
    assert week == ["Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu"]


@pytest.mark.parametrize("seeded", LIMITS)
def test_what_the_system_says_for_want_of_a_decree_is_said_in_each_language(seeded) -> None:
    clock, kind, klass, days, unit, decree = seeded
    rule = Rule(1, clock, kind, klass, Limit(days, Unit(unit)), date(2019, 1, 1), decree)

    said = explaining.sentence(told(clock=clock, rule=rule))

    words = {lang: set(re.findall("[a-z]+", said[lang].lower())) for lang in said}
    assert not words["id"] & {"practice", "replaced", "unconfirmed", "number", "numbers", "not"}
    assert not words["en"] & {"praktik", "diganti", "belum", "angkanya", "dipastikan", "untuk"}


@pytest.mark.parametrize(
    "decree",
    [
        "Perbup 71/2026",
        "Aturan daerah Nomor 7 Tahun 2026",
        "Perbup 3/2027, diganti dengan Perbup 5/2028",
    ],
)
def test_a_decree_that_has_a_name_keeps_it(decree: str) -> None:
    assert explaining.decree_in_words(decree, "en") == decree
