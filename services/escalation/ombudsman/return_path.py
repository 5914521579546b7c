"""The feed's return path: what the Ombudsman answers to a case that was handed over.

Each answer bears the bearer key and a signature (`webhooks`) by one of the Ombudsman's keys. An
answer takes effect once, however often it is sent; what is refused leaves nothing behind.
"""

from __future__ import annotations

import hashlib
from datetime import UTC
from typing import Any
from uuid import uuid4

import falcon
import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import web
from chassis.clock import Clock
from chassis.database import Transactions
from chassis.errors import Invalid, NotFound
from chassis.outbox import emit
from services.escalation import events, schemas
from services.escalation.config import Settings
from services.escalation.models import CaseState, FeedEpoch, HandoverAnswer
from services.escalation.ombudsman import answers, feed, webhooks
from services.escalation.ombudsman.answers import Answer, Said, Standing
from services.escalation.ombudsman.doors import Ombudsman
from services.escalation.ombudsman.webhooks import Message
from services.escalation.rules import regime
from services.escalation.watch import clocks

SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "The Ombudsman's key, and a signature over the body by one of its keys: Standard"
    " Webhooks, the headers webhook-id, webhook-timestamp (within 300 s) and webhook-signature"
    " (v1a, Ed25519).",
}
# One who sends twice at once waits for the first, whichever case either names.
_ALONE = sa.text("SELECT pg_advisory_xact_lock(hashtext('escalation.answer.' || :id))")


class Answers(Ombudsman):
    """`/v1/ombudsman/handovers/{number}/answers`"""

    def __init__(self, settings: Settings, db: Transactions, clock: Clock) -> None:
        super().__init__(settings, db)
        self._clock, self._zone = clock, settings.zone
        self._keys = settings.ombudsman_signing()

    @web.operation(
        "The Ombudsman answers to a case that was handed over",
        body=schemas.HandoverAnswer,
        answers={200: schemas.AnswerTaken},
        errors=(401, 409),
        security="ombudsmanSigned",
    )
    def on_post(self, req: falcon.Request, number: str, body: dict[str, Any]) -> dict[str, Any]:
        """The same message again gets the same answer. A signature is good for 300 seconds. Refused
        (401) by its rule where a header of the signature is not well formed (`format`), was made
        too long ago (`too_old`) or in the future (`too_new`), or does not fit (`signature`).
        Refused (422): the number of another case than the address (`same`), this id with another
        body (`same_body`), a reason by code with any answer but *declined* (`declined`), what is
        needed with this answer and missing (`required`), a moment in the future (`not_future`),
        before the hand-over (`after_hand_over`) or before the last answer (`after_last_answer`).
        Refused (409) where it cannot follow that (`order`)."""
        self.admit(req)
        raw = req.context.raw
        # A signature's age is told by the machine's own clock, as the sender's is.
        message = webhooks.verify(req.headers, raw, self._keys, self._clock.real())
        body_hash = hashlib.sha256(raw).digest()
        with self.db.begin() as tx:
            tx.execute(_ALONE, {"id": message.id})
            case = clocks.locked(tx, number)
            if case is None or case.handed_over_at is None:
                raise NotFound("no such case was handed over")
            if body["number"] != number:  # the address is not signed, the body is
                raise Invalid("the body is about another case than the address", "number", "same")
            said = Said(**{name: value for name, value in body.items() if name != "number"})
            taken = _known(tx, message, body_hash) or self._take(tx, case, said, message, body_hash)
            return {name: getattr(taken, name) for name in ("number", "answer", "at")}

    def _take(
        self, tx: Session, case: CaseState, said: Said, message: Message, body_hash: bytes
    ) -> HandoverAnswer:
        now = self._clock.now()
        answers.check(said, _standing(tx, case), now)
        row = HandoverAnswer(
            answer_id=uuid4(),
            message_id=message.id,
            number=case.number,
            answer=said.answer,
            reason=said.reason,
            reference=said.reference,
            body_hash=body_hash,
            decided_at=said.at.astimezone(UTC),
            at=now,
        )
        tx.add(row)
        if what := answers.MEANS.get(said.answer):
            clocks.apply(tx, case, what, now, now, regime.current(tx, self._zone))
        emit(tx, events.answered(row, spoken=said.words is not None))
        if said.words is not None:
            asks = said.answer in answers.ASKS
            write = events.words_written if asks else events.remark_written
            emit(tx, write(row, said.words))
        feed.write(tx, "handovers", feed.ANSWERED, case.number, _about(row), now)
        return row


def _known(tx: Session, message: Message, body_hash: bytes) -> HandoverAnswer | None:
    """What was answered by this message before. Raises Invalid for another body."""
    found = sa.select(HandoverAnswer).where(HandoverAnswer.message_id == message.id)
    row = tx.scalars(found).one_or_none()
    if row is not None and row.body_hash != body_hash:
        raise Invalid("this id was used with another body", webhooks.ID, "same_body")
    return row


def _standing(tx: Session, case: CaseState) -> Standing:
    found = sa.select(HandoverAnswer).where(HandoverAnswer.number == case.number)
    last = tx.scalars(found.order_by(HandoverAnswer.id.desc()).limit(1)).first()
    # Restored, it is handed over anew: what was decided by the hand-over that is gone is taken too.
    lost = sa.select(FeedEpoch.epoch).where(
        FeedEpoch.stream == "handovers", FeedEpoch.opened_at <= case.handed_over_at
    )
    is_first = tx.scalars(lost.limit(1)).first() is None
    since = case.handed_over_at if is_first else case.received_at
    if last is None:
        return Standing(since)
    return Standing(since, Answer(last.answer), last.decided_at)


def _about(row: HandoverAnswer) -> dict[str, Any]:
    """What the chain keeps of an answer: codes, and which message it was, so that both sides can
    show later what was answered."""
    return {
        "answer": row.answer,
        "reason": row.reason,
        "reference": row.reference,
        "decided_at": events.rfc3339(row.decided_at),
        "message_id": row.message_id,
        "body_sha256": row.body_hash.hex(),
    }
