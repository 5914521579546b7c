"""The regency's own list of courtesies does what it is there for."""

from __future__ import annotations

import csv

import pytest

from chassis.config import ROOT
from chassis.errors import Invalid
from services.routing import domain
from services.routing.life import Rules

with (ROOT / "data/kotabaru/acknowledgements.csv").open(encoding="utf-8") as file:
    PHRASES = tuple(row["phrase"] for row in csv.DictReader(file))
RULES = Rules(phrases=PHRASES)


@pytest.mark.parametrize(
    "text",
    [
        "Terima kasih atas laporan Bapak/Ibu, akan kami teruskan ke dinas terkait.",
        "Yth. Pelapor, laporan Anda telah kami terima dan segera ditindaklanjuti. Salam, admin",
        "Selamat pagi. Terimakasih atas informasinya, mohon ditunggu!",
        "TERIMA KASIH. LAPORAN SUDAH KAMI TERUSKAN KEPADA INSTANSI TERKAIT UNTUK DITINDAKLANJUTI.",
        "Thank you for your report. It will be forwarded.",
        "👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍",
    ],
)
def test_what_officers_write_to_be_rid_of_a_case_is_refused(text):
    with pytest.raises(Invalid):
        domain.check_substance(text, RULES)


@pytest.mark.parametrize(
    "text",
    [
        "Lubang di depan pasar sudah ditambal hari Senin, 2 Maret.",
        "Terima kasih. Petugas kami meninjau lokasi besok pukul 09.00 WITA.",
        "Lampu jalan diganti minggu depan; suku cadang sudah dipesan.",
    ],
)
def test_what_says_what_was_or_will_be_done_is_taken(text):
    domain.check_substance(text, RULES)


@pytest.mark.parametrize(
    "text",
    [
        "Laporan diterima, mohon menunggu informasi selanjutnya dari kami.",
        "laporan sudah kami sampaikan kepada dinas terkait untuk segera ditindaklanjuti.",
        "Mohon maaf atas ketidaknyamanannya, sedang dalam proses penanganan oleh instansi terkait.",
        "akan segera kami tindaklanjuti sesuai ketentuan yang berlaku.",
        "Kami mohon maaf, keluhan Bapak akan segera kami sampaikan kepada pimpinan.",
        "Siap, segera kami koordinasikan dengan tim teknis.",
        "Mohon bersabar, laporan Anda sedang kami proses.",
        "Thanks, we will check and inform you soon.",
        "Your complaint has been received and will be handled by the competent authority.",
    ],
)
def test_nor_is_a_courtesy_taken_that_stands_in_no_list_as_a_whole(text):
    """By the words that such sentences are made of."""
    assert text.casefold().rstrip(".") not in PHRASES
    with pytest.raises(Invalid):
        domain.check_substance(text, RULES)


@pytest.mark.parametrize(
    "text",
    [
        "Lubang ditambal hari ini, lampu jalan diganti besok pagi.",
        "Sudah diperbaiki hari ini.",
        "Air mengalir lagi sejak pagi.",
        "Tarif baru berlaku 1 Desember.",
        "KTP Anda jadi Kamis, ambil di loket 3.",
        "Selokan dibersihkan Rabu oleh tim kami.",
        "Bantuan diterima warga Senin lalu.",
        "The drain is cleared; water flows again.",
        "Your card is ready at counter 3.",
    ],
)
def test_what_was_done_may_be_told_in_few_words(text):
    domain.check_substance(text, RULES)


def test_the_list_is_written_as_it_is_compared():
    assert [" ".join(phrase.casefold().split()) for phrase in PHRASES] == list(PHRASES)
    assert len(set(PHRASES)) == len(PHRASES)
