"""What the OpenAPI document says of single fields to whoever has nothing else to read.

Each is the `metadata` of a field.
"""

from __future__ import annotations

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
    " what the Ombudsman ordered (`C`) or recommended (`O`)."
}
ACTIONS = {
    "description": "What the reporter may ask for now, each by a POST below /v1/reports/{number}"
    " with the header Tracking-Code: `supplement` /supplements, `accept` /acceptance, `object`"
    " /objections, `reopen` /reopening, `withdraw` /withdrawal, `consent_to_escalation`"
    " /escalation-consent, `withdraw_consent` /consent-withdrawal."
}
_DETAILS = {
    **SHOWN,
    f"reporter.{Action.ACCEPT}": ("stars",),
    f"reporter.{Action.CONSENT}": ("with_identity",),
    LEFT_BEHIND: ("form", "words", "id", "en"),
    CONSENT_ENDED: ("id", "en"),
}
DETAIL = {
    "description": "What more there is to say, by `what`; each may be null. "
    + "; ".join(f"{what}: {', '.join(names)}" for what, names in _DETAILS.items() if names)
}
