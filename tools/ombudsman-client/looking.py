"""What only reads in the folder: what is kept, and whether all of it holds."""

import json
from collections import deque
from pathlib import Path

from answers import compare, untold
from chain import HANDED_OVER, Broken
from dossiers import (
    ended,
    file_of,
    is_missing,
    lacking,
    tell_ended,
    tell_unexplained,
    unexplained,
    why_false,
)
from followed import Followed
from pulses import is_silent
from store import STREAMS
from telling import say


def status(store):
    """Says what is kept, as JSON."""
    told = {stream: store.read(f"{stream}.json", {}) for stream in STREAMS}
    for stream in STREAMS:
        told[stream]["newest"] = _newest(store, stream)
    answers = store.answers()
    dossiers = {Path(name).stem: store.read(name) for name in store.listed("dossiers")}
    config = store.read("config.json", {})
    told |= {
        "silent": [one for one in STREAMS if is_silent(told[one].get("pulse"), config)],
        "dossiers": list(dossiers),
        "answers": [{"id": a["id"], "result": a["result"]} for a in answers],
        "untold": [answer["id"] for answer in untold(store, answers)],
        "evidence": store.listed("evidence"),
        "missing": [e["subject"] for e in store.entries("handovers") if is_missing(store, e)],
        "erased": [number for number, kept in dossiers.items() if lacking(kept)],
        "unexplained": list(unexplained(store)),
        "consent_ended": ended(store),
    }
    for line in json.dumps(told, indent=1).splitlines():
        say(line)


def _newest(store, stream):
    """The time that the last entry tells."""
    last = deque(store.entries(stream), maxlen=1)
    return last[0].get("time") if last else None


def verify(store):
    """Checks every kept entry and dossier from the start, also while another program follows;
    whether no part is missing that was promised. Raises Broken."""
    for stream in STREAMS:
        chain = Followed(store, stream, alone=False).chain
        say(f"{stream}: {chain.position} entries hold")
    for stream in STREAMS:
        for entry in store.entries(stream):
            compare(store, stream, entry)
            if entry["type"] == HANDED_OVER:
                _verify_dossier(store, stream, entry)
    tell_ended(store.entries("handovers"))
    return tell_unexplained(store)


def _verify_dossier(store, stream, entry):
    kept = store.read(file_of(entry["subject"]))
    if kept and (why := why_false(kept, entry)):
        raise Broken(stream, entry["position"], f"dossier: {why}")
