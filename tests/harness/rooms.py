"""What stands in each service's room, and a request that succeeds for every operation."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

import httpx

from chassis.clock import Clock
from chassis.database import Transactions, engine
from chassis.tokens import Issuer
from deploy.local.plain import PLAIN
from services.intake import seed as intake_lists
from services.intake.config import Settings
from services.routing.sessions import LONGEST
from tests.harness.doors import Operation, Request, Room
from tests.harness.forms import FORM, REPORT
from tests.service.escalation.overseer import headers as signatures
from tests.service.escalation.overseer import letter, signing_key
from tests.service.escalation.tower import NUMBER, Tower
from tests.service.routing.office import (
    ACCUSED,
    ANSWER,
    ARCHIVE,
    ASK,
    CANCEL,
    DISPOSE,
    FOLLOW_UP,
    FORWARD,
    PASSWORD,
    PROTECT,
    RECALL,
    RELAY,
    STAFF,
    VERIFY,
    Office,
    furnish,
)


def key() -> dict[str, str]:
    """A fresh Idempotency-Key header."""
    return {"Idempotency-Key": str(uuid4())}


class Intake(Room):
    """One report for each thing that a reporter may ask, standing where it may be asked."""

    STANDS: Mapping[str, tuple[str, dict[str, Any]]] = {
        "supplements": ("in_progress", {"text": "Tiangnya juga miring."}),
        "objections": ("answered", {"reason": "Lampunya masih padam."}),
        "acceptance": ("answered", {"stars": 4, "comment": "Sudah terang."}),
        "reopening": ("closed", {"reason": "Padam lagi sejak kemarin."}),
        "withdrawal": ("unverified", {"reason": "Salah alamat."}),
        "escalation-consent": ("in_progress", {"dossier": FORM}),
        "consent-withdrawal": ("closed", {}),
        "escalation-check": ("in_progress", {}),
        "contact": ("in_progress", {"contact": {"email": "lain@contoh.example"}}),
    }

    def furnish(self) -> None:
        bind = engine(self.database.url, 1)
        told = SimpleNamespace(data_dir=Settings.data_dir, receipt_key=b"", tracking_pepper=b"p")
        intake_lists.run(told, Transactions(bind))
        bind.dispose()
        self._receipts: dict[str, dict[str, str]] = {}

    def receipt(self, of: str = "track") -> dict[str, str]:
        """Number and code of the report that is kept for one kind of request."""
        if of not in self._receipts:
            self._receipts[of] = self.submit()
        return self._receipts[of]

    def submit(self, **other: Any) -> dict[str, str]:
        """A new report's receipt."""
        answer = httpx.post(
            f"{self.process.url}/v1/reports", json=REPORT | other, headers=key(), trust_env=False,
            verify=PLAIN,
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def ready(self, operation: Operation) -> None:
        name = operation.path.rsplit("/", 1)[-1]
        if name in self.STANDS:
            number = self.receipt(name)["number"]
            asked = "DELETE FROM timeline_entry WHERE number = %s"  # a report takes so many only
            self.database.psql(asked, [number])
            put = "UPDATE report SET status = %s, status_since = now() WHERE number = %s"
            self.database.psql(put, [self.STANDS[name][0], number])

    def request(self, operation: Operation) -> Request:
        name = operation.path.rsplit("/", 1)[-1]
        if name == "reports":
            return Request(operation, headers=key(), body=REPORT)
        kept = self.receipt(name)
        if name == "track":
            return Request(operation, body={"number": kept["number"], "code": kept["code"]})
        if not operation.has_body:
            return Request(operation, {"number": kept["number"]}, {"Tracking-Code": kept["code"]})
        body = self.STANDS[name][1]
        headers = {"Tracking-Code": kept["code"], **key()}
        return Request(operation, {"number": kept["number"]}, headers, body=body)


class Routing(Room):
    """An office with its staff, and one case for each verb, standing where it may be used."""

    # verb: who uses it, on a case of which status, with what; `verified` says that it was before.
    VERBS: Mapping[str, tuple[str, str, dict[str, Any], bool]] = {
        "verification": ("coordinator", "unverified", VERIFY[2], False),
        "disposition": ("coordinator", "unverified", DISPOSE[2], True),
        "reassignment": ("coordinator", "disposed", {"agency": "dishub"}, True),
        "archive": ("coordinator", "unverified", ARCHIVE[2], False),
        "forwarding": ("coordinator", "unverified", FORWARD[2], False),
        "complains-about": ("coordinator", "disposed", ACCUSED[2], False),
        "recall": ("coordinator", "forwarded_externally", RECALL[2], False),
        "outside-words": ("coordinator", "forwarded_externally", RELAY[2], False),
        "data-request": ("coordinator", "unverified", ASK[2], False),
        "cancellation": ("coordinator", "awaiting_reporter", CANCEL[2], False),
        "return": ("liaison", "disposed", {"reason": "The road is a national one."}, True),
        "follow-ups": ("liaison", "disposed", FOLLOW_UP[2], True),
        "answer": ("liaison", "in_progress", ANSWER[2], True),
        "reclassification": (
            "coordinator", "unverified",
            {"category": "sampah", "reason": "It is about waste, not the road."}, True,
        ),
        "confidentiality": ("coordinator", "disposed", PROTECT[2], True),
        "merge": ("coordinator", "unverified", {"reason": "the same hole"}, True),
    }  # fmt: skip
    SPARE = "spare"  # an account that may be disabled, and whose password may be changed
    GONE = "bappeda"  # an agency that gets no new cases
    ADMINISTRATORS = ("disabling", "first-password", "officers", "{code}")

    def furnish(self) -> None:
        furnish(self.database)
        self.office = Office(self.database)
        self._kept: dict[str, tuple[str, Any]] = {}
        self._tokens: dict[str, str] = {}
        asked = "SELECT password_hash FROM officer WHERE username = 'liaison'"
        [(self._hash,)] = self.database.psql(asked)
        self.database.psql(
            "INSERT INTO officer (id, username, role, agency, password_hash, must_change_password,"
            " created_at) VALUES (%s, %s, 'liaison', 'dpupr', %s, false, now())",
            [str(uuid4()), self.SPARE, self._hash],
        )
        asked = "SELECT column_name FROM information_schema.columns WHERE table_name = 'cases'"
        self._columns = ", ".join(f'"{name}"' for (name,) in self.database.psql(asked))

    def close(self) -> None:
        self.office.close()

    def ready_accounts(self) -> None:
        """Every account as it was made."""
        self.database.psql(
            "UPDATE officer SET password_hash = %s, must_change_password = false,"
            " disabled_at = NULL WHERE username = ANY(%s)",
            [self._hash, [*STAFF, self.SPARE]],
        )
        self.database.psql("DELETE FROM sign_in_throttle")

    def token(self, of: str, username: str) -> str:
        """A session kept for `of`, alive however it was ended before."""
        token = self._tokens.setdefault(f"{of} {username}", secrets.token_urlsafe(32))
        now = self.office.clock.now()
        hashed = hashlib.sha256(token.encode()).digest()
        self.database.psql(
            "INSERT INTO session (token_hash, officer_id, created_at, last_seen_at, expires_at)"
            " SELECT %s, id, %s, %s, %s FROM officer WHERE username = %s"
            " ON CONFLICT (token_hash) DO UPDATE SET created_at = excluded.created_at,"
            " last_seen_at = excluded.last_seen_at, expires_at = excluded.expires_at",
            [hashed, now, now, now + LONGEST, username],
        )
        return token

    def case(self, verb: str) -> str:
        """The case that is kept for a verb."""
        if verb not in self._kept:
            _, status, _, verified = self.VERBS[verb]
            self.ready_accounts()
            self.office.later()  # whoever acts signs in anew
            number = self.office.bring(status)
            if verb == "reassignment":
                self.leave(number)
            if verified and status == "unverified":
                self.office.act(number, "verification", "coordinator", **VERIFY[2])
            asked = "SELECT to_jsonb(c) FROM cases c WHERE number = %s"
            [(row,)] = self.database.psql(asked, [number])
            self._kept[verb] = number, row
        return self._kept[verb][0]

    def leave(self, number: str) -> None:
        """The agency that has the case is gone."""
        self.database.psql("UPDATE cases SET agency = %s WHERE number = %s", [self.GONE, number])
        self.database.psql("UPDATE agency SET active = false WHERE code = %s", [self.GONE])

    def who(self, operation: Operation) -> str:
        """Whose work it is."""
        name = operation.path.rsplit("/", 1)[-1]
        if name in self.VERBS:
            return self.VERBS[name][0]
        if name in ("password", "sign-out", "me"):
            return self.SPARE
        return "administrator" if name in self.ADMINISTRATORS else "coordinator"

    def ready(self, operation: Operation) -> None:
        name = operation.path.rsplit("/", 1)[-1]
        if "officers" in operation.path:
            self.ready_accounts()
        if name in self.VERBS:
            number = self.case(name)
            kept = f"SELECT {self._columns} FROM jsonb_populate_record(NULL::cases, %s)"
            put = f"UPDATE cases SET ({self._columns}) = ({kept}) WHERE number = %s"
            self.database.psql(put, [json.dumps(self._kept[name][1]), number])
        if operation.security:
            self.token(str(operation), self.who(operation))

    def request(self, operation: Operation) -> Request:
        name = operation.path.rsplit("/", 1)[-1]
        headers = {}
        if operation.security:
            bearer = self.token(str(operation), self.who(operation))
            headers = {"Authorization": f"Bearer {bearer}"}
        if name in self.VERBS:
            body = self.VERBS[name][2]
            if name == "merge":
                body = body | {"into": self.case("answer")}
            return Request(operation, {"number": self.case(name)}, headers | key(), body=body)
        return self._plain(name, operation).but(headers=headers)

    def _plain(self, name: str, operation: Operation) -> Request:
        """Those that are about no case."""
        fresh = f"perahu kertas {secrets.token_hex(6)}"
        bodies: dict[tuple[str, str], Any] = {
            ("POST", "sign-in"): {"username": self.SPARE, "password": PASSWORD},
            ("POST", "password"): {"password": PASSWORD, "new_password": fresh},
            ("POST", "token"): {"service": "escalation"},
            ("POST", "officers"): {
                "username": f"baru-{secrets.token_hex(4)}", "role": "liaison", "agency": "dpupr",
            },
            ("PUT", "{code}"): {"name": "Dinas Perhubungan", "active": True},
        }  # fmt: skip
        parts = {"number": "follow-ups", "username": self.SPARE, "code": "dishub"}
        asked = {part: parts[part] for part in operation.asked("path")}
        if "number" in asked:
            asked["number"] = self.case("follow-ups")
        if operation.has_body:
            return Request(operation, asked, body=bodies[operation.method, name])
        known = {"agencies", "districts", "categories", "cases", "{number}", "me", "sign-out",
                 "officers", "disabling", "first-password"}  # fmt: skip
        if name not in known:
            raise KeyError(str(operation))
        return Request(operation, asked)


DECREED = {"effective_from": "2099-01-01", "decree": "Perbup 1/2099"}
WEEK = {"weekdays": [0, 1, 2, 3, 4, 5], "national_days": True, "joint_leave": False}


HOOK = {"url": "https://ombudsman.example/feed"}


class Escalation(Room):
    """A feed with entries in it."""

    def furnish(self) -> None:
        tower = Tower(self.database, self.around.secrets)
        tower.open()
        tower.at("2026-11-06 08:00").sweep()
        tower.hear("report.escalation_consented.v1")
        tower.at("2027-01-02 10:00").sweep()
        tower.append()
        self.entry = tower.entry("monitoring", 1)
        tower.close()
        self.key = (self.around.secrets / "ombudsman-bearer-key").read_text().strip()

    QUERIES: Mapping[str, dict[str, str]] = {
        "feed": {"limit": "10"},
        "keys": {},
        "checkpoint": {"stream": "handovers"},
        "checkpoints": {},
        "epochs": {},
        "target": {},
        "deadlines": {},
        "explain": {"clock": "V"},
        "posts": {},
        "{number}": {},
        "limits": {},
        "ladder": {},
        "calendars": {},
        "days": {"year": "2026"},
        "amendments": {"before": "2"},
    }
    BODIES: Mapping[str, dict[str, Any]] = {
        "posts": {
            "post": "head_of_agency", "agency": "dlh", "standing": "absent",
            "effective_from": "2099-01-01", "decree": "SK Bupati 800/1/2099",
        },
        "limits": {"clock": "V", "days": 3, "unit": "working"} | DECREED,
        "ladder": {"clock": "V", "level": 2, "after_days": 3, "brought_to": "sekda"} | DECREED,
        "calendars": {"name": "Rumah sakit", "zone": "Asia/Jayapura"} | WEEK | DECREED,
        "weeks": WEEK | DECREED,
        "national-decrees": {
            "joint": True, "year": 2026, "decree": "SKB 3 Menteri 1497/2025, 2/2025, 5/2025",
        },
        "what-if": {"limits": [{"clock": "V", "days": 5, "unit": "working"}]},
        "agencies": {"agency": "dlh"} | DECREED,
        "days": {
            "day": "2099-01-02", "rule": "off", "name": "Hari jadi", "decree": "Perbup 1/2099",
        },
    }  # fmt: skip

    def token(self, scope: str, subject: str, *, by: str = "routing", **claims: Any) -> str:
        """What routing says of an officer, or routing or intake of a case."""
        key = {"routing": "staff-token-key.json", "intake": "reporter-token-key.json"}[by]
        issuer = Issuer(by, (self.around.secrets / key).read_bytes(), key)
        claims |= {"grant": str(uuid4())} if by == "routing" else {}
        return str(issuer.issue("escalation", scope, subject, Clock().now(), **claims)["token"])

    def officer(self, username: str) -> str:
        """What one of the staff carries here."""
        agency, role = STAFF[username]
        subject = str(uuid5(NAMESPACE_OID, username))
        handed = {"handed_at": "2020-01-01T00:00:00+00:00", "handed_by": []}
        return self.token("officer", subject, role=role, agency=agency, **handed)

    def ready(self, operation: Operation) -> None:
        if operation.path.endswith("/confirmation"):  # another administrator has proposed it
            self.database.psql(
                "INSERT INTO feed_target (url, proposed_by, handed_by, proposed_at)"
                " VALUES (%s, gen_random_uuid(), '{}', now())", [HOOK["url"]],
            )  # fmt: skip

    def request(self, operation: Operation) -> Request:
        bearer = {
            "": "",
            "ombudsman": self.key,
            "ombudsmanSigned": self.key,
            "case": self.token("case", NUMBER),
            "officer": self.officer("administrator"),
        }[operation.security]
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        known = {"number": NUMBER, "code": "regency"}
        parts = {part: known[part] for part in operation.asked("path")}
        name = operation.path.rsplit("/", 1)[-1]
        if operation.security == "ombudsmanSigned":
            return self._answer(operation, parts, headers)
        if operation.has_body:
            bodies = {
                **self.BODIES,
                "target": HOOK,
                "confirmation": HOOK,
                "acknowledgements": {"stream": "monitoring", **self.entry},
            }
            fresh = {"code": f"rsud-{secrets.token_hex(4)}"} if name == "calendars" else {}
            return Request(operation, parts, headers, body=bodies[name] | fresh)
        return Request(operation, parts, headers, self.QUERIES[name])

    def _answer(self, operation: Operation, parts: Any, headers: Any) -> Request:
        """The next answer that may be given: declined and received take turns without end."""
        last = self.database.psql("SELECT answer FROM handover_answer ORDER BY id DESC LIMIT 1")
        answer = "declined" if last == [("received",)] else "received"
        body = json.loads(letter(answer, at=datetime.now(UTC).isoformat()))
        key, id = signing_key(self.around.secrets), f"msg_{uuid4().hex}"
        spelled = (httpx.Request("POST", "http://x", json=body).content, json.dumps(body).encode())
        signed, other = (signatures(key, raw, id) for raw in spelled)  # as either client spells it
        signed["webhook-signature"] += f" {other['webhook-signature']}"
        return Request(operation, parts, headers | signed, body=body)


ROOMS = {"intake": Intake, "routing": Routing, "notify": Room, "escalation": Escalation}
