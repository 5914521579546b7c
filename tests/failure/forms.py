"""What is wrong with a form for the Ombudsman: each of its fields once in every way, with a value
that is looked for everywhere afterwards."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NamedTuple

import httpx

from tests.failure.canaries import Canary
from tests.failure.lives import Citizen
from tests.failure.people import FORM, word

TEXTS = {  # each with the most characters that it takes, and whether it may have several lines
    "full_name": (120, False), "birth_place": (120, False), "occupation": (120, False),
    "address": (300, True), "remedy": (1000, True),
    "prior_complaint.to": (120, False), "prior_complaint.outcome": (1000, True),
    "proxy.full_name": (120, False), "proxy.authority": (300, True),
}  # fmt: skip
NO_DAY, SHORT, LONG = "1847-02-30", "630219877402651", "63021955310874629"
AHEAD = {"birth_date": ("2947-03-18", "past"), "prior_complaint.on": ("2958-07-26", "not_future")}
OTHERS = ("marital_status", *AHEAD, "id_number", "unknown", "form", "prior", "proxy")


class Wrong(NamedTuple):
    """A form that breaks one rule; what it says there must not be said again."""

    field: str
    rule: str
    form: Any
    value: str


def secret(field: str) -> str:
    """What is said in place of this field."""
    return word("wrong" + field.replace(".", "").replace("_", ""))


def canaries() -> Iterator[Canary]:
    """Nothing of a form that was refused may be anywhere."""
    for value in (*map(secret, (*TEXTS, *OTHERS)), NO_DAY, SHORT, LONG, *dict(AHEAD.values())):
        yield Canary(f"refused form's {value}", value)


def all_wrong() -> Iterator[Wrong]:
    """Each form that is refused, and by which rule."""
    for field, (most, lines) in TEXTS.items():
        said = secret(field)
        yield _wrong(field, "length", said, said * most)
        yield _wrong(field, "type", said, [said])
        for odd in ("\x1b", "\x9f", *("" if lines else "\n")):
            yield _wrong(field, "characters", said, f"{said}{odd}x")
    for field, (ahead, rule) in AHEAD.items():
        yield _wrong(field, rule, ahead, ahead)
        for value in (NO_DAY, secret(field)):
            yield _wrong(field, "type", value, value)
    yield _wrong("marital_status", "one_of", secret("marital_status"), secret("marital_status"))
    for value in (SHORT, LONG, secret("id_number")):
        yield _wrong("id_number", "type", value, value)
    yield _wrong("id_number", "type", SHORT, f"{SHORT}0\n")
    for field in ("prior_complaint", "proxy"):
        said = secret(field.partition("_")[0])
        yield _wrong(field, "type", said, said)
        yield _wrong(f"{field}.?", "unknown", secret("unknown"), 1, f"{secret('unknown')} x")
    yield _wrong("?", "unknown", secret("unknown"), 1, f"{secret('unknown')} x")
    for form in (secret("form"), [secret("form")]):
        yield Wrong("dossier", "type", form, secret("form"))


def refused(citizen: Citizen) -> Iterator[tuple[Wrong, httpx.Response]]:
    """Sends each, as consent to a hand-over, and what is answered."""
    for wrong in all_wrong():
        yield wrong, consented(citizen, wrong.form)


def consented(citizen: Citizen, form: Any) -> httpx.Response:
    """The answer to a consent with this form."""
    path = f"/reports/{citizen.number}/escalation-consent"
    own = {"Tracking-Code": citizen.code}
    return citizen.client.post(path, json={"dossier": form}, headers=own)


def _wrong(field: str, rule: str, secret: str, value: Any, name: str = "") -> Wrong:
    """The form with one value changed; `name` for a field that nobody knows."""
    form = deepcopy(FORM)
    *within, last = field.split(".")
    place = form
    for part in within:
        place = place[part]
    place[name or last] = value
    return Wrong(f"dossier.{field}", rule, form, secret)
