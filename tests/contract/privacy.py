"""What may stand in an event: nothing named like what points at a person; words in four streams.

`findings` is the rule; `ALLOWED` holds its exceptions, each with its reason. A new exception is a
decision about people's privacy, so it is made here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from itertools import pairwise

import jsonschema_rs

from tests.contract.walk import Schema, properties

# Words that a property's name may not contain, whole words between underscores.
_WORDS = """
name fullname firstname lastname surname nickname alias username login nik kk ktp npwp passport
sim id_card identity identities email mail mailbox phone telephone mobile msisdn whatsapp
telegram address street village rt rw postcode latitude longitude lat lon gps location
coordinates place ip ipv4 ipv6 host hostname useragent agent browser device imei fingerprint
cookie session token tracking secret password pin contact contacts reporter citizen person
people complainant sender recipient officer staff user author birth born birthday age gender sex
religion ethnicity marital occupation employer photo picture image signature voice face
attachment filename sealed agency owner relative family
user_agent tracking_code access_code created_by updated_by
"""
DENIED = frozenset(_WORDS.split())

AGENCY = "the code of an office, not of a person; the contract's pattern lets no words in"
ALLOWED = {
    ("report.submitted.v1", "place"): "where it happened, in a stream that only routing may hear",
    ("report.submitted.v1", "agency"): AGENCY,
    ("report.contact_sealed.v1", "sealed"): "ciphertext that only notify can open",
    ("report.contact_replaced.v1", "sealed"): "ciphertext that only notify can open",
    ("report.escalation_consented.v1", "sealed"): "ciphertext that only the Ombudsman can open",
    ("report.words_sealed.v1", "sealed"): "ciphertext that only the Ombudsman can open",
    ("case.disposed.v1", "agency"): AGENCY,
    ("case.reassigned.v1", "agency"): AGENCY,
    ("case.merged.v1", "agency"): AGENCY,
    ("case.returned.v1", "agency"): AGENCY,
    ("case.returned.v1", "proposed_agency"): AGENCY,
    ("case.followed_up.v1", "agency"): AGENCY,
    ("case.answered.v1", "agency"): AGENCY,
    ("escalation.raised.v1", "agency"): AGENCY,
    ("deadline.approaching.v1", "agency"): AGENCY,
}

# Words that people write travel here and nowhere else.
WORDY = frozenset(
    {"/intake/reports", "/routing/replies", "/escalation/words", "/escalation/remarks"}
)
SHORT = 200  # characters; what a title or a place may have
FORMATS = frozenset({"date", "date-time"})

_SENTENCE = "Budi tinggal di Jl. Melati 3, hubungi 0812-3456-7890 atau budi@example.org"


def findings(type: str, schema: Schema) -> Iterator[str]:
    """What is wrong with one contract; nothing when it may travel."""
    for path, child in properties(schema):
        name = path.replace("/*", "").rsplit("/", 1)[-1]
        if is_denied(name) and (type, name) not in ALLOWED:
            yield f"{path} is named like something that points at a person"
        if child.get("format", "date") not in FORMATS:
            yield f"{path} has the format of something that points at a person"
        if _takes_words(child) and schema["x-source"] not in WORDY:
            yield f"{path} takes anybody's words in a stream that carries none"


def is_denied(name: str) -> bool:
    """Whether a name, in any of its words, points at a person."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_")
    pairs = {"_".join(pair) for pair in pairwise(words)}
    return not DENIED.isdisjoint({*words, *pairs, *(word.removesuffix("s") for word in words)})


def _takes_words(schema: Schema) -> bool:
    """Whether a sentence about a person would keep this contract, whatever its length."""
    if "string" not in schema["type"]:
        return False
    relaxed = deepcopy(schema)
    relaxed.pop("maxLength", None)
    return jsonschema_rs.Draft202012Validator(relaxed).is_valid(_SENTENCE)


def longest_words(schema: Schema) -> int:
    """How many characters of free text one event of this contract can carry in one field."""
    return max((c["maxLength"] for _, c in properties(schema) if _takes_words(c)), default=0)
