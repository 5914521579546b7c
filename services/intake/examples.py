"""One example each of what a client sends first, keeps, and reads: they stand in the OpenAPI
document, and a test holds them to its schemas. Nobody's report is in them."""

from __future__ import annotations

NUMBER = "KTB-12345-67894"
TITLE = "Lampu jalan padam di depan sekolah"

NEW_REPORT = {
    "kind": "complaint",
    "title": TITLE,
    "text": "Lampu jalan di depan sekolah padam sejak dua minggu; malam hari sangat gelap.",
    "event_date": "2026-11-16",
    "place": {"district": "63.02.06", "detail": "depan sekolah"},
    "category": "penerangan-jalan",
    "confidentiality": "confidential",
    "hidden_from_public": False,
    "contact": {"name": "Nama Pelapor", "email": "pelapor@contoh.example", "language": "id"},
}
RECEIPT = {
    "number": NUMBER,
    "code": "G02C2-R60P7-PS7MT-19K2Y-0PJM0-D",
    "received_at": "2026-11-17T01:30:00+00:00",
    "promised": {
        "verify_by": "2026-11-20",
        "follow_up_by": "2026-11-27",
        "settle_by": "2026-12-10",
    },
    "proof": None,
}
TIMELINE = {
    "number": NUMBER,
    "kind": "complaint",
    "title": TITLE,
    "status": "answered",
    "received_at": "2026-11-17T01:30:00+00:00",
    "chosen": {
        "event_date": NEW_REPORT["event_date"],
        "place": NEW_REPORT["place"],
        "agency": None,
        "category": NEW_REPORT["category"],
        "confidentiality": NEW_REPORT["confidentiality"],
        "hidden_from_public": False,
        "contact_given": True,
    },
    "timeline": [
        {
            "at": "2026-11-17T01:30:00+00:00",
            "what": "report.submitted",
            "detail": {},
            "text": NEW_REPORT["text"],
            "evidence": [],
        },
        {
            "at": "2026-11-24T03:05:00+00:00",
            "what": "case.answered",
            "detail": {"agency": "dishub", "outcome": "fulfilled"},
            "text": "Lampu sudah diganti dan menyala sejak tadi malam.",
            "evidence": [{"title": "Foto sesudah perbaikan", "sha256": "9f" * 32}],
        },
    ],
    "deadlines": [
        {
            "clock": "R",
            "ends_on": "2026-12-08",
            "due_at": "2026-12-08T15:59:59+00:00",
            "passed": False,
        }
    ],
    "actions": [
        "accept",
        "consent_to_escalation",
        "object",
        "replace_contact",
        "supplement",
        "withdraw",
    ],
    "links": {
        "deadlines": f"/v1/cases/{NUMBER}/deadlines",
        "explain": f"/v1/cases/{NUMBER}/explain",
        "token": "eyJhbGciOiJFZDI1NTE5In0.e30.c2lnbmF0dXJl",
        "expires_at": "2026-11-24T04:05:00+00:00",
    },
}
