"""What can be refused, in one vocabulary for HTTP and for the bus.

Pure: a `domain.py` may raise these. None of the texts may carry what a person sent.
"""

from __future__ import annotations

from typing import TypedDict


class FieldError(TypedDict):
    """One thing wrong with the input: where (`place.district`), by which rule, in words."""

    field: str
    rule: str
    message: str


Errors = list[FieldError] | None


class Refusal(Exception):
    """A request that was understood and is not done. `message` is shown to the sender, as what is
    wrong with the `field` by that `rule`, too, unless several `errors` say it more closely."""

    status = 500
    code = "refused"

    def __init__(
        self, message: str, field: str = "", rule: str = "", *, errors: Errors = None
    ) -> None:
        super().__init__(message)
        told: Errors = [{"field": field, "rule": rule or "invalid", "message": message}]
        self.message, self.errors = message, errors or (told if field else [])


class Unauthorized(Refusal):
    """Nobody is signed in, or the key is wrong."""

    status = 401
    code = "unauthorized"


class Forbidden(Refusal):
    """Signed in, but this role may not."""

    status = 403
    code = "forbidden"


class NotFound(Refusal):
    """No such thing, or not one that this sender may know of: both look the same."""

    status = 404
    code = "not_found"


class NotAllowed(Refusal):
    """The thing is there, but its state does not allow this; `errors` names the rule."""

    status = 409
    code = "not_allowed"


class InHand(NotAllowed):
    """The same request is at work already; its answer is there in a moment."""

    retry_after = 1


class TooLarge(Refusal):
    """The body is longer than the service reads."""

    status = 413
    code = "too_large"


class Malformed(Refusal):
    """The body is not the JSON that it claims to be."""

    status = 400
    code = "malformed"


class Invalid(Refusal):
    """The request breaks a rule; `errors` names each field and its rule."""

    status = 422
    code = "invalid"


class TooMany(Refusal):
    """Too often; the header Retry-After says in how many seconds it may be tried again."""

    status = 429
    code = "too_many"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(Refusal):
    """Something that is needed for this is away; try again after the seconds in Retry-After. Where
    the gateway has waited in vain for the answer (75 s), it may be done all the same: sent again
    with the same Idempotency-Key it does not happen twice."""

    status = 503
    code = "unavailable"
    retry_after = 2


class Poison(Exception):
    """This event can never be handled as it is: parked at once, never retried by itself."""


class TooEarly(Exception):
    """This event needs something that has not arrived yet: filed, and tried again later."""
