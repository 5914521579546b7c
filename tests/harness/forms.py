"""What a reporter fills in: a report, and what a hand-over to the Ombudsman asks for."""

from datetime import UTC, datetime, timedelta
from typing import Any

REPORT: dict[str, Any] = {
    "kind": "complaint",
    "title": "Lampu jalan padam",
    "text": "Lampu jalan di depan sekolah padam sejak seminggu.",
    "event_date": (datetime.now(UTC) - timedelta(days=1)).date().isoformat(),
    "place": {"district": "63.02.06", "detail": "depan sekolah"},
    "agency": "dpupr",
    "category": "jalan-jembatan",
    "confidentiality": "confidential",
    "contact": {"name": "Warga", "email": "warga@contoh.example"},
}
FORM: dict[str, Any] = {
    "full_name": "Warga Contoh",
    "birth_place": "Kotabaru",
    "birth_date": "1980-02-29",
    "marital_status": "married",
    "occupation": "nelayan",
    "address": "Desa Contoh RT 1",
    "id_number": "0000000000000000",
    "remedy": "Lampu diperbaiki.",
    "prior_complaint": {"to": "kantor camat", "on": "2025-11-21", "outcome": "belum ada jawaban"},
    "proxy": {"full_name": "Saudara Contoh", "authority": "surat kuasa 1 Desember 2025"},
}
