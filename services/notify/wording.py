"""What a message says for a word of a closed set, in each language that messages are written in."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("id", "en")
MONTHS = {
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
    "en": "January February March April May June July August September October November December",
}
WORDS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "limit": {
        "V": {
            "id": "pemeriksaan dan penerusan laporan",
            "en": "checking the report and passing it on",
        },
        "F": {"id": "tindak lanjut pertama", "en": "the first follow-up"},
        "S": {"id": "penyelesaian laporan", "en": "settling the report"},
        "A": {
            "id": "penetapan instansi yang berwenang",
            "en": "deciding which agency is responsible",
        },
        "C": {
            "id": "tindakan korektif yang diminta Ombudsman",
            "en": "the corrective action that the Ombudsman asked for",
        },
        "O": {
            "id": "pelaksanaan rekomendasi Ombudsman",
            "en": "carrying out the Ombudsman's recommendation",
        },
        "R": {"id": "tanggapan Anda atas jawaban instansi", "en": "your response to the answer"},
        "D": {"id": "kelengkapan data dari Anda", "en": "the information asked of you"},
    },
    "because": {
        "calendar": {
            "id": "karena penyesuaian hari kerja",
            "en": "because working days were amended",
        },
        "limit": {"id": "karena perubahan ketentuan", "en": "because a rule was amended"},
        "promise": {
            "id": "karena penanganannya dimulai lebih lambat, atau boleh\nberlangsung lebih lama,"
            " daripada yang tertulis di tanda terima Anda",
            "en": "because its handling began later, or may take longer,\nthan your receipt says",
        },
        "amended": {  # of which of the two, was not kept formerly
            "id": "karena penyesuaian hari kerja atau ketentuan",
            "en": "because working days or rules were amended",
        },
    },
    "basis": {
        "settlement_passed": {
            "id": "Penanganan laporan Anda belum selesai pada waktunya.",
            "en": "Your report was not settled in time.",
        },
        # This time runs on while an answer stands and while the regency's own still runs: that the
        # regency is late may not be said of it.
        "handover_limit": {
            "id": "Jangka waktu sebelum laporan Anda dapat dilimpahkan ke Ombudsman sudah"
            "\nberakhir.",
            "en": "The time after which your report may be handed over to the Ombudsman has come.",
        },
        "either": {  # which of the two, was not kept formerly
            "id": "Salah satu batas waktu laporan Anda sudah berakhir.",
            "en": "A time limit of your report is over.",
        },
    },
    "until": {  # where it is no day
        "shown": {"id": "tanggal yang tercantum di sana", "en": "the day shown there"},
    },
    "otherwise": {
        "R": {
            "id": "Bila sampai tanggal itu tidak ada tanggapan dari Anda, laporan akan ditutup.",
            "en": "If we have not heard from you by then, the report will be closed.",
        },
        "D": {
            "id": "Bila sampai tanggal itu data belum lengkap, laporan akan diarsipkan, atau"
            " ditangani tanpa data itu.",
            "en": "If the information is still missing by then, the report will be archived, or"
            " handled without it.",
        },
    },
    "office": {
        "head_of_coordinator": {
            "id": "pimpinan unit koordinator",
            "en": "the head of the coordinating unit",
        },
        "head_of_agency": {
            "id": "pimpinan instansi yang menangani",
            "en": "the head of the agency in charge",
        },
        "sekda": {"id": "Sekretaris Daerah", "en": "the Regional Secretary (Sekda)"},
        "inspectorate": {"id": "Inspektorat Daerah", "en": "the Regional Inspectorate"},
        "bupati": {"id": "Bupati", "en": "the Regent (Bupati)"},
    },
    "how": {
        "accepted": {
            "id": "karena Anda menerima jawaban yang diberikan",
            "en": "because you accepted the answer",
        },
        "auto_closed": {
            "id": "karena sampai batas waktunya tidak ada tanggapan dari Anda",
            "en": "because we did not hear from you within the time limit",
        },
    },
    "why": {
        "wrong_status": {
            "id": "karena keadaan laporan sudah berubah atau waktunya telah lewat.",
            "en": "because its status had changed or the time for it was over.",
        },
        "too_late": {
            "id": "karena waktunya telah lewat.",
            "en": "because the time for it was over.",
        },
        "others_follow": {
            "id": "karena laporan orang lain ditangani bersamanya dan\npenanganannya berlanjut bagi"
            " mereka. Bila sebelum itu Anda menyetujui pelimpahan ke\nOmbudsman, persetujuan itu"
            " berakhir.",
            "en": "because other people's reports are handled together with it and\nits handling"
            " goes on for them. If you had consented to a hand-over to the\nOmbudsman before, that"
            " consent has ended.",
        },
    },
}
