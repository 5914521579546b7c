"""A good PDF/A, made bad in one way: what the examination of it must find."""

from __future__ import annotations

import io
from collections.abc import Callable

import pypdf
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    StreamObject,
    TextStringObject,
)

Writer = pypdf.PdfWriter


def _fonts(made: Writer) -> list[DictionaryObject]:
    return [font.get_object() for font in made.pages[0]["/Resources"]["/Font"].values()]


def _below(made: Writer) -> DictionaryObject:
    below: DictionaryObject = _fonts(made)[0]["/DescendantFonts"][0].get_object()
    return below


def _metadata(made: Writer, old: bytes, new: bytes) -> None:
    stream = made.root_object["/Metadata"].get_object()
    told = stream.get_data()
    assert old in told
    stream.set_data(told.replace(old, new))


def _state(made: Writer, name: str, value: object) -> None:
    states = made.pages[0]["/Resources"].setdefault(NameObject("/ExtGState"), DictionaryObject())
    states.get_object()[NameObject("/X")] = DictionaryObject({NameObject(name): value})


def _first_width(made: Writer) -> None:
    widths = _below(made)["/W"].get_object()
    told = next(one for one in widths if isinstance(one.get_object(), list)).get_object()
    told[1] = NumberObject(int(told[1]) + 400)  # the first is of the glyph that nobody sees


def _intent(made: Writer) -> None:
    made.root_object["/OutputIntents"][0].get_object()["/DestOutputProfile"].get_object()[
        NameObject("/N")
    ] = NumberObject(4)


def _contents(made: Writer, added: bytes) -> None:
    page = made.pages[0]
    stream = StreamObject()
    stream.set_data(page.get_contents().get_data() + added)
    page[NameObject("/Contents")] = made._add_object(stream)


def _outside(made: Writer) -> None:
    _below(made)["/FontDescriptor"]["/FontFile2"].get_object()[NameObject("/F")] = TextStringObject(
        "font.ttf"
    )


SPOILT: dict[str, Callable[[Writer], object]] = {
    "identification": lambda made: _metadata(made, b'part="2"', b'part="1"'),
    "agreement": lambda made: made.add_metadata({"/Title": "Surat"}),
    "output intent": _intent,
    "colours": lambda made: _contents(made, b"\n0 0 0 1 k\n"),
    "stillness": lambda made: made.pages[0].__setitem__(
        NameObject("/AA"), DictionaryObject({NameObject("/O"): DictionaryObject()})
    ),
    "nothing besides": lambda made: made.root_object.__setitem__(NameObject("/AF"), ArrayObject()),
    "own bytes": _outside,
    "opacity": lambda made: _state(made, "/ca", NumberObject(0)),
    "fonts embedded": lambda made: _below(made)["/FontDescriptor"].pop("/FontFile2"),
    "unicode": lambda made: _fonts(made)[0].pop("/ToUnicode"),
    "no glyph missing": lambda made: _contents(made, b"\nBT /F1 9 Tf <0000> Tj ET\n"),
    "glyphs": lambda made: _below(made).pop("/CIDToGIDMap"),
    "widths": _first_width,
}


def spoilt(content: bytes, rule: str) -> bytes:
    """The same document without what a rule asks."""
    made = Writer(clone_from=pypdf.PdfReader(io.BytesIO(content)))
    SPOILT[rule](made)
    out = io.BytesIO()
    made.write(out)
    return out.getvalue()
