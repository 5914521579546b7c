"""What a reporter should know before they consent to a hand-over, in Indonesian and English."""

from __future__ import annotations

NOTICES = (
    {
        "notice": "identity_copy",
        "id": "Salinan KTP belum dapat dilampirkan di sini; Ombudsman akan memintanya bila perlu.",
        "en": "A copy of your identity card cannot be attached here yet; the Ombudsman will ask.",
    },
    {
        "notice": "sealed",
        "id": "Yang Anda isi di sini disegel seketika; kami tidak dapat membacanya.",
        "en": "What you enter here is sealed at once; we cannot read it.",
    },
    {
        "notice": "can_be_taken_back",
        "id": "Persetujuan ini dapat Anda tarik kembali kapan saja; apa pun yang disegel lalu"
        " dihapus di sini.",
        "en": "You can take this consent back at any time; anything sealed is then erased here.",
    },
)
