"""What the OpenAPI document says of single fields to whoever has nothing else to read.

Each is the `metadata` of a field.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.routing.life import WHO, Action, Part

# Where an officer does each, below a case's address.
ADDRESSES: Mapping[Action, str] = {
    Action.VERIFY: "verification",
    Action.DISPOSE: "disposition",
    Action.REASSIGN: "reassignment",
    Action.ARCHIVE: "archive",
    Action.FORWARD: "forwarding",
    Action.RECALL: "recall",
    Action.RELAY: "outside-words",
    Action.REQUEST_DATA: "data-request",
    Action.CANCEL_REQUEST: "data-request/cancellation",
    Action.RETURN: "return",
    Action.FOLLOW_UP: "follow-ups",
    Action.ANSWER: "answer",
    Action.RECLASSIFY: "reclassification",
    Action.PROTECT: "confidentiality",
    Action.NAME_ACCUSED: "complains-about",
    Action.MERGE: "merge",
}
OFFICERS = [action for action in Action if not WHO[action] <= {Part.REPORTER, Part.CLOCK}]
ACTIONS = {
    "description": "What this officer may do with the case now, each by a POST below"
    " /v1/cases/{number}: "
    + ", ".join(f"`{action}` /{ADDRESSES[action]}" for action in OFFICERS)
    + "."
}
CHANNEL = {
    "description": "How the report came in. Always `web` today: no officer can send one in yet for"
    " somebody at the counter or on the telephone."
}
