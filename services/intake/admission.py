"""What the law asks of a case before the Ombudsman takes it, told to its reporter beforehand.

Pure. Each rule is a row with its legal basis and the day from which it holds; what it means for one
report is told in Indonesian and English. Only an event that is too old cannot be helped: that alone
refuses a consent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from services.intake.domain import ACTIONS, Action, Status

MONTHS = {
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
    "en": "January February March April May June July August September October November December",
}


class Name(StrEnum):
    """The rules."""

    EVENT_AGE = "event_age"
    AGENCY_ASKED = "agency_asked_first"
    NOT_OVER = "not_over"
    CONSENT = "consent"
    IDENTITY = "identity"


class Clock(StrEnum):
    """The clocks whose passing gives the right to a hand-over."""

    HAND_OVER = "H"
    SETTLE = "S"


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit whose passing gives the right to a hand-over: the local day on which it ends (None
    while nobody can tell), and whether it has passed. Only that of `SETTLE` is the regency's time;
    that of `HAND_OVER` runs on while an answer stands, and may end while the other still runs."""

    clock: Clock
    day: date | None
    passed: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in force from a day on, with its basis; `years` is how old an event may be."""

    name: str
    effective_from: date
    basis: str
    years: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a report that a rule asks for. `limits` of a report that is over are as they
    were last told: nobody says that they stopped."""

    event_date: date
    status: Status
    too_late: bool  # its time to be taken up again is over
    limits: Iterable[Limit]
    consented: bool
    with_form: bool
    handed_over: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a rule holds (None: nobody can tell), until or from when, by which law, and what that
    means: `id` in Indonesian, `en` in English."""

    rule: str
    holds: bool | None
    day: date | None
    basis: str | None
    id: str
    en: str


class _Said(NamedTuple):
    """The same in both languages."""

    id: str
    en: str


_ASKED = _Said("Laporan sudah disampaikan kepada pemerintah daerah", "The regency has been asked")
# What is over and goes on if its reporter objects in time.
_IS_ASIDE: Mapping[Status, _Said] = {
    Status.ARCHIVED: _Said("diarsipkan", "archived"),
    Status.FORWARDED_EXTERNALLY: _Said(
        "diteruskan ke instansi di luar pemerintah kabupaten",
        "forwarded to an authority outside the regency government",
    ),
}
_ASKED_FIRST = _Said(
    "Laporan sudah lebih dahulu disampaikan kepada pemerintah daerah", "The regency was asked first"
)


@dataclass(frozen=True, slots=True)
class _Wait:
    """What is waited for, and what then gives the right."""

    until: _Said
    unless: _Said


_WAITS = {
    Clock.SETTLE: _Wait(
        _Said(f"{_ASKED.id}, yang masih punya waktu sampai", f"{_ASKED.en} and has time until"),
        _Said("belum selesai", "it is not done by then"),
    ),
    Clock.HAND_OVER: _Wait(
        _Said(
            f"{_ASKED.id}. Jangka waktu sebelum laporan dapat dilimpahkan ke Ombudsman berlangsung"
            " sampai",
            f"{_ASKED.en}. The time before a report may be handed over lasts until",
        ),
        _Said("penanganannya belum berakhir", "its handling is not over by then"),
    ),
}


def in_force(rules: Iterable[Rule], on: date) -> dict[str, Rule]:
    """By name, the newest of each that holds on a day."""
    begun = [rule for rule in rules if rule.effective_from <= on]
    return {rule.name: rule for rule in sorted(begun, key=lambda rule: rule.effective_from)}


def last_day(event: date, years: int) -> date:
    """The last day on which an event is not older than so many years: its anniversary. That of a
    leap day is 1 March in other years, for a rule that excludes people errs towards the later."""
    year = event.year + years
    try:
        return event.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def admissible_until(event: date, rules: Mapping[str, Rule]) -> date | None:
    """The last day on which the Ombudsman may take it; None when no rule says."""
    rule = rules.get(Name.EVENT_AGE)
    return last_day(event, rule.years) if rule and rule.years else None


def is_too_old(event: date, rules: Mapping[str, Rule], today: date) -> bool:
    """Whether the Ombudsman may not take it any more. `today` is the local day."""
    until = admissible_until(event, rules)
    return until is not None and today > until


def findings(standing: Standing, rules: Mapping[str, Rule], today: date) -> list[Finding]:
    """Each rule, in the order in which a reporter would ask. `today` is the local day."""
    return [
        _age(standing, rules, today),
        _asked(standing, rules, today),
        _open(standing, rules),
        _consent(standing, rules),
        _identity(standing, rules),
    ]


def _basis(rules: Mapping[str, Rule], name: Name) -> str | None:
    rule = rules.get(name)
    return rule.basis if rule else None


def _age(standing: Standing, rules: Mapping[str, Rule], today: date) -> Finding:
    until = admissible_until(standing.event_date, rules)
    basis = _basis(rules, Name.EVENT_AGE)
    if until is None:
        return Finding(
            Name.EVENT_AGE, None, None, basis,
            "Batas usia peristiwa belum ditetapkan di sini; Ombudsman yang memutuskan.",
            "No limit to the age of an event is entered here; the Ombudsman decides.",
        )  # fmt: skip
    years = rules[Name.EVENT_AGE].years
    if is_too_old(standing.event_date, rules, today):
        return Finding(
            Name.EVENT_AGE, False, until, basis,
            f"Peristiwa terjadi lebih dari {years} tahun yang lalu: Ombudsman hanya dapat"
            f" menerimanya sampai {_id(until)}.",
            f"The event is more than {years} years ago: the Ombudsman could take it until"
            f" {_en(until)} only.",
        )  # fmt: skip
    return Finding(
        Name.EVENT_AGE, True, until, basis,
        f"Peristiwa belum lewat {years} tahun; Ombudsman dapat menerimanya sampai {_id(until)}.",
        f"The event is not more than {years} years ago; the Ombudsman can take it until"
        f" {_en(until)}.",
    )  # fmt: skip


def _asked(standing: Standing, rules: Mapping[str, Rule], today: date) -> Finding:
    basis, limits = _basis(rules, Name.AGENCY_ASKED), list(standing.limits)
    passed = {limit.clock for limit in limits if limit.passed}
    if standing.handed_over or passed:
        return _was_asked(passed, basis)
    if not _runs(standing.status):
        return _stopped(standing, basis)
    # Of two that end on one day the regency's is told: S comes after H.
    days = [(limit.day, limit.clock) for limit in limits if limit.day is not None]
    if not days:
        return Finding(
            Name.AGENCY_ASKED, False, None, basis,
            f"{_ASKED.id}; batas waktu yang memungkinkan pelimpahan belum lewat.",
            f"{_ASKED.en}; no limit that allows a hand-over has passed.",
        )  # fmt: skip
    day = min(day for day, _ in days)
    wait = _WAITS[max(clock for ends, clock in days if ends == day)]
    until = admissible_until(standing.event_date, rules)
    if until is None:
        return _waits(wait, day, basis)
    if today > until:
        return _waits_in_vain(standing, wait, day, until, basis)
    # A limit lasts until its day is over: what waits for it is handed over on the next one.
    late = until <= day
    return _waits_too_long(wait, day, until, basis) if late else _waits(wait, day, basis)


def _was_asked(passed: Collection[Clock], basis: str | None) -> Finding:
    """Of a report that was handed over the limit that did it may be known no more."""
    if Clock.SETTLE in passed:
        over = _Said(" dan batas waktu penyelesaiannya sudah lewat", " and its time has passed")
    elif passed:
        over = _Said(
            ", dan jangka waktu sebelum laporan dapat dilimpahkan ke Ombudsman sudah berakhir",
            ", and the time after which a report may be handed over has come",
        )
    else:
        over = _Said("", "")
    return Finding(
        Name.AGENCY_ASKED, True, None, basis,
        f"{_ASKED_FIRST.id}{over.id}; laporan ini sendiri buktinya.",
        f"{_ASKED_FIRST.en}{over.en}; this report itself is the proof.",
    )  # fmt: skip


def _waits(wait: _Wait, day: date, basis: str | None) -> Finding:
    return Finding(
        Name.AGENCY_ASKED, False, day, basis,
        f"{wait.until.id} {_id(day)}. Jika sampai saat itu {wait.unless.id} dan Anda setuju,"
        " laporan dilimpahkan.",
        f"{wait.until.en} {_en(day)}. If {wait.unless.en} and you consent, the report is handed"
        " over.",
    )  # fmt: skip


def _waits_too_long(wait: _Wait, day: date, until: date, basis: str | None) -> Finding:
    return Finding(
        Name.AGENCY_ASKED, False, day, basis,
        f"{wait.until.id} {_id(day)}: terlalu lambat, sebab Ombudsman hanya dapat menerimanya"
        f" sampai {_id(until)}. Jangan menunggu: laporkan juga langsung ke Ombudsman, paling lambat"
        f" {_id(until)}. Jika Anda setuju, laporan tetap dilimpahkan sesudahnya; Ombudsman yang"
        " memutuskan.",
        f"{wait.until.en} {_en(day)}: too late, for the Ombudsman can take it until {_en(until)}"
        " only. Do not wait: complain to the Ombudsman directly too, by"
        f" {_en(until)}. If you consent, the report is handed over afterwards all the same; the"
        " Ombudsman decides.",
    )  # fmt: skip


def _waits_in_vain(
    standing: Standing, wait: _Wait, day: date, until: date, basis: str | None
) -> Finding:
    """The event is too old: no consent is taken any more, but one that was given in time holds."""
    if standing.consented:
        return Finding(
            Name.AGENCY_ASKED, False, day, basis,
            f"{wait.until.id} {_id(day)}. Jika sampai saat itu {wait.unless.id}, laporan tetap"
            " dilimpahkan, sebab Anda menyetujuinya pada waktunya; tetapi Ombudsman hanya dapat"
            f" menerimanya sampai {_id(until)}, dan Ombudsman yang memutuskan.",
            f"{wait.until.en} {_en(day)}. If {wait.unless.en} the report is handed over all the"
            " same, for you consented in time; but the Ombudsman could take it until"
            f" {_en(until)} only, and the Ombudsman decides.",
        )  # fmt: skip
    return Finding(
        Name.AGENCY_ASKED, False, day, basis,
        f"{wait.until.id} {_id(day)}. Sesudah itu pun laporan ini tidak dilimpahkan, sebab"
        " peristiwanya sudah terlalu lama bagi Ombudsman.",
        f"{wait.until.en} {_en(day)}. After that this report is not handed over either, for the"
        " event is too long ago for the Ombudsman.",
    )  # fmt: skip


def _runs(status: Status) -> bool:
    """Whether limits run: what is open takes additions, and what is over takes none."""
    return Action.SUPPLEMENT in ACTIONS[status]


def _stopped(standing: Standing, basis: str | None) -> Finding:
    if standing.status in _IS_ASIDE and not standing.too_late:
        aside = _IS_ASIDE[standing.status]
        return Finding(
            Name.AGENCY_ASKED, False, None, basis,
            f"{_ASKED.id}. Selama laporan ini {aside.id}, batas waktunya tidak"
            " berjalan; jika Anda mengajukan keberatan, batas waktunya berjalan lagi.",
            f"{_ASKED.en}. While this report is {aside.en} its time rests; if you"
            " object, it goes on.",
        )  # fmt: skip
    return Finding(
        Name.AGENCY_ASKED, False, None, basis,
        f"{_ASKED.id}. Penanganan laporan ini sudah berakhir, maka tidak ada"
        " batas waktu yang berjalan.",
        f"{_ASKED.en}. The handling of this report is over, so no time runs.",
    )  # fmt: skip


def _open(standing: Standing, rules: Mapping[str, Rule]) -> Finding:
    basis = _basis(rules, Name.NOT_OVER)
    if standing.too_late:
        return Finding(
            Name.NOT_OVER, False, None, basis,
            "Penanganan laporan ini sudah berakhir, dan waktu untuk mengajukan keberatan atau"
            " membukanya kembali sudah lewat. Laporkan langsung ke Ombudsman.",
            "The handling of this report is over, and so is the time to object or to reopen it."
            " Complain to the Ombudsman directly.",
        )  # fmt: skip
    if standing.status in _IS_ASIDE:
        aside = _IS_ASIDE[standing.status]
        return Finding(
            Name.NOT_OVER, True, None, basis,
            f"Laporan ini {aside.id} dan selama itu tidak dilimpahkan. Jika Anda mengajukan"
            " keberatan dan penanganan dilanjutkan, persetujuan Anda berlaku.",
            f"This report is {aside.en}, and is not handed over while it is. If you object and its"
            " handling goes on, your consent holds.",
        )  # fmt: skip
    if Action.CONSENT in ACTIONS[standing.status]:
        return Finding(
            Name.NOT_OVER, True, None, basis,
            "Penanganan laporan ini belum berakhir bagi Anda.",
            "The handling of this report is not over for you.",
        )  # fmt: skip
    return Finding(
        Name.NOT_OVER, False, None, basis,
        "Penanganan laporan ini sudah berakhir. Buka kembali laporan bila masih bisa, atau lapor"
        " langsung ke Ombudsman.",
        "The handling of this report is over. Reopen it if you still can, or complain to the"
        " Ombudsman directly.",
    )  # fmt: skip


def _consent(standing: Standing, rules: Mapping[str, Rule]) -> Finding:
    basis = _basis(rules, Name.CONSENT)
    if standing.handed_over:
        words = (
            "Laporan sudah dilimpahkan ke Ombudsman.",
            "The report has been handed over to the Ombudsman.",
        )
    elif standing.consented:
        words = (
            "Anda sudah menyetujui pelimpahan ke Ombudsman.",
            "You have consented to a hand-over to the Ombudsman.",
        )
    else:
        words = (
            "Tanpa persetujuan Anda, laporan tidak dilimpahkan.",
            "Without your consent nothing is handed over.",
        )
    return Finding(Name.CONSENT, standing.consented, None, basis, *words)


def _identity(standing: Standing, rules: Mapping[str, Rule]) -> Finding:
    basis = _basis(rules, Name.IDENTITY)
    if standing.with_form:
        return Finding(
            Name.IDENTITY, True, None, basis,
            "Identitas Anda dan isi laporan disegel; hanya Ombudsman yang dapat membukanya.",
            "Your identity and what was written are sealed; only the Ombudsman can open them.",
        )  # fmt: skip
    return Finding(
        Name.IDENTITY, False, None, basis,
        "Tanpa identitas, Ombudsman hanya menerima fakta penanganan dan bulan peristiwa, tanpa nama"
        " dan tanpa isi laporan, dan tidak wajib memeriksanya sebagai laporan Anda.",
        "Without identity the Ombudsman gets the facts of the handling and the month of the event"
        " only, without your name and without what was written, and need not examine it as your"
        " complaint.",
    )  # fmt: skip


def _id(day: date) -> str:
    """A day as letters say it: `7 Desember 2026`."""
    return f"{day.day} {MONTHS['id'].split()[day.month - 1]} {day.year}"


def _en(day: date) -> str:
    return f"{day.day} {MONTHS['en'].split()[day.month - 1]} {day.year}"
