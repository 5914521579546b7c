"""What the OpenAPI document says of single fields to whoever has nothing else to read.

Each is the `metadata` of a field.
"""

from __future__ import annotations

import contracts
from services.intake.domain import CONSENT_ENDED, LEFT_BEHIND, SHOWN, Action

CODE = {
    "description": "The secret by which the reporter follows the report and acts on it: shown this"
    " once. Only its hash is kept, so nobody can tell it again."
}
PROOF = {
    "description": "Can be shown to others: an SD-JWT (RFC 9901), signed by one of"
    " /v1/receipts/keys, with what was sent as its one disclosure, and who sent it nowhere. Given"
    " this once; null where receipts are not signed."
}
CLOCKS = {
    "description": "Whose limit: `V` to verify the report and hand it to an agency, `F` the"
    " agency's for its first follow-up, `A` the arbiter's to decide who handles what was returned"
    " twice, `S` to settle the report, `R` the reporter's to object to"
    " an answer, `D` the reporter's to supply what was asked for, `C` and `O` the agency's to do"
    " what the Ombudsman ordered (`C`) or recommended (`O`). On the timeline"
    " also `H`, the hand-over to the Ombudsman: once it has passed, the reporter may have that."
}
ACTIONS = {
    "description": "What the reporter may ask for now, each by a POST below /v1/reports/{number}"
    " with the header Tracking-Code: `supplement` /supplements, `accept` /acceptance, `object`"
    " /objections, `reopen` /reopening, `withdraw` /withdrawal, `consent_to_escalation`"
    " /escalation-consent, `withdraw_consent` /consent-withdrawal, `replace_contact` /contact."
}
_BOTH = {"id": "What that means, in Indonesian.", "en": "The same in English."}
# What no event says but a reporter, or intake itself.
_OWN = {
    f"reporter.{Action.ACCEPT}": {"stars": "How content the reporter is, from 1 to 5."},
    f"reporter.{Action.CONSENT}": {"with_identity": "Whether it came with the form."},
    f"reporter.{Action.REPLACE_CONTACT}": {
        "by_mail": "Whether news is sent by mail since then; never where to."
    },
    LEFT_BEHIND: {
        "form": "Whether the form did not go along.",
        "words": "How many of the texts that the reporter wrote did not.",
        **_BOTH,
    },
    CONSENT_ENDED: _BOTH,
}


def _told(what: str, name: str) -> str:
    """What the contract of an event says of a property, and each value that it can have."""
    described = contracts.schema(f"{what}.v1")["properties"][name]
    values = ", ".join(f"`{value}`" for value in described.get("enum", ()) if value is not None)
    return f"{described['description']}{f' One of {values}.' if values else ''}"


_DETAILS = {what: {name: _told(what, name) for name in names} for what, names in SHOWN.items()}
DETAIL = {
    "description": "What more there is to say, by `what`; each may be null.\n"
    + "".join(
        f"\n- `{what}`: " + " ".join(f"`{name}`: {said}" for name, said in told.items())
        for what, told in (_DETAILS | _OWN).items()
        if told
    )
}
