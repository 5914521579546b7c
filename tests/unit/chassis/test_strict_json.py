"""JSON that a database would choke on never gets further than the door."""

import json
import unicodedata
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Malformed
from chassis.strict_json import DEPTH, INTEGER, loads

SOUND = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INTEGER, INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text("abc", max_size=3), below),
    max_leaves=10,
)

MANY = "\u0316\u0300" * 20  # combining marks in a row, of two classes
REFUSED = {
    "number": [b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b"9007199254740993"],
    "surrogate": [b'"\\ud800"', b'{"\\udfff": 1}'],
    "marks": [f'"a{MANY}"'.encode(), f'{{"{MANY}": 1}}'.encode()],
    "nul": [b'"\\u0000"', b'{"a": "x\\u0000"}'],
    "duplicate": [b'{"a": 1, "a": 2}', b'{"\\u00e9": 1, "e\\u0301": 2}'],
    "depth": [b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1), b"[" * 100_000],
    "utf8": [b'"\xff"', '"é"'.encode("latin-1")],
    "json": [b"", b"{", b"\xef\xbb\xbf{}", b"{'a': 1}", b"[1,]", b"\x00"],
}


@pytest.mark.parametrize(("rule", "raw"), [(r, b) for r, bodies in REFUSED.items() for b in bodies])
def test_unsound_json_is_refused_by_rule(rule, raw):
    with pytest.raises(Malformed) as refusal:
        loads(raw)

    assert refusal.value.errors[0]["rule"] == rule


@given(SOUND)
def test_sound_json_is_read_as_it_was_meant(document):
    def composed(value):
        if isinstance(value, str):
            return unicodedata.normalize("NFC", value)
        if isinstance(value, list):
            return [composed(v) for v in value]
        if isinstance(value, dict):
            return {composed(k): composed(v) for k, v in value.items()}
        return value

    assert loads(json.dumps(document).encode()) == composed(document)


@pytest.mark.parametrize("text", ["e\u0301" * 500, "a" + "\u0301" * 30, "क्षि" * 500])
def test_marks_are_taken_as_people_write_them(text):
    assert loads(json.dumps(text).encode()) == unicodedata.normalize("NFC", text)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw):
    with suppress(Malformed):  # any other exception fails the test
        loads(raw)


@pytest.mark.parametrize(
    ("raw", "number"), [(b"4.0", 4), (b"4e0", 4), (b"-0.0", 0), (b"4.5", 4.5), (b"1e300", 1e300)]
)
def test_a_whole_number_is_one_however_it_is_written(raw, number):
    assert loads(raw) == number
    assert isinstance(loads(raw), type(number))
