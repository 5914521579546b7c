"""A dossier on paper: PDF/A-2u, Indonesian with English under it.

It shows what we can read: facts, and why each limit passed; all that the JSON tells. Of the sealed
parts it names the proof only, and which were erased; who holds the private key prints them. The
same dossier gives the same bytes, on any day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fpdf import FPDF
from fpdf.enums import DocumentCompliance, XPos, YPos
from fpdf.fonts import FontFace

from services.escalation.ombudsman import wording
from services.escalation.ombudsman.dossier import PROTECTION
from services.escalation.ombudsman.wording import Words
from services.escalation.rules.defaults import in_english

FONTS = Path(__file__).parent / "fonts"
FONT, GREY, BLACK = "DejaVu", 90, 0
WIDE = 180.0  # millimetres between the margins of an A4 page
NEXT = {"new_x": XPos.LMARGIN, "new_y": YPos.NEXT}
XMP = """\
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"
 xmp:CreateDate="{at}" xmp:ModifyDate="{at}" xmp:MetadataDate="{at}"
 pdfaid:part="2" pdfaid:conformance="U">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def printed(shown: Mapping[str, Any], zone: ZoneInfo) -> bytes:
    """What is `shown` of a dossier as data, as a PDF; moments are told in `zone`."""
    return bytes(_Paper(shown, zone).made())


class _Paper:
    def __init__(self, shown: Mapping[str, Any], zone: ZoneInfo) -> None:
        self._dossier, self._sha256, self._zone = shown["dossier"], shown["sha256"], zone
        self._kept = {part["sha256"] for part in shown["sealed"]}
        self._erased_at, self._ended_at = shown["erased_at"], shown.get("consent_ended_at")
        self._pdf = _Pages(str(self._dossier["number"]))

    def made(self) -> bytearray:
        at = datetime.fromisoformat(self._dossier["assembled_at"])
        title = f"Berkas pelimpahan {self._dossier['number']}"
        self._pdf.set_creation_date(at)
        self._pdf.set_xmp_metadata(XMP.format(at=at.isoformat(timespec="seconds"), title=title))
        self._pdf.add_page()
        for chapter in (
            self._head, self._facts, self._history, self._evidence, self._clocks, self._raised,
            self._handling, self._sealed,
        ):  # fmt: skip
            chapter()
        try:
            return self._pdf.output()
        finally:
            self._pdf.close_fonts()

    def _head(self) -> None:
        self._pdf.say(Words("Berkas pelimpahan ke Ombudsman", "Dossier for the Ombudsman"), 15)
        self._pdf.say(Words(str(self._dossier["number"]), ""), 13)
        until = Words(
            "Disusun dari catatan sistem pada {0}. Setelah itu berkas ini tidak berubah.",
            "Assembled from the system's records on {0}. It does not change after that.",
        )
        self._pdf.say(_filled(until, self._moment(self._dossier["assembled_at"])))
        form = Words("Bentuk berkas: versi {0}.", "Form of the dossier: version {0}.")
        self._pdf.say(_filled(form, str(self._dossier["version"])))
        proof = Words(
            "SHA-256 bentuk RFC 8785, sama dengan di umpan data: {0}",
            "SHA-256 of the RFC 8785 form, the same as in the feed: {0}",
        )
        self._pdf.say(_filled(proof, self._sha256))
        if self._ended_at:
            ended = Words(
                "Pelapor menarik kembali persetujuannya pada {0} (UU 27/2022 Pasal 9).",
                "The reporter took the consent back on {0} (UU 27/2022, article 9).",
            )
            self._pdf.say(_filled(ended, self._moment(self._ended_at)), bold=True)

    def _facts(self) -> None:
        self._pdf.chapter(Words("Perkara", "The case"))
        case, consent = self._dossier["case"], self._dossier["consent"]
        until = consent.get("admissible_until")  # a day, until the second version
        month = consent.get("admissible_month")
        rows = [
            (Words("Diterima", "Received"), self._plain(case["received_at"])),
            (Words("Jenis", "Kind"), wording.of(case["kind"])),
            (Words("Kadar pengawasan", "Class"), wording.of(case["class"])),
            (Words("Kategori", "Category"), wording.of(case["category"])),
            (Words("Instansi", "Agency"), wording.of(case["agency"])),
            (Words("Status", "Status"), wording.of(case["status"])),
            (Words("Putaran", "Cycle"), wording.of(case["cycle"])),
            *(  # dossiers from before 2026-11-30 do not say it
                (wording.NAMED[name], wording.of(case[name])) for name in PROTECTION if name in case
            ),
            (Words("Persetujuan pelapor", "The reporter consented"), self._plain(consent["at"])),
            (Words("Dengan identitas", "With identity"), wording.of(consent["with_identity"])),
            (
                Words("Dapat diterima sampai", "May be taken until"),
                wording.of(until or month),
            ),
        ]
        if "handed_over_in_time" in consent:
            in_time = consent["handed_over_in_time"]
            found = wording.TOO_LATE if in_time is False else wording.of(in_time)
            found = wording.THAT_MONTH if in_time is None and month else found
            rows.append((Words("Dilimpahkan tepat waktu", "Handed over in time"), found))
        self._pdf.rows(rows, (60, 120))

    def _history(self) -> None:
        self._pdf.chapter(Words("Apa yang dilakukan", "What was done"))
        if not self._dossier["history_complete"]:
            self._pdf.say(
                Words(
                    "Catatan ini tidak lengkap: sistem mulai mencatat setelah perkara dibuka.",
                    "These records are not complete: they begin after the case was opened.",
                )
            )
        self._lines(self._dossier["history"])

    def _lines(self, history: Sequence[Mapping[str, Any]]) -> None:
        self._pdf.rows(
            [
                (
                    self._plain(one["at"]),
                    wording.line(one["what"], one["detail"]),
                    wording.beside(one["what"], self._local(one["detail"])),
                )
                for one in history
            ],
            (46, 56, 78),
        )

    def _evidence(self) -> None:
        if "evidence" not in self._dossier:  # of the first version, when nobody could name any
            return
        self._pdf.chapter(Words("Bukti", "Evidence"))
        self._pdf.say(
            Words(
                "Berkas yang disebut instansi dan disimpannya sendiri; namanya ada pada balasan"
                " yang tersegel. SHA-256 isi tiap berkas, seperti disebut pada waktu itu:",
                "Files that the agency named and keeps; what they are called stands in the sealed"
                " reply. SHA-256 of what is in each, as named at that time:",
            )
        )
        self._named(self._dossier["evidence"])

    def _named(self, evidence: Sequence[Mapping[str, Any]]) -> None:
        if not evidence:
            self._pdf.say(wording.of(None))
        self._pdf.rows(
            [
                (
                    wording.of(one["agency"]),
                    self._plain(one["at"]),
                    Words(one["sha256"], ""),
                    wording.told({"reply_id": one["reply_id"]}),
                )
                for one in evidence
            ],
            (30, 46, 58, 46),
        )

    def _clocks(self) -> None:
        self._pdf.chapter(Words("Batas waktu", "Limits"))
        for clock in self._dossier["clocks"]:
            self._clock(clock)

    def _clock(self, clock: Mapping[str, Any]) -> None:
        name, cycle = wording.clock(clock["clock"]), wording.told({"cycle": clock["cycle"]})
        heading = Words(f"{name.id} ({clock['clock']}), {cycle.id}", f"{name.en}, {cycle.en}")
        self._pdf.say(heading, 10, bold=True)
        rows = []
        if limit := clock["limit"]:
            unit, days = wording.unit(limit["unit"]), limit["days"]
            decree = limit["decree"]
            told = Words(f"{days} {unit.id} ({decree})", f"{days} {unit.en} ({in_english(decree)})")
            rows.append((Words("Batas", "Limit"), told))
        for name, words in (
            ("started", Words("Mulai", "Began")),
            ("due", Words("Berakhir", "Ended")),
            ("passed", Words("Terlampaui", "Found passed")),
            ("stopped", Words("Berhenti", "Stopped")),
        ):
            if at := clock.get(f"{name}_at"):
                rows.append((words, self._plain(at)))
            elif on := clock.get(f"{name}_on"):
                rows.append((words, Words(on, "")))
        rows += [(wording.of("paused"), self._pause(one)) for one in clock["pauses"]]
        self._pdf.rows(rows, (60, 120))
        if clock["days"] is None:
            self._pdf.say(wording.UNTOLD)
        elif clock["days"]:
            self._pdf.rows(list(map(_day, clock["days"])), (40, 45, 95))

    def _raised(self) -> None:
        self._pdf.chapter(Words("Eskalasi", "Escalations"))
        self._ladder(self._dossier["escalations"])

    def _ladder(self, escalations: Sequence[Mapping[str, Any]]) -> None:
        if not escalations:
            self._pdf.say(wording.of(None))
        self._pdf.rows(
            [
                (
                    self._plain(one["at"]),
                    wording.clock(one["clock"]),
                    wording.reached(one["to"], one.get("because")),
                    wording.told(_without(self._local(one), "at", "clock", "to", "because")),
                )
                for one in escalations
            ],
            (46, 40, 44, 50),
        )

    def _handling(self) -> None:
        """How the case was handled that this one follows."""
        handling = self._dossier.get("handling")
        if handling is None:  # it follows none, or is of before the fourth version
            return
        self._pdf.chapter(wording.TOGETHER)
        self._pdf.say(wording.OF_ALL if handling["complete"] else wording.NOT_ALL_OF_IT)
        self._lines(handling["history"])
        self._pdf.say(Words("Bukti", "Evidence"), 10, bold=True)
        self._named(handling["evidence"])
        for clock in handling["clocks"]:
            self._clock(clock)
        self._pdf.say(Words("Eskalasi", "Escalations"), 10, bold=True)
        self._ladder(handling["escalations"])

    def _sealed(self) -> None:
        self._pdf.chapter(Words("Bagian tersegel", "Sealed parts"))
        self._pdf.say(
            Words(
                "Hanya dapat dibuka dengan kunci Ombudsman, dan tidak tercetak di sini."
                " SHA-256 tiap bagian:",
                "Only the Ombudsman's key opens them, and they are not printed here."
                " SHA-256 of each:",
            )
        )
        if self._erased_at:
            erased = Words(
                "Yang dihapus pada {0} tidak dapat dibuka lagi; fakta dan hash-nya tetap.",
                "What was erased on {0} cannot be opened any more; the facts and its hash stay.",
            )
            self._pdf.say(_filled(erased, self._moment(self._erased_at)), bold=True)
        if not self._dossier["parts"]:
            self._pdf.say(wording.of(None))
        self._pdf.rows(
            [
                (
                    wording.of(part["part"]),
                    self._plain(part["written_at"]),
                    Words(part["sha256"], ""),
                    wording.told({"key_id": part["key_id"]}),
                    wording.of("kept" if part["sha256"] in self._kept else "erased"),
                )
                for part in self._dossier["parts"]
            ],
            (30, 46, 48, 34, 22),
        )

    def _pause(self, pause: Any) -> Words:
        if isinstance(pause, list):  # of the first dossiers, which did not tell why
            pause = {"started_at": pause[0], "ended_at": pause[1], "because": None}
        if "started_on" in pause:
            return wording.stood(pause["started_on"], pause["ended_on"], pause["because"])
        told = self._local(pause)
        return wording.stood(told["started_at"], told["ended_at"], told["because"])

    def _local(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """With its moments as they are told here."""
        return {
            name: self._moment(value) if value and name.endswith("_at") else value
            for name, value in facts.items()
        }

    def _moment(self, text: str) -> str:
        local = datetime.fromisoformat(text).astimezone(self._zone)
        return local.strftime("%Y-%m-%d %H:%M:%S %Z")

    def _plain(self, text: str) -> Words:
        return Words(self._moment(text), "")


def _day(day: Mapping[str, str]) -> tuple[Words, Words, Words]:
    reason, basis = wording.of(day.get("reason", "")), day.get("basis", "")
    why = Words(f"{reason.id} ({basis})", "") if basis else reason
    return Words(day["on"], ""), wording.of(day["verdict"]), why


def _without(facts: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in names}


def _filled(words: Words, *values: str) -> Words:
    return Words(words.id.format(*values), words.en.format(*values))


class _Pages(FPDF):
    """A4, numbered, in our font."""

    def __init__(self, number: str) -> None:
        super().__init__(enforce_compliance=DocumentCompliance.PDFA_2U)
        self._number = number
        self.set_lang("id-ID")
        self.set_margins(15, 15)
        self.set_auto_page_break(True, 18)
        self.add_font(FONT, "", FONTS / "DejaVuSans.ttf")
        self.add_font(FONT, "B", FONTS / "DejaVuSans-Bold.ttf")
        self.alias_nb_pages("{pages}")

    def footer(self) -> None:
        """The number and the page."""
        self.set_y(-12)
        self.set_font(FONT, "", 7)
        self.set_text_color(GREY)
        self.cell(WIDE, 5, f"{self._number}  {self.page_no()}/{{pages}}", align="R")

    def close_fonts(self) -> None:
        """The library reads glyphs when it needs them, and leaves the files open."""
        for font in self.fonts.values():
            font.ttfont.close()

    def chapter(self, words: Words) -> None:
        """A heading."""
        self.ln(4)
        self.say(words, 12, bold=True)

    def say(self, words: Words, size: float = 9, *, bold: bool = False) -> None:
        """A line in both languages."""
        self.set_font(FONT, "B" if bold or size > 12 else "", size)
        self.set_text_color(BLACK)
        self.multi_cell(WIDE, size * 0.55, words.id, align="L", **NEXT)
        if words.en and words.en != words.id:
            self.set_font(FONT, "", max(7, size * 0.75))
            self.set_text_color(GREY)
            self.multi_cell(WIDE, max(7, size * 0.75) * 0.5, words.en, align="L", **NEXT)
        self.ln(1)

    def rows(self, rows: Sequence[Sequence[Words]], widths: tuple[float, ...]) -> None:
        """A table without a head; both languages in each cell."""
        if not rows:
            return
        self.set_font(FONT, "", 8)
        self.set_text_color(BLACK)
        plain = FontFace(emphasis="")
        with self.table(
            width=WIDE, col_widths=widths, text_align="L", line_height=4,
            first_row_as_headings=False, headings_style=plain, borders_layout="HORIZONTAL_LINES",
        ) as table:  # fmt: skip
            for cells in rows:
                row = table.row()
                for words in cells:
                    both = words.en and words.en != words.id
                    row.cell(f"{words.id}\n{words.en}" if both else words.id)
        self.ln(1)
