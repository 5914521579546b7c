"""Officers' passwords: how they are made, judged, hashed and compared.

argon2id with OWASP's parameters (19 MiB, 2 passes, 1 lane). At most two computations at once in a
process, and only so many waiting that the other requests never queue behind them.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from chassis.errors import Invalid, TooMany
from services.routing.schemas import SHORTEST

FIRST_LASTS = timedelta(days=14)  # it lay on paper; an administrator makes a new one
AT_ONCE, WAITING = 2, 2
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is taken for another on paper
_KNOWN = (
    "password", "katasandi", "kotabaru", "saijaan", "indonesia", "qwerty", "asdfgh", "123456",
    "234567", "abcdef", "rahasia", "bismillah", "sayang", "admin", "lapor", "merdeka", "pancasila",
)  # fmt: skip

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_turns = threading.BoundedSemaphore(AT_ONCE)
_queue = threading.BoundedSemaphore(AT_ONCE + WAITING)


def first() -> str:
    """A password for the first sign-in: 99 bits, five groups that can be read out."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(5))
    return "-".join(groups)


def hashed(password: str) -> str:
    """The PHC string to store."""
    return _hasher.hash(password)


_NOBODYS = hashed(secrets.token_urlsafe(24))


def matches(password: str, stored: str | None) -> bool:
    """Whether it is the stored one. Takes as long where nothing is stored. Raises TooMany
    when too many are being compared."""
    with turn():
        try:
            _hasher.verify(stored or _NOBODYS, password)
        except (Argon2Error, InvalidHashError):
            return False
    return stored is not None


@contextmanager
def turn() -> Iterator[None]:
    """One of the few computations that may run; raises TooMany when the queue is long."""
    if not _queue.acquire(blocking=False):
        raise TooMany("too many are signing in at this moment", retry_after=2)
    try:
        with _turns:
            yield
    finally:
        _queue.release()


def judge(password: str, username: str) -> None:
    """Raises Invalid for a password that a guesser tries early."""
    plain = password.casefold()
    rest = plain.replace(username, "")
    for word in _KNOWN:
        rest = rest.replace(word, "")
    if len(password) < SHORTEST:
        raise Invalid(f"at least {SHORTEST} characters", "new_password", "length")
    if len(set(rest)) < 6:
        raise Invalid("this password is easily guessed", "new_password", "guessable")
