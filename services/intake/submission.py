"""Accepting a report: one statement, so that a receipt is worth what it says.

The report, its events, and the answer that a repeated request will get are written together or
not at all. It is also the hottest path of the system: one round trip to the database, planned once.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy.exc import IntegrityError

from chassis import outbox
from chassis.database import Prepared, Transactions
from chassis.events import Fact
from chassis.failpoints import failpoint
from chassis.idempotency import Dumped, IdempotencyKey, in_hand
from services.intake import domain, events
from services.intake.receipts import Signer, Unsigned
from services.intake.sealing import Sealer

_ACCEPT = """
WITH gate AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(:lock) AS open),
prior AS (SELECT fingerprint, answer FROM idempotency WHERE key = :key),
go AS (SELECT 1 FROM gate WHERE open AND NOT EXISTS (SELECT FROM prior)),
accepted AS (
    INSERT INTO report (number, code_hash, kind, title, text, event_date, district, place, agency,
        category, confidentiality, hidden_from_public, contact_given, channel, received_at,
        status_since)
    SELECT :number, CAST(:code_hash AS bytea), :kind, :title, :text, CAST(:event_date AS date),
        :district, :place, :agency, :category, :confidentiality,
        CAST(:hidden_from_public AS boolean), CAST(:contact_given AS boolean), 'web',
        CAST(:now AS timestamptz), :now FROM go),
kept AS (INSERT INTO idempotency (key, fingerprint, answer)
    SELECT :key, CAST(:fingerprint AS bytea), CAST(:answer AS bytea) FROM go),
{events}
SELECT gate.open, prior.fingerprint, prior.answer FROM gate LEFT JOIN prior ON true
"""
# By how many facts it tells: the report alone, or its reporter too.
_STATEMENTS = {
    count: Prepared(f"accept_{count}", _ACCEPT.format(events=outbox.opening(count)))
    for count in (1, 2)
}


class Desk:
    """Takes reports in, and gives receipts."""

    def __init__(
        self,
        db: Transactions,
        sealer: Sealer,
        signer: Signer | Unsigned,
        pepper: bytes,
        prefix: str,
    ) -> None:
        self._db, self._sealer, self._signer = db, sealer, signer
        self._pepper, self._prefix = pepper, prefix

    def accept(
        self,
        body: Mapping[str, Any],
        promised: Mapping[str, Any] | None,
        now: datetime,
        key: IdempotencyKey,
    ) -> Dumped:
        """The receipt of a report that is now safely kept (or was before, under the same key).
        Raises NotAllowed while a twin is in hand, Invalid for the key with another body."""
        for _ in range(3):  # a number in use, or a twin that ended meanwhile: look again
            try:
                return self._once(body, promised, now, key)
            except IntegrityError:
                continue
        raise in_hand()

    def _once(
        self,
        body: Mapping[str, Any],
        promised: Mapping[str, Any] | None,
        now: datetime,
        key: IdempotencyKey,
    ) -> Dumped:
        number = domain.number(self._prefix, secrets.randbelow(10**9))
        code = domain.code(secrets.randbits(130))
        proof = self._signer.prove(number, domain.SUBMITTED, now, body, promised=promised)
        receipt, sealed = key.seal(
            {"number": number, "code": code, "received_at": now, "promised": promised}
            | {"proof": proof}
        )
        facts = self._facts(number, body, now, promised and promised["settle_by"])
        parameters = outbox.opened(facts) | self._columns(number, code, body, now)
        parameters |= {"lock": key.lock, "key": key.hash}
        parameters |= {"fingerprint": key.fingerprint, "answer": sealed}
        failpoint("intake.before_write")
        is_open, *kept = self._db.once(_STATEMENTS[len(facts)], parameters)
        failpoint("intake.after_commit")
        if not is_open:
            raise in_hand()
        return receipt if kept[1] is None else key.open(*kept)

    def _facts(
        self, number: str, body: Mapping[str, Any], now: datetime, settle_by: date | None
    ) -> list[Fact]:
        facts = [events.report_submitted(number, body, now, settle_by)]
        if contact := body.get("contact"):
            sealed = self._sealer.seal(contact, number)
            facts.append(events.contact_sealed(number, sealed, self._sealer.key_id, body, now))
        return facts

    def _columns(
        self, number: str, code: str, body: Mapping[str, Any], now: datetime
    ) -> dict[str, Any]:
        taken = ("kind", "title", "text", "event_date", "confidentiality", "hidden_from_public")
        return {
            "number": number,
            "code_hash": code_hash(self._pepper, number, code),
            "district": body["place"]["district"],
            "place": body["place"].get("detail"),
            "agency": body.get("agency"),
            "category": body.get("category"),
            "contact_given": bool(body.get("contact")),
            "now": now,
        } | {name: body[name] for name in taken}


def code_hash(pepper: bytes, number: str, code: str) -> bytes:
    """What is stored of a tracking code. It has 130 random bits, so a fast keyed hash is enough."""
    return hmac.digest(pepper, f"{number} {domain.read_code(code)}".encode(), "sha256")
