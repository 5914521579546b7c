"""marshmallow at the two doors: strict for clients, tolerant for events."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import islice
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, fields, validate
from marshmallow.exceptions import ValidationError

from chassis.errors import FieldError, Invalid
from chassis.events import Event
from chassis.written import UNSEEN

MOST_ERRORS = 50  # that one answer names


@cache
def instance(schema: type[Schema]) -> Schema:
    """The one instance that loads and dumps: making one copies all of its fields."""
    return schema()


class Strict(Schema):
    """What a client sends: an unknown field is an error."""

    class Meta:
        unknown = RAISE


class Shown(Strict):
    """What a client is answered: each field is always there, be it null."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """So that none is forgotten."""
        field_obj.required = True


class Tolerant(Schema):
    """What travels in events: only the fields that this service uses; others may come and go."""

    class Meta:
        unknown = EXCLUDE

    @classmethod
    def of(cls, event: Event) -> dict[str, Any]:
        """What this service uses of an event. Raises marshmallow's ValidationError."""
        return dict(instance(cls).load(event.data))


# Unicode's categories Cc and Cs, and the same without line breaks and tabs.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_SEEN = re.compile(rf"[^\s{UNSEEN}](?s:.*[^\s{UNSEEN}])?")


class Text(fields.String):
    """Words of a person: at most `max` characters, and at least `min` from the first to the last
    that is seen; of control characters line breaks and tabs only (with `lines=False` not those)."""

    def __init__(self, max: int, min: int = 1, *, lines: bool = True, **more: Any) -> None:
        self._min, self._max, self._refused = min, max, _BUT_LINES if lines else _CONTROL
        control = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f" if lines else r"\x00-\x1f\x7f-\x9f"
        any_, seen = f"[^{control}]", rf"[^{control}\s{UNSEEN}]"
        inner = f"{seen}{any_}{{{min - 2},}}{seen}" if min > 1 else seen
        limits = {"minLength": min, "maxLength": max, "pattern": f"^{any_}*{inner}{any_}*$"}
        super().__init__(**more | {"metadata": limits | more.get("metadata", {})})

    def _deserialize(self, value: Any, *args: Any, **more: Any) -> str:
        text = unicodedata.normalize("NFC", super()._deserialize(value, *args, **more))
        if self._refused.search(text):
            raise ValidationError("Control characters are not allowed.")
        if len(text) > self._max or sum(map(len, _SEEN.findall(text))) < self._min:
            raise ValidationError(f"Length must be between {self._min} and {self._max}.")
        return text.strip()


class Whole(validate.Regexp):
    """What the whole of a value must match: with `match`, `$` would let a line break follow."""

    def __call__(self, value: Any) -> Any:
        if self.regex.fullmatch(value) is None:
            raise ValidationError(self._format_error(value))
        return value


class Count(fields.Integer):
    """A whole number, in a query too: written with the ten digits and nothing else."""

    def _deserialize(self, value: Any, *args: Any, **more: Any) -> int:
        if isinstance(value, str) and not re.fullmatch("-?[0-9]{1,16}", value, re.ASCII):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, *args, **more)


class Flag(fields.Boolean):
    """True or false, which no word and no number stands for."""

    def _deserialize(self, value: Any, *args: Any, **more: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


# marshmallow says what is wrong in words only; clients also get a stable name of the rule.
_RULES = (
    ("Missing data", "required"),
    ("Unknown field", "unknown"),
    ("Field may not be null", "not_null"),
    ("Must be one of", "one_of"),
    ("Must be ", "range"),
    (("Length must", "Longer than", "Shorter than"), "length"),
    ("Control characters", "characters"),
    (("Not a valid", "Invalid"), "type"),
)


def load(schema: type[Schema], document: Any) -> dict[str, Any]:
    """The loaded document. Raises Invalid naming the fields and the rules that they break."""
    try:
        return dict(instance(schema).load(document))
    except ValidationError as error:
        errors = list(islice(_flat(error.messages, ()), MOST_ERRORS))
        raise Invalid("the request breaks the rules of these fields", errors=errors) from None


def _flat(messages: Any, path: tuple[str, ...]) -> Any:
    if isinstance(messages, dict):
        for name, below in messages.items():
            yield from _flat(below, path if name == "_schema" else (*path, str(name)))
        return
    for message in messages:
        yield FieldError(field=".".join(path), rule=_rule(message), message=message)


def _rule(message: str) -> str:
    return next((rule for start, rule in _RULES if message.startswith(start)), "invalid")
