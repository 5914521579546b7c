"""What PDF/A-2u (ISO 19005-2) asks of a document, looked up in its objects.

No validator is at hand that knows part 2 and runs here, so these are the rules that a program which
writes text in its own fonts can break: each object is walked, none is taken on trust.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import pypdf
from fontTools.ttLib import TTFont
from pypdf.generic import ContentStream, DictionaryObject, StreamObject

PDFAID = "{http://www.aiim.org/pdfa/ns/id/}"
XMP = "{http://ns.adobe.com/xap/1.0/}"
DC = "{http://purl.org/dc/elements/1.1/}"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
ACTIONS = {  # 6.5.1: none of these
    "/Launch", "/Sound", "/Movie", "/ResetForm", "/ImportData", "/JavaScript", "/Hide",
    "/SetOCGState", "/Rendition", "/Trans", "/GoTo3DView", "/GoToR", "/GoToE", "/SubmitForm",
}  # fmt: skip
OUTSIDE = {"/F", "/FFilter", "/FDecodeParms"}  # 6.1.7.1: a stream's bytes stand elsewhere
Rule = Callable[["Document"], bool]


class Document:
    """The bytes, and every object in them."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.reader = pypdf.PdfReader(io.BytesIO(content))
        self.root = self.reader.trailer["/Root"]
        self.objects = [
            one
            for id in self.reader.xref.get(0, {})
            if (one := self.reader.get_object(id)) is not None
        ]

    @property
    def dictionaries(self) -> Iterator[DictionaryObject]:
        """Also those that stand in others."""
        waiting = list(self.objects)
        while waiting:
            one = waiting.pop()
            if isinstance(one, DictionaryObject):
                yield one
                waiting += [value for key in one if not _refers(value := one.raw_get(key))]
            elif isinstance(one, list):
                waiting += [value for value in list.__iter__(one) if not _refers(value)]

    @property
    def streams(self) -> Iterator[StreamObject]:
        return (one for one in self.objects if isinstance(one, StreamObject))

    @property
    def fonts(self) -> list[DictionaryObject]:
        """Those that pages name."""
        return [
            font.get_object()
            for page in self.reader.pages
            for font in page["/Resources"].get("/Font", {}).values()
        ]

    @property
    def xmp(self) -> ElementTree.Element:
        packet = self.root["/Metadata"].get_data() if "/Metadata" in self.root else b"<none/>"
        return ElementTree.fromstring(packet)  # noqa: S314 - written by ourselves

    def told(self, name: str) -> str:
        """What the XMP metadata says, written as an attribute or as an element."""
        for one in self.xmp.iter():
            if name in one.attrib:
                return one.attrib[name]
            if one.tag == name:
                return "".join(one.itertext()).strip()
        return ""


def _refers(value: object) -> bool:
    return isinstance(value, pypdf.generic.IndirectObject)


def _is_versioned(document: Document) -> bool:
    """6.1.2: the header, and a comment of bytes that no text has."""
    first, second = document.content.split(b"\n")[:2]
    above = [byte for byte in second[1:5] if byte > 127]
    return bool(re.fullmatch(rb"%PDF-1\.[0-7]", first)) and second[:1] == b"%" and len(above) == 4


def _ends(document: Document) -> bool:
    """6.1.3: nothing follows the end."""
    return bool(re.search(rb"%%EOF\r?\n?\Z", document.content))


def _is_named(document: Document) -> bool:
    return len(document.reader.trailer.get("/ID", ())) == 2


def _is_open(document: Document) -> bool:
    return "/Encrypt" not in document.reader.trailer


def _is_identified(document: Document) -> bool:
    """6.6.4"""
    return document.told(f"{PDFAID}part") + document.told(f"{PDFAID}conformance") == "2U"


def _agrees_with_itself(document: Document) -> bool:
    """Where there is an information dictionary too, it says what the metadata say: readers show
    either."""
    known = document.reader.metadata or {}
    told = [document.told(f"{XMP}CreateDate"), document.told(f"{DC}title")]
    dated = known.get("/CreationDate", "")
    digits = re.sub(r"\D", "", told[0])[:14]
    return (not dated or dated[2:16] == digits) and known.get("/Title", told[1]) == told[1]


def _has_intent(document: Document) -> bool:
    """6.2.3: one profile, of RGB, whose parts are as many as it says."""
    intents = [one.get_object() for one in document.root.get("/OutputIntents", ())]
    profiles = [one["/DestOutputProfile"].get_object() for one in intents]
    return (
        [one["/S"] for one in intents] == ["/GTS_PDFA1"]
        and all(one.get_data()[36:40] == b"acsp" for one in profiles)
        and all(one.get_data()[12:16] in (b"mntr", b"prtr") for one in profiles)
        and all(one.get_data()[8] <= 4 for one in profiles)
        and all((one["/N"], one.get_data()[16:20]) == (3, b"RGB ") for one in profiles)
    )


def _colours_are_of_the_intent(document: Document) -> bool:
    """6.2.4.3: grey and RGB go by its profile, CMYK would not."""
    contents = b"\n".join(page.get_contents().get_data() for page in document.reader.pages)
    operators = re.search(rb"(?<![\w.])[\d.]+(?:\s+[\d.]+){3}\s+[kK]\b", contents)
    named = any("/DeviceCMYK" in map(str, one.values()) for one in document.dictionaries)
    return operators is None and not named


def _is_still(document: Document) -> bool:
    """6.5: nothing happens by itself and nothing leads away from the document."""
    return not any(one.get("/S") in ACTIONS or "/AA" in one for one in document.dictionaries)


def _carries_nothing(document: Document) -> bool:
    """6.8, 6.4: no other files, no forms; and no layers to switch."""
    names = document.root.get("/Names", {})
    inside = {"/JavaScript", "/EmbeddedFiles"} & set(names)
    return not inside and not {"/AcroForm", "/OCProperties", "/AF"} & set(document.root)


def _holds_its_bytes(document: Document) -> bool:
    return not any(OUTSIDE & set(one) for one in document.streams)


def _is_packed_as_allowed(document: Document) -> bool:
    """6.1.7.2: no LZW, and no encryption of a part."""
    packed = [str(one.get("/Filter", "")) for one in document.streams]
    return not any("LZW" in one or "Crypt" in one for one in packed)


def _is_opaque(document: Document) -> bool:
    """Stricter than 6.2.10: nothing of ours shines through, so nothing has to be blended."""
    see_through = {"/SMask", "/TR", "/TR2", "/HTO"}
    for one in document.dictionaries:
        if see_through & set(one) or one.get("/BM", "/Normal") not in ("/Normal", "/Compatible"):
            return False
        if one.get("/CA", 1) != 1 or one.get("/ca", 1) != 1:
            return False
        if one.get("/S") == "/Transparency" and one.get("/CS") is None:
            return False
    return True


def _embeds_its_fonts(document: Document) -> bool:
    """6.2.11.4"""
    return bool(document.fonts) and all(
        any(name.startswith("/FontFile") for name in _described(font)) for font in document.fonts
    )


def _can_be_copied(document: Document) -> bool:
    """6.2.11.7: the letter u of the level. No glyph stands for what nobody can type."""
    maps = [font["/ToUnicode"].get_data() for font in document.fonts if "/ToUnicode" in font]
    nothing = re.compile(rb"<(?!0000)[0-9A-F]{4}>\s*<(0000|FEFF|FFFE)>", re.IGNORECASE)
    return len(maps) == len(document.fonts) > 0 and not any(nothing.search(one) for one in maps)


def _maps_its_glyphs(document: Document) -> bool:
    """6.2.11.3: two-byte codes lead to glyphs of the embedded font in a way that is told."""
    return all(
        font.get("/Encoding") in ("/Identity-H", "/Identity-V")
        and _below(font).get("/CIDToGIDMap") is not None
        for font in document.fonts
        if font["/Subtype"] == "/Type0"
    )


def _shows_no_missing_glyph(document: Document) -> bool:
    """6.2.11.8: code 0 is the glyph for what a font lacks."""
    for page in document.reader.pages:
        for operands, operator in ContentStream(page.get_contents(), document.reader).operations:
            shown = operands[0] if operator == b"TJ" else operands
            if operator in (b"Tj", b"TJ", b"'") and any(map(_has_missing, shown)):
                return False
    return True


def _has_missing(text: Any) -> bool:
    codes = getattr(text, "original_bytes", b"")
    return any(codes[n : n + 2] == b"\0\0" for n in range(0, len(codes), 2))


def _spaces_as_its_fonts_do(document: Document) -> bool:
    """6.2.11.5: each width that is told is the glyph's own."""
    return all(_widths_hold(font) for font in document.fonts if font["/Subtype"] == "/Type0")


def _widths_hold(font: DictionaryObject) -> bool:
    below, described = _below(font), _described(font)
    if "/FontFile2" not in described or "/CIDToGIDMap" not in below:
        return True  # another rule says so
    program = TTFont(io.BytesIO(described["/FontFile2"].get_object().get_data()))
    names, own, scale = program.getGlyphOrder(), program["hmtx"], 1000 / program["head"].unitsPerEm
    map = below["/CIDToGIDMap"].get_object()
    table = map.get_data() if isinstance(map, StreamObject) else None
    told = {code: float(width) for code, width in _widths(list(below["/W"])) if code}
    glyphs = {c: int.from_bytes(table[2 * c : 2 * c + 2], "big") if table else c for c in told}
    return all(abs(own[names[glyphs[c]]][0] * scale - width) <= 1 for c, width in told.items())


def _widths(told: list[Any]) -> Iterator[tuple[int, Any]]:
    """Codes with their widths, out of `c [w w w]` and `first last w`."""
    while told:
        first, second = int(told.pop(0)), told.pop(0).get_object()
        if isinstance(second, list):
            yield from ((first + n, width) for n, width in enumerate(second))
        else:
            width = told.pop(0)
            yield from ((code, width) for code in range(first, int(second) + 1))


def _below(font: DictionaryObject) -> DictionaryObject:
    return font.get("/DescendantFonts", [font])[0].get_object()


def _described(font: DictionaryObject) -> DictionaryObject:
    described = _below(font).get("/FontDescriptor")
    return described.get_object() if described is not None else DictionaryObject()


RULES: dict[str, Rule] = {
    "header": _is_versioned,
    "end": _ends,
    "file id": _is_named,
    "unencrypted": _is_open,
    "identification": _is_identified,
    "agreement": _agrees_with_itself,
    "output intent": _has_intent,
    "colours": _colours_are_of_the_intent,
    "stillness": _is_still,
    "nothing besides": _carries_nothing,
    "own bytes": _holds_its_bytes,
    "packing": _is_packed_as_allowed,
    "opacity": _is_opaque,
    "fonts embedded": _embeds_its_fonts,
    "unicode": _can_be_copied,
    "glyphs": _maps_its_glyphs,
    "no glyph missing": _shows_no_missing_glyph,
    "widths": _spaces_as_its_fonts_do,
}


def lacking(content: bytes) -> set[str]:
    """What PDF/A-2u asks and this document lacks."""
    document = Document(content)
    return {name for name, holds in RULES.items() if not holds(document)}
