"""How posts of the government are reached: a desk, a head, the Sekda. Sealed as reporters are,
for a post's mailbox may be a person's.

A place is a post, or for one that each agency has, the post and the agency: `sekda`,
`head_of_agency/dlh`. The coordinator's desk is `holder`. Agencies are those of the regency's list,
from which routing has its own.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.errors import Invalid
from services.notify import contacts
from services.notify.contacts import Contact
from services.notify.keyring import Keyring, Wrapped
from services.notify.models import Post
from services.notify.reporters import Reach

POSTS = ("holder", "head_of_coordinator", "head_of_agency", "sekda", "inspectorate", "bupati")
OF_AGENCIES = ("holder", "head_of_agency")
AGENCIES = "agencies.csv"


def agencies(folder: Path) -> frozenset[str]:
    """The codes of all agencies, as they are spelled."""
    with (folder / AGENCIES).open(encoding="utf-8", newline="") as lines:
        return frozenset(row["code"] for row in csv.DictReader(lines))


def place(post: str, agency: str | None) -> str:
    """The place of a post."""
    return f"{post}/{agency}" if agency is not None and post in OF_AGENCIES else post


def agency_of(place: str) -> str | None:
    """The agency whose post stands there; None for a desk, and a post that no agency has."""
    return place.partition("/")[2] or None


def check(post: str, agency: str | None, known: Container[str]) -> None:
    """Raises Invalid for what is no post, or no agency, or does not go together."""
    if post not in POSTS:
        raise Invalid("there is no such post", "post", "one_of")
    _check_is_of_agencies(post, agency)
    if agency is None and post == "head_of_agency":
        raise Invalid("which agency's head is it?", "agency", "required")
    if agency is not None and agency not in known:
        raise Invalid("there is no such agency", "agency", "known")


def _check_is_of_agencies(post: str, agency: str | None) -> None:
    if agency is not None and post not in OF_AGENCIES:
        raise Invalid("this post belongs to no agency", "agency", "none")


def is_place(place: str, known: Container[str]) -> bool:
    """Whether it could be set today: it may be kept from before that was checked."""
    post, apart, agency = place.partition("/")
    try:
        check(post, agency if apart else None, known)
    except Invalid:
        return False
    return True


def keep(
    tx: Session, keyring: Keyring, post: str, agency: str | None, email: str, language: str
) -> None:
    """Seals and stores where a post that was checked is written to, in the place of what was known.
    Raises Invalid for an address that is none."""
    if not contacts.is_mailable(email):
        raise Invalid("this is not one plain address", "email", "type")
    there = place(post, agency)
    wrapped, sealed = keyring.seal(there, contacts.fields(Contact(email=email, language=language)))
    known = {"kek": wrapped.kek, "data_key": wrapped.key, "reach": sealed["reach"]}
    statement = insert(Post).values(place=there, **known)
    tx.execute(statement.on_conflict_do_update(index_elements=["place"], set_=known))


def forget(tx: Session, post: str, agency: str | None) -> bool:
    """Destroys what is known of a post, also of one that is none; whether anything was. Raises
    Invalid for an agency that the post does not belong to: the post itself was not meant."""
    _check_is_of_agencies(post, agency)
    gone = sa.delete(Post).where(Post.place == place(post, agency)).returning(Post.place)
    return tx.scalar(gone) is not None


def known(tx: Session) -> list[str]:
    """The places whose address is kept."""
    return list(tx.scalars(sa.select(Post.place).order_by(Post.place)))


def rows(tx: Session, places: Iterable[str]) -> dict[str, Post]:
    """Posts by place; of some there may be none."""
    found = tx.scalars(sa.select(Post).where(Post.place.in_(sorted(set(places)))))
    return {row.place: row for row in found}


def reach(row: Post | None, keyring: Keyring) -> Reach | None:
    """Where to write to, or None. Raises Unreadable."""
    if row is None:
        return None
    wrapped = Wrapped(row.kek, row.data_key)
    found: dict[str, Any] = json.loads(keyring.open(row.place, wrapped, "reach", row.reach))
    return Reach(found["email"], found["language"])


def rewrap(tx: Session, keyring: Keyring) -> int:
    """Moves every post to the current key-encryption key; how many moved. Raises Unreadable."""
    old = tx.scalars(sa.select(Post).where(Post.kek != keyring.current).with_for_update()).all()
    for row in old:
        moved = keyring.rewrap(row.place, Wrapped(row.kek, row.data_key))
        row.kek, row.data_key = moved.kek, moved.key
    return len(old)
