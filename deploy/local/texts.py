"""What the people of the demonstration write."""

FILE = ("--reference", "0123/LM/I/2027/BJM")
CORRECTION = (
    "Papan jembatan yang lapuk diganti dan jembatan ditutup sampai aman; hasilnya dilaporkan "
    "kepada Ombudsman dalam 30 hari."
)
RECOMMENDED = (
    "Bupati memastikan jembatan diganti dalam 60 hari, menetapkan pejabat yang bertanggung jawab, "
    "dan menyampaikan bukti pelaksanaannya kepada Ombudsman."
)
FORM = {
    "full_name": "Nurhayati binti Said", "birth_place": "Kotabaru", "birth_date": "1979-04-12",
    "marital_status": "married", "occupation": "guru", "address": "Desa Semisir RT 02",
    "remedy": "Jembatan diganti sebelum anak sekolah celaka.",
}  # fmt: skip
FOLLOW_UP = (
    "Tim pemeliharaan jalan memeriksa lokasi pada pukul 09.00, mengukur dua lubang, dan memasang "
    "rambu peringatan. Penambalan dijadwalkan besok pagi dengan bahan dari gudang kabupaten."
)
ANSWER = {
    "outcome": "fulfilled",
    "reason": "Dua lubang di depan pasar telah ditimbun dan dipadatkan oleh tim pemeliharaan.",
    "text": "Penimbunan selesai hari ini. Bila rusak kembali, sampaikan melalui keberatan.",
}
SECOND_FOLLOW_UP = (
    "Timbunan tanah dibongkar; lubang dibersihkan, diberi lapis pondasi, lalu ditutup aspal panas "
    "setebal lima sentimeter. Foto sebelum dan sesudah disimpan di kantor dinas."
)
SECOND_ANSWER = {
    "outcome": "fulfilled",
    "reason": "Timbunan yang rusak telah diganti tambalan aspal panas setebal lima sentimeter.",
    "text": "Mohon maaf atas pekerjaan pertama. Tambalan diperiksa lagi bulan depan.",
    "evidence": [
        {
            "title": "Foto tambalan aspal, arah pasar",
            "sha256": "3a26ae37898607c8e8d21858370596c4da13ac6f4d43cc3a5f094a8952c2ea2c",
        }
    ],
}
