"""What the codes of a dossier are called on paper: Indonesian, and English under it.

Pure. A code without words here is shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
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
    "case.reassigned": Words(
        "Dialihkan dari {instead_of} ke {agency}", "Handed on from {instead_of} to {agency}"
    ),
    "case.handed_up": Words(
        "Diambil dari instansi yang menanganinya", "Taken from the agency that handled it"
    ),
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
    "case.word_relayed": Words(
        "Kabar dari instansi di luar, {said_on}", "Word from the authority outside, {said_on}"
    ),
    "case.recalled": Words("Penerusan ke luar ditarik kembali", "Recalled from outside"),
    "case.reclassified": Words("Diklasifikasi ulang", "Reclassified"),
    "case.protected": Words(
        "Kerahasiaan laporan ditingkatkan", "The report's confidentiality was raised"
    ),
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
    "part.erased": Words(
        "Bagian tersegel dihapus sebelum pelimpahan: {part}",
        "A sealed part was erased before the hand-over: {part}",
    ),
}
# What is told beside a sentence, by what an event calls it.
NAMED: Mapping[str, Words] = {
    "kind": Words("jenis", "kind"),
    "class": Words("kadar pengawasan", "class"),
    "category": Words("kategori", "category"),
    "confidentiality": Words("kerahasiaan identitas", "confidentiality"),
    "hidden_from_public": Words("rahasia bagi publik", "hidden from public"),
    "agency": Words("instansi", "agency"),
    "instead_of": Words("instansi sebelumnya", "agency before"),
    "supporting": Words("instansi pendukung", "supporting agencies"),
    "proposed_agency": Words("instansi yang diusulkan", "proposed agency"),
    "returns": Words("jumlah pengembalian", "returns so far"),
    "goes_to": Words("kembali kepada", "goes to"),
    "awaited_from": Words("status sebelumnya", "status before"),
    "reply_id": Words("balasan", "reply"),
    "first": Words("yang pertama", "the first"),
    "objections": Words("jumlah keberatan", "objections so far"),
    "action": Words("permintaan", "request"),
    "reason_code": Words("alasan", "reason"),
    "status": Words("status", "status"),
    "cycle": Words("putaran", "cycle"),
    "level": Words("jenjang", "level"),
    "due_at": Words("tenggat", "deadline"),
    "key_id": Words("kunci", "key"),
    "sha256": Words("SHA-256", "SHA-256"),
    "why": Words("sebab", "why"),
}
CODES: Mapping[str, Words] = {
    **{cause: Words(said["id"], said["en"]) for cause, said in CAUSES.items()},
    "complaint": Words("pengaduan", "complaint"),
    "aspiration": Words("aspirasi", "aspiration"),
    "information_request": Words("permintaan informasi", "information request"),
    "open": Words("terbuka", "open"),
    "confidential": Words("anonim", "confidential"),
    "anonymous": Words("tanpa identitas", "anonymous"),
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
    "out_of_scope": Words("di luar lingkup pengaduan", "out of scope"),
    "too_general": Words("terlalu umum", "too general"),
    "not_public_service": Words("bukan pelayanan publik", "not a public service"),
    "duplicate": Words("laporan ganda", "a duplicate"),
    "abusive": Words("tidak pantas", "abusive"),
    "incomplete": Words("tidak lengkap", "incomplete"),
    "supplement": Words("menambahkan keterangan", "to add to the report"),
    "object": Words("mengajukan keberatan", "to object"),
    "accept": Words("menerima jawaban", "to accept the answer"),
    "rate": Words("memberi penilaian", "to rate"),
    "reopen": Words("membuka kembali", "to reopen"),
    "withdraw": Words("mencabut laporan", "to withdraw"),
    "wrong_status": Words("tidak dapat pada status itu", "not possible in that status"),
    "too_late": Words("sudah lewat waktunya", "too late"),
    "others_follow": Words("laporan lain mengikutinya", "others' reports follow it"),
    "accepted": Words("diterima pelapor", "accepted by the reporter"),
    "auto_closed": Words("ditutup karena tidak ada tanggapan", "closed by silence"),
    "counted": Words("dihitung", "counted"),
    "skipped": Words("tidak dihitung", "not counted"),
    "paused": Words("penghitungan waktu dihentikan", "clock stood"),
    "weekend": Words("di luar minggu kerja", "outside the working week"),
    "coordinator": Words("koordinator", "coordinator"),
    "arbiter": Words("Sekda", "arbiter"),
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
    "late_itself": Words(
        "pejabat yang dituju sendiri yang terlambat", "the office that was meant is late itself"
    ),
    "identity": Words("identitas pelapor", "the reporter's identity"),
    "report": Words("laporan", "the report"),
    "addition": Words("tambahan pelapor", "the reporter's addition"),
    "reply": Words("balasan petugas", "an officer's reply"),
    "kept": Words("tersimpan", "kept"),
    "erased": Words("dihapus", "erased"),
    "operator": Words("oleh operator sistem", "by an operator of the system"),
    "age": Words("oleh operator sistem, karena lama disimpan", "by an operator, for its age"),
    "yes": Words("ya", "yes"),
    "no": Words("tidak", "no"),
    "none": Words("tidak ada", "none"),
}
TOO_LATE = Words("sesudah itu; Ombudsman yang memutuskan",
                 "after that; the Ombudsman decides")  # fmt: skip
THAT_MONTH = Words("dalam bulan itu, yang harinya tidak disebut di sini; Ombudsman yang memutuskan",
                   "in that month, of which the day is not told here; the Ombudsman decides",
)  # fmt: skip
TOGETHER = Words("Penanganan bersama", "What was handled together")
OF_ALL = Words(
    "Laporan ini digabungkan dengan laporan lain. Inilah penanganannya sejak disposisi; yang"
    " menyangkut pelapor lain hanya disebut harinya.",
    "This report was merged with another. This is how that was handled since its disposition; what"
    " touches another reporter is told by its day only.",
)
NOT_ALL_OF_IT = Words(
    "Laporan ini digabungkan dengan laporan lain; penanganannya tidak tercatat lengkap di sini.",
    "This report was merged with another, whose handling is not wholly recorded here.",
)
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


def stood(began: str, ended: str | None, because: str | None) -> Words:
    """From when to when a clock stood, and why, if that is told."""
    id, en = f"{began} - {ended or 'masih dihentikan'}", f"{began} - {ended or 'it still stands'}"
    why = of(because)
    return Words(f"{id}: {why.id}", f"{en}: {why.en}") if because else Words(id, en)


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


def beside(what: str, detail: Mapping[str, Any]) -> Words:
    """What of it that line does not tell."""
    sentence = HAPPENED.get(what, Words("", "")).id
    said = {name for _, name, _, _ in Formatter().parse(sentence)}
    return told({name: value for name, value in detail.items() if name not in said})


def told(facts: Mapping[str, Any]) -> Words:
    """Each by its name; nothing of what there is none."""
    there = {name: _all(value) for name, value in facts.items() if value not in (None, [])}
    named = [(NAMED.get(name, Words(name, name)), value) for name, value in there.items()]
    return Words(
        "; ".join(f"{name.id}: {value.id}" for name, value in named),
        "; ".join(f"{name.en}: {value.en}" for name, value in named),
    )


def _all(value: Any) -> Words:
    each = [of(one) for one in (value if isinstance(value, list) else [value])]
    return Words(", ".join(one.id for one in each), ", ".join(one.en for one in each))


class _Known(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "-"
