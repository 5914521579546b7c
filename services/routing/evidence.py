"""What an agency names as evidence of what it did: files that it keeps itself, each by the SHA-256
of what is in it. So a file that is shown later is proven to be the one that was named then, and one
that was named with another case too is seen.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.errors import Invalid
from services.routing import models

EMPTY = hashlib.sha256().hexdigest()
MOST = 20  # other cases of which is told that a file was named with them too


@dataclass(frozen=True)
class Evidence:
    """One file; `sha256` in lower-case hexadecimal."""

    title: str
    sha256: str


def named(files: Iterable[Mapping[str, str]]) -> tuple[Evidence, ...]:
    """The files of a request, in its order. Raises Invalid if two of them are one, or one of them
    is empty."""
    told = tuple(Evidence(file["title"], file["sha256"].lower()) for file in files)
    for place, one in enumerate(told):
        field = f"evidence.{place}.sha256"
        if one.sha256 == EMPTY:
            raise Invalid("this is the SHA-256 of an empty file", field, "content")
        if any(one.sha256 == other.sha256 for other in told[:place]):
            raise Invalid("this file is named twice", field, "unique")
    return told


def rows(files: Iterable[Evidence]) -> list[models.Evidence]:
    """As a reply keeps them, in their order."""
    return [models.Evidence(place=place, **asdict(one)) for place, one in enumerate(files)]


def of(reply: models.Reply) -> tuple[Evidence, ...]:
    """What was named with a reply."""
    return tuple(Evidence(row.title, row.sha256) for row in reply.evidence)


def elsewhere(
    tx: Session, handled: str, hashes: Iterable[str], visible: Iterable[Any]
) -> dict[str, list[str]]:
    """By hash, the numbers of the cases, but for `handled` and its followers, with which the same
    file was named; of those only that are `visible`, by conditions on a case. The last named come
    first, and the rest of many is not told: by when they were received an agency would learn
    between which of its own cases an unnamed report came."""
    row, case = models.Evidence, models.Case
    named_at = sa.func.max(models.Reply.at)
    place = sa.func.row_number().over(
        partition_by=row.sha256, order_by=(named_at.desc(), case.number)
    )
    asked = (
        sa.select(row.sha256, case.number, place.label("place"))
        .join(models.Reply, models.Reply.id == row.reply_id)
        .join(case, case.number == models.Reply.number)
        .where(row.sha256.in_(set(hashes)), *visible)
        .where(sa.func.coalesce(case.merged_into, case.number) != handled)
        .group_by(row.sha256, case.number)
        .subquery()
    )
    told = sa.select(asked.c.sha256, asked.c.number).where(asked.c.place <= MOST)
    found: defaultdict[str, list[str]] = defaultdict(list)
    for sha256, number in tx.execute(told.order_by(asked.c.place)):
        found[sha256].append(number)
    return found
