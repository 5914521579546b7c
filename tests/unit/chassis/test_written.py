"""A number is read by its digits: how they were parted on paper, or by a program, tells nothing."""

import pytest

from chassis.written import joined, numbered

KEPT = "KTB-12345-67894"
PARTED = {
    "as it is kept": "KTB-12345-67894",
    "small": "ktb-12345-67894",
    "blanks": "KTB 12345 67894",
    "nothing": "KTB1234567894",
    "as it is read out": " ktb 1 2 3 4 5 6 7 8 9 4 ",
    "hyphen that breaks no line": "KTB\u201112345\u201167894",
    "en dash": "KTB\u201312345\u201367894",
    "em dash": "KTB \u2014 12345 \u2014 67894",
    "minus": "KTB\u221212345\u221267894",
    "blank that breaks no line": "KTB\xa012345\xa067894",
    "narrow blank": "KTB\u202f12345\u202f67894",
    "pasted": "\tKTB-12345-\r\n67894\n",
    "unseen": "\ufeffKTB-\u200b12345\xad-67894",
}


@pytest.mark.parametrize("typed", PARTED.values(), ids=PARTED)
def test_a_number_is_read_however_it_is_parted(typed: str) -> None:
    assert numbered(typed) == KEPT


@pytest.mark.parametrize("typed", PARTED.values(), ids=PARTED)
def test_who_leaves_the_prefix_out_means_our_own(typed: str) -> None:
    assert numbered(typed.replace("KTB", "").replace("ktb", ""), "KTB") == KEPT


OTHER = """
KTB 1234567894 KTB-12345-6789 KTB-12345-678944 X-12345-67894 KTB.12345.67894 KTB_12345_67894
KTBKTBKTB-12345-67894 ktb-1234५-67894 siti@contoh.example
"""


@pytest.mark.parametrize("typed", ["", *OTHER.split()])
def test_what_is_no_number_is_nothing(typed: str) -> None:
    assert numbered(typed) == ""


@pytest.mark.parametrize("typed", ["X-12345-67894", "5-12345-67894", "५234567894", "", "KTB"])
def test_a_prefix_goes_before_ten_digits_and_nothing_else(typed: str) -> None:
    assert numbered(typed, "KTB") == ""


def test_a_secret_is_joined_to_what_was_made() -> None:
    assert joined("\t7q2zk\u2011ab\xa0c-d\n") == "7Q2ZKABCD"
