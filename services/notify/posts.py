"""How posts of the government are reached: a desk, a head, the Sekda. Sealed as reporters are,
for a post's mailbox may be a person's.

A place is a post, or for one that each agency has, the post and the agency: `sekda`,
`head_of_agency/dlh`. The coordinator's desk is `holder`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
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


def place(post: str, agency: str | None) -> str:
    """The place of a post."""
    return f"{post}/{agency}" if agency and post in OF_AGENCIES else post


def keep(
    tx: Session, keyring: Keyring, post: str, agency: str | None, email: str, language: str
) -> None:
    """Seals and stores where a post is written to, in the place of what was known. Raises
    Invalid."""
    if post not in POSTS:
        raise Invalid("there is no such post", "post", "one_of")
    if agency and post not in OF_AGENCIES:
        raise Invalid("this post belongs to no agency", "agency", "none")
    if not contacts.is_mailable(email):
        raise Invalid("this is not one plain address", "email", "type")
    there = place(post, agency)
    wrapped, sealed = keyring.seal(there, contacts.fields(Contact(email=email, language=language)))
    known = {"kek": wrapped.kek, "data_key": wrapped.key, "reach": sealed["reach"]}
    statement = insert(Post).values(place=there, **known)
    tx.execute(statement.on_conflict_do_update(index_elements=["place"], set_=known))


def forget(tx: Session, post: str, agency: str | None) -> bool:
    """Destroys what is known of a post; whether anything was."""
    gone = sa.delete(Post).where(Post.place == place(post, agency)).returning(Post.place)
    return tx.scalar(gone) is not None


def known(tx: Session) -> list[str]:
    """The places that can be written to."""
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
