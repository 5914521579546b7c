"""What the codes of a dossier are called on paper: Indonesian, and English under it.

Pure. A code without words here is shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from services.escalation.watch.explaining import CAUSES, NAMES, SAYS, UNITS


class Words(NamedTuple):
    """The same in both languages."""

    id: str
    en: str


HAPPENED: Mapping[str, Words] = {
    "case.opened": Words("Laporan diterima", "Report received"),
    "case.verified": Words("Diverifikasi", "Verified"),
    "case.disposed": Words("Didisposisikan ke {agency}", "Handed to {agency}"),
    "case.returned": Words("Dikembalikan oleh {agency}", "Returned by {agency}"),
    "case.data_requested": Words("Pelapor diminta melengkapi data", "The reporter was asked"),
    "case.data_request_cancelled": Words(
        "Permintaan data kepada pelapor dibatalkan", "The question to the reporter was taken back"
    ),
    "case.resumed": Words("Penanganan dilanjutkan", "Handling goes on"),
    "case.followed_up": Words("Tindak lanjut oleh {agency}", "Followed up by {agency}"),
    "case.answered": Words("Dijawab oleh {agency}: {outcome}", "Answered by {agency}: {outcome}"),
    "case.objected": Words("Keberatan diterima", "An objection was taken"),
    "case.closed": Words("Selesai ({how})", "Closed ({how})"),
    "case.reopened": Words("Dibuka kembali", "Reopened"),
    "case.archived": Words("Diarsipkan: {reason}", "Archived: {reason}"),
    "case.forwarded": Words("Diteruskan ke luar", "Forwarded outside"),
    "case.reclassified": Words("Diklasifikasi ulang", "Reclassified"),
    "case.merged": Words("Digabungkan", "Merged"),
    "case.withdrawn": Words("Dicabut oleh pelapor", "Withdrawn by the reporter"),
    "case.refused": Words("Permintaan pelapor ditolak", "A request of the reporter was refused"),
    "case.desks_changed": Words(
        "Pihak yang memutuskan ditetapkan ulang", "Who decides was settled anew"
    ),
    "deadline.kept": Words(
        "{clock}: ternyata tidak terlewati, kabarnya terlambat sampai",
        "{clock}: not missed after all, the news of it came late",
    ),
}
CODES: Mapping[str, Words] = {
    **{cause: Words(said["id"], said["en"]) for cause, said in CAUSES.items()},
    "complaint": Words("pengaduan", "complaint"),
    "aspiration": Words("aspirasi", "aspiration"),
    "information_request": Words("permintaan informasi", "information request"),
    "supervisory": Words("berkadar pengawasan", "supervisory"),
    "ordinary": Words("tidak berkadar pengawasan", "ordinary"),
    "unverified": Words("belum diverifikasi", "unverified"),
    "awaiting_reporter": Words("menunggu pelapor", "awaiting the reporter"),
    "disposed": Words("didisposisikan", "disposed"),
    "in_progress": Words("dalam proses", "in progress"),
    "answered": Words("dijawab", "answered"),
    "closed": Words("selesai", "closed"),
    "archived": Words("diarsipkan", "archived"),
    "forwarded_externally": Words("diteruskan ke luar", "forwarded outside"),
    "withdrawn": Words("dicabut", "withdrawn"),
    "fulfilled": Words("dipenuhi", "fulfilled"),
    "partly_fulfilled": Words("dipenuhi sebagian", "partly fulfilled"),
    "not_fulfilled": Words("tidak dipenuhi", "not fulfilled"),
    "explained": Words("dijelaskan", "explained"),
    "accepted": Words("diterima pelapor", "accepted by the reporter"),
    "auto_closed": Words("ditutup karena tidak ada tanggapan", "closed by silence"),
    "counted": Words("dihitung", "counted"),
    "skipped": Words("tidak dihitung", "not counted"),
    "paused": Words("jam berhenti", "clock stood"),
    "weekend": Words("di luar minggu kerja", "outside the working week"),
    "head_of_coordinator": Words("kepala koordinator", "head of the coordinator"),
    "head_of_agency": Words("kepala instansi", "head of the agency"),
    "sekda": Words("Sekda", "Sekda"),
    "inspectorate": Words("Inspektorat", "inspectorate"),
    "bupati": Words("Bupati", "Bupati"),
    "deputised": Words(
        "jabatan yang dituju dijabat pelaksana", "a deputy acts at the post that was meant"
    ),
    "absent": Words("pejabat yang dituju berhalangan", "who was meant is away"),
    "vacant": Words("jabatan yang dituju kosong", "the post that was meant is vacant"),
    "complained_about": Words(
        "pejabat yang dituju termasuk yang diadukan",
        "the case complains about the office that was meant",
    ),
    "identity": Words("identitas pelapor", "the reporter's identity"),
    "report": Words("laporan", "the report"),
    "addition": Words("tambahan pelapor", "the reporter's addition"),
    "reply": Words("balasan petugas", "an officer's reply"),
    "yes": Words("ya", "yes"),
    "no": Words("tidak", "no"),
    "none": Words("tidak ada", "none"),
}
TOO_LATE = Words("sesudah hari itu; Ombudsman yang memutuskan",
                 "after that day; the Ombudsman decides")  # fmt: skip
UNTOLD = Words(**SAYS["untold"])


def of(code: Any) -> Words:
    """The words for a code; true, false and nothing are codes too."""
    if code is None or isinstance(code, bool):
        code = {None: "none", True: "yes", False: "no"}[code]
    return CODES.get(str(code), Words(str(code), str(code)))


def reached(to: str, because: str | None) -> Words:
    """Who heard of a passed limit, and why not simply who was meant."""
    who, why = of(to), of(because)
    return Words(f"{who.id}: {why.id}", f"{who.en}: {why.en}") if because else who


def clock(code: str) -> Words:
    """What a clock is called."""
    named = NAMES.get(code)
    return Words(named["id"], named["en"]) if named else Words(code, code)


def unit(code: str) -> Words:
    """What a limit counts."""
    named = UNITS.get(code)
    return Words(named["id"], named["en"]) if named else Words(code, code)


def line(what: str, detail: Mapping[str, Any]) -> Words:
    """One line of the history."""
    said = HAPPENED.get(what, Words(what, what))
    told = {name: of(value) for name, value in detail.items() if not isinstance(value, list)}
    if "clock" in detail:
        told["clock"] = clock(detail["clock"])
    return Words(
        said.id.format_map(_Known({name: words.id for name, words in told.items()})),
        said.en.format_map(_Known({name: words.en for name, words in told.items()})),
    )


class _Known(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "-"
