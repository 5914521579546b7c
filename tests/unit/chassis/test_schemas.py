"""What clients may send, and that the document says exactly that."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError, fields

from chassis.errors import Invalid
from chassis.schemas import MOST_ERRORS, Count, Flag, Strict, Text, Whole, load


class Sent(Strict):
    line = Text(20, lines=False)
    words = Text(20, 3)
    code = fields.String(validate=Whole(r"^[a-z]{2,4}$", error="Not a valid code."))
    agreed = Flag()
    count = Count()


def takes(**document: object) -> bool:
    return not Sent().validate(document)


@given(st.text(st.sampled_from("a \t\n\r\x00\x1b\x85é́\u200f\u3164\u2764\ufe0f"), max_size=24))
def test_a_text_is_taken_exactly_if_its_document_says_so(text: str) -> None:
    """Combining marks aside: the document counts them before they are composed."""
    for name in ("line", "words"):
        told = Sent().fields[name].metadata
        fits = len(text) <= told["maxLength"] and bool(re.fullmatch(told["pattern"][1:-1], text))
        if "\u0301" not in text:
            assert takes(**{name: text}) == fits


def test_what_stands_around_words_is_left_out() -> None:
    assert Sent().load({"words": " \n jalan \t"}) == {"words": "jalan"}


@pytest.mark.parametrize("blank", ["\u200b", "\u3164\u2800", "\ufe0f \ufeff", "\u200b" * 20])
def test_what_nobody_can_see_is_no_text(blank: str) -> None:
    assert not takes(line=blank)
    assert not takes(words=f"a{blank}")
    assert takes(line=f"\u2764\ufe0f{blank}"[:20])


@pytest.mark.parametrize("code", ["ab\n", "\nab", "ab\x00", "a b", ""])
def test_a_code_ends_where_its_pattern_ends(code: str) -> None:
    assert not takes(code=code)


@pytest.mark.parametrize("value", [0, 1, 1.0, "true", "yes", "0", None, []])
def test_only_true_and_false_are_answers_to_yes_or_no(value: object) -> None:
    assert not takes(agreed=value)
    assert takes(agreed=True)
    assert takes(agreed=False)


def test_the_error_of_a_pattern_says_its_own_words() -> None:
    with pytest.raises(ValidationError, match="Not a valid code"):
        Sent().load({"code": "ABC\n"})


@pytest.mark.parametrize("value", ["1_0", " 1", "1 ", "+1", "\u0661", "1.0", "", "9" * 5_000])
def test_a_whole_number_in_a_query_is_written_in_one_way(value: str) -> None:
    assert not takes(count=value)
    assert Sent().load({"count": "-10"}) == {"count": -10}


def test_a_refusal_names_so_many_errors_and_no_more() -> None:
    with pytest.raises(Invalid) as refusal:
        load(Sent, dict.fromkeys(map(str, range(5_000))))

    assert len(refusal.value.errors) == MOST_ERRORS
