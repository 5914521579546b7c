"""JSON as RFC 8259 and I-JSON mean it: what a database would choke on is refused at the door.

Refused with `Malformed`: bytes that are not UTF-8, a byte-order mark, NaN and infinities, numbers
outside +-2^53 or with an overflowing exponent, lone surrogates, NUL, a name twice in one object,
more than 32 levels, more than 30 combining marks in a row (UAX #15, Stream-Safe Text: to put them
in order takes quadratic time). Text is brought to Unicode NFC. The error never quotes the input.
"""

from __future__ import annotations

import json
import math
import unicodedata
from itertools import groupby
from typing import Any, Never

from chassis.errors import Malformed

DEPTH = 32
INTEGER = 2**53
MARKS = 30
DIGITS = 32  # of a number with a point, more than any double needs


def loads(raw: bytes) -> Any:
    """Decodes `raw`, or raises `Malformed` saying which rule was broken and where."""
    try:
        document = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except UnicodeDecodeError as error:
        raise _broken("utf8", f"the body is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise _broken("json", f"not JSON at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _broken("depth", f"nested deeper than {DEPTH} levels") from None
    return _clean(document, "", 1)


def _clean(value: Any, where: str, depth: int) -> Any:
    if depth > DEPTH:
        raise _broken("depth", f"nested deeper than {DEPTH} levels")
    if isinstance(value, str):
        return _text(value, where)
    if isinstance(value, list):
        return [_clean(item, f"{where}.{i}".strip("."), depth + 1) for i, item in enumerate(value)]
    if isinstance(value, dict):
        cleaned = [
            (_text(name, where), _clean(item, f"{where}.{name}".strip("."), depth + 1))
            for name, item in value.items()
        ]
        return _object(cleaned)
    return value


def _text(value: str, where: str) -> str:
    if "\0" in value:
        raise _broken("nul", "text holds a NUL character", where)
    if not value.isascii():
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise _broken("surrogate", "text holds half of a surrogate pair", where)
        _refuse_stacks(value, where)
        value = unicodedata.normalize("NFC", value)
        _refuse_stacks(value, where)  # it may be one mark longer; what is said of it is read again
    return value


def _refuse_stacks(value: str, where: str) -> None:
    if any(sum(1 for _ in run) > MARKS for mark, run in groupby(value, _is_mark) if mark):
        raise _broken("marks", f"text holds more than {MARKS} combining marks in a row", where)


def _is_mark(character: str) -> bool:
    return unicodedata.combining(character) > 0


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _broken("duplicate", "an object has the same name twice")
    return found


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > INTEGER:
        raise _broken("number", "a whole number is beyond 2^53")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number) or len(digits) > DIGITS:
        raise _broken("number", "a number is too large or too long")
    return int(number) if number.is_integer() and abs(number) <= INTEGER else number


def _constant(name: str) -> Never:
    raise _broken("number", "NaN and infinities are not JSON")


def _broken(rule: str, message: str, field: str = "") -> Malformed:
    return Malformed(message, errors=[{"field": field, "rule": rule, "message": message}])
