"""Our answers. Each is written down before it is sent, and sent under one id until it is taken or
refused; what the chain tells of it is what was sent."""

import hashlib
import json
import time
from contextlib import suppress
from uuid import uuid4

from chain import Broken, is_number
from office import Refused, sign
from store import Strange
from telling import say, warn

ANSWERS = (
    "received",
    "declined",
    "under_examination",
    "mediation",
    "corrective_action",
    "recommendation",
    "closed",
)
ANSWERED = "feed.case.answered.v1"
CALL = "If no other program of yours sent it, call the regency"


class Answers:
    """Those of one folder, and the office that they go to."""

    def __init__(self, store, office, signing_key):
        self._store, self._office, self._signing_key = store, office, signing_key

    def answer(self, number, said):
        """Writes one down, then sends whatever waits. Members that are None are not said."""
        said = {name: value for name, value in said.items() if value is not None}
        id = f"msg_{uuid4().hex}"
        body = json.dumps({"number": number, **said})
        kept = {"id": id, "written": time.time(), "body": body, "result": None}
        self._store.write(f"answers/{id}.json", kept)
        return self.send()

    def send(self):
        """Sends what was not taken yet, oldest first; whether nothing was refused. The same id goes
        with the same bytes, so that whatever happened to an earlier try, it has one effect. Raises
        Strange, before anything is signed, if a file there is no answer of ours."""
        good = True
        for one in self._store.answers():
            if one["result"] is None:
                one["result"] = self._send(one)
                self._store.write(f"answers/{one['id']}.json", one)
                good = good and one["result"]["taken"]
                say(f"answer {one['id']}: {json.dumps(one['result'])}")
        return good

    def _send(self, one):
        body = one["body"].encode()
        number = json.loads(body)["number"]
        if not is_number(number):
            raise Strange(f"answers/{one['id']}.json is about no report")
        headers = sign(self._signing_key, one["id"], body)
        try:
            return {**self._office.answer(number, body, headers), "taken": True}
        except Refused as refused:
            if refused.status == 401:  # our keys or our clock are wrong; the answer is not
                raise
            return {**refused.problem, "taken": False, "status": refused.status}


def compare(store, stream, entry):
    """Raises Broken for an entry that tells of an answer of ours what we did not say. Warns of one
    that was not sent from this folder, and of one that the regency refused."""
    if entry["type"] != ANSWERED:
        return
    position, id = entry["position"], _id(entry)
    about = f"{stream}: entry {position} tells of the answer {id} to {entry.get('subject')}"
    try:
        one = store.answer(id)
    except Strange as strange:
        warn(f"{about}; {strange}")
        return
    if one is None:
        warn(f"{about}, which was NOT SENT from this folder. {CALL}")
    elif not _is_told_as_sent(one["body"], entry):
        raise Broken(stream, position, "answer", entry)
    elif one["result"] is not None and not one["result"]["taken"]:
        warn(f"{about}, which the regency refused. Ask why")


def untold(store, answers):
    """Those of the answers that were taken and that the chain does not tell of."""
    told = {_id(one) for one in store.entries("handovers") if one.get("type") == ANSWERED}
    taken = [one for one in answers if one["result"] and one["result"]["taken"]]
    return [one for one in taken if one["id"] not in told]


def mark_lost(store, entries):
    """Of answers that the regency has lost with these entries of the chain, notes that they are not
    taken any more: whoever wants them to be has to send them again."""
    for entry in entries:
        with suppress(Strange):
            one = store.answer(_id(entry)) if entry["type"] == ANSWERED else None
            if one and one["result"]:
                lost = one["result"] | {"taken": False, "lost": True}
                store.write(f"answers/{one['id']}.json", one | {"result": lost})


def _id(entry):
    """Which message it tells of; None if it is no id."""
    data = entry.get("data")
    id = data.get("message_id") if isinstance(data, dict) else None
    return id if isinstance(id, str) else None


def _is_told_as_sent(body, entry):
    """Whether the codes and the hash are those of what was sent."""
    said, told = json.loads(body), entry["data"]
    codes = [said["number"], *map(said.get, ("answer", "reason", "reference"))]
    shown = [entry.get("subject"), *map(told.get, ("answer", "reason", "reference"))]
    digest = hashlib.sha256(body.encode()).hexdigest()
    return codes == shown and told.get("body_sha256") == digest
