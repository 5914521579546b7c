"""A reporter's contact is replaced: what was not handed to a mail server goes to the new address.

What the old one may have, or is just being sent, is tried again there and nowhere else: no news
goes to both. Nor is any lost: what fails at the old address while it is the latest that is to be
known of the case is told anew at the new one (`ledger`), and with none, counts as of a reporter who
never left any. The old address is told once, and its key destroyed as soon as that is settled.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.clock import Clock
from chassis.together import write_now
from services.notify import contacts, ledger, reporters
from services.notify.contacts import Contact
from services.notify.domain import TO_FORMER, TURNS, About
from services.notify.keyring import Keyring, Unreadable, Wrapped
from services.notify.models import FormerReach, Message, Reporter

Sealed = tuple[Wrapped, bytes]


def replace(
    tx: Session, number: str, contact: Contact, keyring: Keyring, clock: Clock
) -> tuple[Sealed | None, bool]:
    """Stores the contact in place of the one before, and has what waits go there. Returns where
    news went until now, if that is told that it does not any more, and whether the new address is
    told that it does: neither, if it is the same."""
    row = reporters.met(tx, number)
    before = reporters.sealed_of(row)
    stays = before is not None and _is_same(number, before, contact, keyring)
    reporters.put(keyring, row, contact)
    if stays or not (before or row.mailable):
        return None, False
    row.since = clock.real()
    write_now(tx)  # what came together with it
    if before:
        _redirect(tx, number, before, clock)
    _tell_what_failed(tx, row, clock)
    return before, row.mailable


def follow_former(tx: Session, message: Message, sealed: Sealed) -> None:
    """Has a message go to a reporter's former address, whatever theirs is now."""
    wrapped, reach = sealed
    message.former = True
    row = {"message_id": message.id, "number": message.number, "kek": wrapped.kek}
    tx.add(FormerReach(**row, data_key=wrapped.key, reach=reach))


def release(tx: Session, message: Message, clock: Clock) -> bool:
    """Has a message that is to be tried again go to the present address, if no server can have it
    from a try before; whether it was ended instead, for it told that news came to the other."""
    if message.about in TO_FORMER or ledger.may_have_gone(tx, message):
        return False
    if message.about == About.NEWS_COMES_HERE:
        ledger.overtake(tx, message, clock)
        return True
    ledger.forget_former(tx, message)
    message.former = False
    return False


def _is_same(number: str, before: Sealed, contact: Contact, keyring: Keyring) -> bool:
    """Whether mail goes where it went. An address that cannot be read is another."""
    if not contacts.is_mailable(contact.email):
        return False
    try:
        email = reporters.reach(number, before, keyring).email
    except Unreadable:
        return False
    return email.lower() == str(contact.email).lower()


def _redirect(tx: Session, number: str, before: Sealed, clock: Clock) -> None:
    """What was put off, or tried, is as if written now: it counts in the new mailbox's room, and
    has all its tries there."""
    mine = Message.number == number, Message.place.is_(None), Message.former.is_(False)
    waiting = sa.select(Message).where(*mine, Message.state.in_(("due", "sending")))
    locked = waiting.order_by(Message.written_at, Message.id).with_for_update()
    for message in tx.scalars(locked, execution_options={"populate_existing": True}).all():
        if message.state == "sending" or ledger.may_have_gone(tx, message):
            follow_former(tx, message, before)
        elif message.about == About.NEWS_COMES_HERE:
            ledger.overtake(tx, message, clock)
        elif message.attempts and not message.taken_back:
            ledger.overtake(tx, message, clock)
            ledger.tell_anew(tx, message, clock, mailable=True)
        elif message.put_off:
            message.put_off, message.next_at = False, clock.real()
            message.not_before = message.next_at


def _tell_what_failed(tx: Session, row: Reporter, clock: Clock) -> None:
    """Only the latest: of the others the timeline tells."""
    mine = Message.number == row.number, Message.place.is_(None), Message.state == "failed"
    unheard = sa.select(Message).where(
        *mine, Message.reason.in_(ledger.UNHEARD), Message.about.in_(sorted(TURNS))
    )
    for message in tx.scalars(unheard.order_by(Message.written_at)).all():
        if ledger.is_latest(tx, message):
            ledger.tell_anew(tx, message, clock, mailable=row.mailable)
