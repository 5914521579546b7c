"""What is typed in an address is looked for as it is kept, and nowhere if it cannot be that."""

import re

import pytest

from chassis.spelling import as_kept

NUMBER = re.compile("[A-Z]{2,8}-[0-9]{5}-[0-9]{5}")
CODE = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@pytest.mark.parametrize(
    ("typed", "shape", "kept"),
    [
        ("KTB-12345-67894", NUMBER, "KTB-12345-67894"),
        ("ktb-12345-67894", NUMBER, "KTB-12345-67894"),
        ("dpupr", CODE, "dpupr"),
        ("1.03.0.00", CODE, "1.03.0.00"),
        ("KTB-12345-67894\n", NUMBER, ""),
        ("siti@contoh.example", CODE, ""),
        ("6302055187730004", NUMBER, ""),
        ("6302055187730004", CODE, ""),  # it has the shape, and is somebody's own number
        ("", CODE, ""),
    ],
)
def test_it_is_read_as_it_is_kept_or_as_nothing(typed: str, shape: re.Pattern, kept: str) -> None:
    assert as_kept(typed, shape) == kept
