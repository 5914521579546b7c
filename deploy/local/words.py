"""What a timeline's entries are called on the screen: Indonesian first, English second."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Makassar")

WORDS = {
    "report.submitted": ("Laporan diterima", "Report received"),
    "case.opened": ("Penanganan dibuka", "Case opened"),
    "case.verified": ("Diverifikasi", "Verified"),
    "case.disposed": ("Didisposisikan", "Handed to an agency"),
    "case.reassigned": ("Dialihkan ke instansi lain", "Handed on to another agency"),
    "case.handed_up": ("Akan ditangani unit lain", "To be handled by another unit"),
    "case.returned": ("Dikembalikan, bukan wewenang", "Returned by the agency"),
    "case.data_requested": ("Data tambahan diminta", "More data asked for"),
    "case.data_request_cancelled": ("Permintaan data dibatalkan", "No more data needed"),
    "case.resumed": ("Penanganan dilanjutkan", "Taken up again"),
    "case.followed_up": ("Ditindaklanjuti", "Followed up"),
    "case.answered": ("Dijawab", "Answered"),
    "case.objected": ("Keberatan dicatat, dibuka lagi", "Objection noted, open again"),
    "case.closed": ("Selesai", "Closed"),
    "case.reopened": ("Dibuka kembali", "Reopened"),
    "case.archived": ("Diarsipkan", "Archived"),
    "case.forwarded": ("Diteruskan ke luar pemkab", "Forwarded outside the regency government"),
    "case.word_relayed": ("Kabar dari instansi di luar", "Word from the authority outside"),
    "case.recalled": ("Penerusan ke luar ditarik kembali", "Recalled from outside"),
    "case.reclassified": ("Klasifikasi diubah", "Reclassified"),
    "case.protected": ("Kerahasiaan ditingkatkan", "Confidentiality raised"),
    "case.merged": ("Digabung", "Merged"),
    "case.withdrawn": ("Dicabut", "Withdrawn"),
    "case.refused": ("Permintaan tidak dapat dipenuhi", "Request cannot be met"),
    "deadline.passed": ("Tenggat terlewati", "Deadline passed"),
    "deadline.kept": ("Tenggat ternyata tidak terlewati", "The deadline was not missed after all"),
    "deadline.recomputed": ("Tenggat dihitung ulang", "Deadline recomputed"),
    "escalation.raised": ("Dinaikkan ke atasan", "Raised to a superior"),
    "escalation.offered": ("Dapat dibawa ke Ombudsman", "May go to the Ombudsman"),
    "escalation.handed_over": ("Dilimpahkan ke Ombudsman", "Handed to the Ombudsman"),
    "consent.ended": ("Persetujuan berakhir", "The consent has ended"),
    "escalation.left_behind": ("Tidak ikut ke Ombudsman", "Did not go to the Ombudsman"),
    "escalation.answered": ("Ombudsman menjawab", "The Ombudsman answered"),
    "message.failed": ("Pesan tidak sampai", "A message did not arrive"),
    "reporter.supplement": ("Pelapor menambah keterangan", "The reporter added something"),
    "reporter.accept": ("Pelapor menerima jawaban", "The reporter accepted"),
    "reporter.object": ("Pelapor keberatan", "The reporter objected"),
    "reporter.reopen": ("Pelapor meminta dibuka kembali", "The reporter wants it reopened"),
    "reporter.withdraw": ("Pelapor mencabut laporan", "The reporter withdrew"),
    "reporter.consent_to_escalation": ("Pelapor setuju ke Ombudsman", "The reporter consented"),
    "reporter.withdraw_consent": ("Pelapor menarik persetujuan", "The reporter took consent back"),
    "reporter.replace_contact": ("Pelapor mengganti kontak", "The reporter replaced the contact"),
}


def line(entry: dict[str, Any]) -> str:
    """One entry of a timeline: local time, both names, what it tells, and words and evidence if
    there are."""
    at = datetime.fromisoformat(entry["at"]).astimezone(ZONE)
    indonesian, english = WORDS[entry["what"]]
    told = ", ".join(str(value) for value in entry["detail"].values() if value)
    said = f'\n{" " * 24}"{entry["text"][:100]}"' if entry["text"] else ""
    for file in entry["evidence"]:
        said += f"\n{' ' * 24}bukti / evidence: {file['title']} (SHA-256 {file['sha256'][:16]}...)"
    return f"{at:%Y-%m-%d %H:%M}  {indonesian} / {english}{f' ({told})' if told else ''}{said}"
