"""A due date in words: what was promised, what was counted and what was not, and by which decree.

Pure. Only days are told, never moments: an agency may not learn at which minute a reporter acted.
Indonesian and English; a decree keeps its name, but for what the system says in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from services.escalation.domain import Rule
from services.escalation.rules.defaults import in_english
from services.escalation.watch.clockwork import Cause, Clock
from services.escalation.watch.workdays import LAST_SECOND, Day, Unit, Verdict

LANGUAGES = ("id", "en")
WEEKEND = "weekend"

NAMES: Mapping[str, Mapping[str, str]] = {
    Clock.VERIFY: {"id": "Pemeriksaan dan penerusan", "en": "Checking and passing on"},
    Clock.FOLLOW_UP: {"id": "Tindak lanjut pertama", "en": "First follow-up"},
    Clock.SETTLE: {"id": "Penyelesaian", "en": "Settlement"},
    Clock.SILENCE: {"id": "Tanggapan pelapor", "en": "The reporter's response"},
    Clock.ARBITER: {"id": "Penetapan instansi", "en": "Deciding the agency"},
    Clock.DATA: {"id": "Kelengkapan data dari pelapor", "en": "Information from the reporter"},
    Clock.HAND_OVER: {"id": "Pelimpahan ke Ombudsman", "en": "Hand-over to the Ombudsman"},
    Clock.CORRECTION: {"id": "Tindakan korektif Ombudsman", "en": "The Ombudsman's order"},
    Clock.RECOMMENDATION: {"id": "Rekomendasi Ombudsman", "en": "The Ombudsman's recommendation"},
}
UNITS: Mapping[str, Mapping[str, str]] = {
    Unit.WORKING: {"id": "hari kerja", "en": "working days"},
    Unit.CALENDAR: {"id": "hari kalender", "en": "calendar days"},
}
MONTHS = {
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
    "en": "January February March April May June July August September October November December",
}
WEEKDAYS = {
    "id": "Senin Selasa Rabu Kamis Jumat Sabtu Minggu",
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
}
CAUSES: Mapping[str, Mapping[str, str]] = {
    Cause.ASKED: {"id": "pelapor diminta melengkapi data", "en": "the reporter was asked for data"},
    Cause.ANSWERED: {
        "id": "jawaban menunggu tanggapan pelapor",
        "en": "the answer awaited the reporter's response",
    },
    Cause.ARCHIVED: {"id": "laporan diarsipkan", "en": "the report was archived"},
    Cause.FORWARDED: {
        "id": "laporan diteruskan ke luar",
        "en": "the report was forwarded outside",
    },
    Cause.UNREACHABLE: {
        "id": "pelapor belum dapat dihubungi",
        "en": "the reporter could not be reached",
    },
    Cause.END_LOST: {
        "id": "laporan semula tercatat berakhir",
        "en": "the report had been recorded as ended",
    },
}
BECAUSE = {"id": " karena {cause}", "en": " because {cause}"}
SAYS: Mapping[str, Mapping[str, str]] = {
    "limit": {
        "id": "{name}: {days} {unit} sejak {start} ({decree}).",
        "en": "{name}: {days} {unit} from {start} ({decree}).",
    },
    "ends": {
        "id": "Berakhir {end} pukul 23.59.59 {zone}.",
        "en": "Ends on {end} at 23:59:59 {zone}.",
    },
    "ended": {
        "id": "Batasnya berakhir {end} pukul 23.59.59 {zone}.",
        "en": "It ended on {end} at 23:59:59 {zone}.",
    },
    "would_have_ended": {
        "id": "Batasnya sedianya berakhir {end} pukul 23.59.59 {zone}.",
        "en": "It would have ended on {end} at 23:59:59 {zone}.",
    },
    "stands": {
        "id": "Penghitungan waktu dihentikan sementara{why}. Hari yang telah dihitung:"
        " {counted}.",
        "en": "The clock stands{why}. Days counted so far: {counted}.",
    },
    "stopped": {
        "id": "Penghitungan waktu sudah berakhir.",
        "en": "The clock no longer runs.",
    },
    "passed": {"id": "Batas ini telah lewat.", "en": "The limit has passed."},
    "weekends": {
        "id": "Tidak dihitung, di luar minggu kerja: {n}.",
        "en": "Not counted, outside the working week: {n}.",
    },
    "day_off": {"id": "Tidak dihitung: {on}, {reason} ({basis}).",
                "en": "Not counted: {on}, {reason} ({basis})."},
    "worked": {"id": "Dihitung karena tetap hari kerja: {on}, {reason} ({basis}).",
               "en": "Counted, as it is worked all the same: {on}, {reason} ({basis})."},
    "paused": {
        "id": "Tidak dihitung, penghitungan waktu dihentikan sementara dari {first} sampai"
        " {last}{why}: {n}.",
        "en": "Not counted, the clock stood from {first} to {last}{why}: {n}.",
    },
    "provisional": {
        "id": "Sementara: cuti bersama tahun itu belum ditetapkan.",
        "en": "Provisional: that year's joint leave is not decreed yet.",
    },
    "unknown": {
        "id": "{name}: batasnya belum dapat dihitung; petugas telah diberi tahu.",
        "en": "{name}: its end cannot be computed yet; staff have been alarmed.",
    },
    "never_known": {
        "id": "{name}: penghitungan waktunya berakhir sebelum batasnya diketahui.",
        "en": "{name}: the clock stopped before its end could be computed.",
    },
    "untold": {
        "id": "Hari-harinya tidak dapat dirinci lagi: yang menjadi dasarnya tidak tersimpan.",
        "en": "Its days can no longer be told: what they were counted by was not kept.",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of one clock: its rule and the days up to its end (None: they can no longer be
    told)."""

    clock: str
    rule: Rule
    started_on: date
    zone: ZoneInfo
    days: Sequence[Day] | None
    ends_on: date | None
    stopped: bool
    passed: bool
    provisional: bool
    stands_because: str = ""


def name(clock: str) -> dict[str, str]:
    """What a clock is called, in each language."""
    return dict(NAMES[clock])


def unknown(clock: str, *, stopped: bool = False) -> dict[str, str]:
    """The sentence for an end that cannot be told, or never could be before the clock stopped."""
    said = SAYS["never_known" if stopped else "unknown"]
    return {lang: said[lang].format(name=NAMES[clock][lang]) for lang in LANGUAGES}


def sentence(told: Told) -> dict[str, str]:
    """The whole explanation as prose, in each language."""
    return {lang: " ".join(_sentences(told, lang)) for lang in LANGUAGES}


def day_in_words(on: date, lang: str) -> str:
    """`Senin, 2 November 2026`."""
    weekday, month = WEEKDAYS[lang].split()[on.weekday()], MONTHS[lang].split()[on.month - 1]
    return f"{weekday}, {on.day} {month} {on.year}"


def decree_in_words(decree: str, lang: str) -> str:
    """What a decree is called in a sentence of a language."""
    return in_english(decree) if lang == "en" else decree


def _sentences(told: Told, lang: str) -> Iterator[str]:
    limit = told.rule.limit
    yield SAYS["limit"][lang].format(
        name=NAMES[told.clock][lang],
        days=limit.days,
        unit=UNITS[limit.unit][lang],
        start=day_in_words(told.started_on, lang),
        decree=decree_in_words(told.rule.decree, lang),
    )
    if told.stopped:
        yield SAYS["stopped"][lang]
    elif told.ends_on is None and told.days is not None:
        counted = sum(day.verdict is Verdict.COUNTED for day in told.days)
        yield SAYS["stands"][lang].format(counted=counted, why=_why(told.stands_because, lang))
    if told.ends_on is not None:
        zone = datetime.combine(told.ends_on, LAST_SECOND, told.zone).tzname()  # WITA
        stopped = "ended" if told.passed else "would_have_ended"
        how = stopped if told.stopped else "ends"
        yield SAYS[how][lang].format(end=day_in_words(told.ends_on, lang), zone=zone)
    if told.passed:
        yield SAYS["passed"][lang]
    if told.days is None:
        yield SAYS["untold"][lang]
    else:
        yield from _uncounted(told.days, lang)
    if told.provisional:
        yield SAYS["provisional"][lang]


def _uncounted(days: Sequence[Day], lang: str) -> Iterator[str]:
    weekends = sum(day.reason == WEEKEND for day in days)
    if weekends:
        yield SAYS["weekends"][lang].format(n=weekends)
    for day in days:
        if day.verdict is Verdict.SKIPPED and day.reason != WEEKEND:
            yield _decreed("day_off", day, lang)
    for day in days:
        if day.verdict is Verdict.COUNTED and day.basis:
            yield _decreed("worked", day, lang)
    for (verdict, reason), group in groupby(
        (day for day in days if day.verdict is not Verdict.SKIPPED),
        key=lambda day: (day.verdict, day.reason),
    ):
        if verdict is Verdict.PAUSED:
            stood = [day.on for day in group]
            yield SAYS["paused"][lang].format(
                n=len(stood),
                first=day_in_words(stood[0], lang),
                last=day_in_words(stood[-1], lang),
                why=_why(reason, lang),
            )


def _decreed(what: str, day: Day, lang: str) -> str:
    on = day_in_words(day.on, lang)
    return SAYS[what][lang].format(on=on, reason=day.reason, basis=decree_in_words(day.basis, lang))


def _why(cause: str, lang: str) -> str:
    """Why a clock stood; nothing where that was not kept."""
    known = CAUSES.get(cause)
    return BECAUSE[lang].format(cause=known[lang]) if known else ""
