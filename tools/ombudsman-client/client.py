#!/usr/bin/env python3
"""The Ombudsman's side of a regency's feed: follows, verifies, keeps, acknowledges, answers.

    client.py --state DIR init --url URL --bearer FILE --signing-key FILE [--opening-key FILE]
                               [--feed-keys FILE] [--ca FILE] [--proxy URL]
    client.py --state DIR pin                     show the feed's keys by their thumbprints
    client.py --state DIR pin THUMBPRINT...       trust those of them from now on
    client.py --state DIR rejoin                  go on after the regency restored its feed, with
                                                  what it lost put aside as evidence
    client.py --state DIR follow [--once]         read on, for ever or until nothing is left
    client.py --state DIR listen --port PORT      the same for ever, at once when we are poked
    client.py --state DIR answer NUMBER ANSWER [--reference R] [--reason CODE] [--words TEXT]
    client.py --state DIR open [--opening-key FILE] [NUMBER...]
                                                  opens again what stayed sealed of these dossiers,
                                                  or of all; exit 1 if some of it stays so
    client.py --state DIR compare NUMBER FILE...  whether each is a file that an agency named as
                                                  evidence, by the dossier; exit 1 if one is not
    client.py --state DIR status                  what is kept, as JSON
    client.py --state DIR verify                  check everything that is kept, without the network

URL is what stands before /v1/ombudsman. The last four need no network; the last three only read.
Exit 0: done. 1: refused, or nothing to do it with. 2: the regency is away, or another program
follows in this folder: try again. 3: THE FEED DOES NOT HOLD; evidence is kept, nobody should read
on.
"""

import argparse
import json
import sys
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from chain import HANDED_OVER, Broken, is_number
from dossiers import Owed, compare, file_of, is_missing, open_again, why_false
from office import WAIT, Away, Office, Refused, sign
from pinning import keys_of, new_keys, pin
from pokes import listening
from rejoining import rejoin
from store import STREAMS, Busy, Followed, Store, Strange
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
REST = (1, 2, 5, 10, 30, 60)  # seconds between tries while the regency is away
SELDOM = 300  # seconds until we look without having been poked: a poke can get lost
FORK = {"forked", "ahead", "lost_future"}  # what a 409 says of a place that is not in the feed
ADVICE = {
    "lost_future": "It was restored: ask why, then `rejoin`.",
    "key": "Was a key lost or stolen? Hear the new one's thumbprint by telephone, then `pin` it.",
}
ALONE, LOOK = ("follow", "listen", "rejoin"), ("compare", "status", "verify")
DAILY = 86400  # seconds between two looks at the published keys
FURTHER = "acknowledged_further"  # than we know: our folder came from a backup


class Client:
    """One regency, one folder."""

    def __init__(self, store):
        self.store, self.config = store, configured(store)
        self.office = Office(self.config)
        self._looked = None  # when at the published keys
        self._owed = Owed(store, self.office, self.config.get("opening_key"))

    # --- following

    def follow(self, once, pokes=None):
        """Reads on; with `pokes`, when one comes, and now and then. Raises Broken; and Away only if
        `once`."""
        streams, tries = [Followed(self.store, stream) for stream in STREAMS], 0
        self._owed.want(self.store.entries("handovers"))
        while True:
            try:
                more = self._round(streams, 0 if once or pokes else WAIT)
                tries = 0
                if once and not more:
                    return
                if pokes and not more:
                    pokes.wait(SELDOM)
            except Away as away:
                if once:
                    raise
                warn(f"away ({away}); trying again")
                rest = REST[min(tries, len(REST) - 1)]
                pokes.wait(rest) if pokes else time.sleep(rest)
                tries += 1

    def _round(self, streams, wait):
        """Each stream once; whether there is more. Only the last one is waited for."""
        more = False
        for followed in streams:
            more |= self._ask_checkpoints(followed)
            page = self._page(followed, wait if followed is streams[-1] else 0)
            new = self._keep(followed, page)
            for entry in new:
                about = f"{entry['position']} {entry['type']} {entry.get('subject')}"
                say(f"{followed.stream} {about}")
            self._acknowledge(followed)
            self._owed.want(new)
            more |= page["more"]
        if not more:
            self._afterwards()
        return more

    def _afterwards(self):
        """What is done once there is nothing more to read; none of it holds up another. Raises what
        the first one raised of Away and Refused."""
        troubles = []
        for step in (self._look_at_keys, self.send_answers, self._owed.fetch):
            try:
                step()
            except (Away, Refused) as trouble:
                troubles.append(trouble)
        if troubles:
            raise troubles[0]

    def _look_at_keys(self):
        if self._looked is None or time.monotonic() > self._looked + DAILY:
            self._show_keys()

    def _ask_checkpoints(self, followed):
        """Asks for those after what is kept, before the entries that must bear them out; whether
        there are more."""
        if followed.awaits:
            return False
        with self._told_of(followed):
            page = self.office.checkpoints(followed.stream, followed.checkpoints)
        followed.expect(page)
        return page["more"]

    def _page(self, followed, wait):
        with self._told_of(followed):
            return self.office.page(followed.stream, followed.cursor, wait)

    def _keep(self, followed, page):
        try:
            new = followed.keep(page)
            followed.witness(page["more"])
        except Broken as broken:
            if broken.check == "key":
                with suppress(Away, Refused):
                    self._show_keys()
            raise
        return new

    def _show_keys(self):
        """Shows the published keys that are not trusted: one becomes so by an entry that announces
        it, or by a person. Raises Broken for another key under a name that is."""
        for jwk in new_keys(self.office.keys(), self.store):
            say(f"NEW key {jwk['kid']}, published {jwk.get('published')}: not trusted")
        self._looked = time.monotonic()

    def _acknowledge(self, followed):
        """Says once that we have everything up to the cursor, if we have: also what was kept before
        we were started, and was not said then."""
        place = followed.reached
        if not followed.acknowledged < place <= followed.chain.position:
            return
        try:
            with self._told_of(followed):
                hash = followed.chain.hash_at(place)
                self.office.acknowledge(followed.stream, followed.cursor, hash)
        except Refused as refused:
            if refused.code != FURTHER:
                raise
        followed.acknowledged = place
        followed.save()

    @contextmanager
    def _told_of(self, followed):
        """Raises Broken when we are told that our place is not in the feed."""
        try:
            yield
        except Refused as refused:
            if refused.status == 409 and refused.code in FORK:
                raise Broken(followed.stream, followed.chain.position, refused.code) from None
            raise

    # --- answering

    def answer(self, number, said):
        """Writes the answer down, then sends it until it is taken or refused."""
        said = {name: value for name, value in said.items() if value is not None}
        id = f"msg_{uuid4().hex}"
        body = json.dumps({"number": number, **said})
        kept = {"id": id, "written": time.time(), "body": body, "result": None}
        self.store.write(f"answers/{id}.json", kept)
        return self.send_answers()

    def send_answers(self):
        """Sends what was not taken yet, oldest first; whether nothing was refused. The same id goes
        with the same bytes, so that whatever happened to an earlier try, it has one effect. Raises
        Strange, before anything is signed, if a file there is no answer of ours."""
        good = True
        for one in self.store.answers():
            if one["result"] is None:
                one["result"] = self._send(one)
                self.store.write(f"answers/{one['id']}.json", one)
                good = good and one["result"]["taken"]
                say(f"answer {one['id']}: {json.dumps(one['result'])}")
        return good

    def _send(self, one):
        body = one["body"].encode()
        number = json.loads(body)["number"]
        if not is_number(number):
            raise Strange(f"answers/{one['id']}.json is about no report")
        headers = sign(self.config["signing_key"], one["id"], body)
        try:
            return {**self.office.answer(number, body, headers), "taken": True}
        except Refused as refused:
            if refused.status == 401:  # our keys or our clock are wrong; the answer is not
                raise
            return {**refused.problem, "taken": False, "status": refused.status}


def configured(store):
    """What `init` kept."""
    config = store.read("config.json")
    if config is None:
        raise SystemExit("begin with `init`")
    return config


def init(store, words):
    """Keeps where the feed is and where the keys are."""
    feed_keys = keys_of(words.feed_keys) if words.feed_keys else []
    files = ("bearer", "signing_key", "opening_key", "ca")
    config = {name: str(Path(file).resolve()) for name in files if (file := getattr(words, name))}
    store.write("config.json", {"url": words.url, "proxy": words.proxy, **config})
    store.trust(new_keys(feed_keys, store))


def status(store):
    """What is kept."""
    told = {stream: store.read(f"{stream}.json", {}) for stream in STREAMS}
    told |= {
        "dossiers": [Path(name).stem for name in store.listed("dossiers")],
        "answers": [{"id": a["id"], "result": a["result"]} for a in store.answers()],
        "evidence": store.listed("evidence"),
        "missing": [e["subject"] for e in store.entries("handovers") if is_missing(store, e)],
    }
    for line in json.dumps(told, indent=1).splitlines():
        say(line)


def verify(store):
    """Checks every kept entry and dossier from the start, also while another program follows.
    Raises Broken."""
    for stream in STREAMS:
        chain = Followed(store, stream, alone=False).chain
        say(f"{stream}: {chain.position} entries hold")
    for entry in store.entries("handovers"):
        if entry["type"] == HANDED_OVER:
            kept = store.read(file_of(entry["subject"]))
            if kept and (why := why_false(kept, entry)):
                raise Broken("handovers", entry["position"], f"dossier: {why}")


def parsed():
    """The command line."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--state", required=True)
    commands = parser.add_subparsers(dest="command", required=True)
    begin = commands.add_parser("init")
    for name in ("url", "bearer", "signing-key"):
        begin.add_argument(f"--{name}", required=True)
    for name in ("opening-key", "feed-keys", "ca", "proxy"):
        begin.add_argument(f"--{name}")
    commands.add_parser("follow").add_argument("--once", action="store_true")
    commands.add_parser("listen").add_argument("--port", type=int, required=True)
    answer = commands.add_parser("answer")
    answer.add_argument("number", type=_number)
    answer.add_argument("answer", choices=ANSWERS)
    for name in ("reference", "reason", "words", "at"):
        answer.add_argument(f"--{name}")
    opening = commands.add_parser("open")
    opening.add_argument("--opening-key")
    opening.add_argument("numbers", nargs="*", type=_number, metavar="NUMBER")
    comparing = commands.add_parser("compare")
    comparing.add_argument("number", type=_number)
    comparing.add_argument("files", nargs="+", metavar="FILE")
    pinning = commands.add_parser("pin", prefix_chars="+")  # a thumbprint may begin with -
    pinning.add_argument("wanted", nargs="*", metavar="THUMBPRINT")
    for name in ("rejoin", "status", "verify"):
        commands.add_parser(name)
    return parser.parse_args()


def _number(text):
    if not is_number(text):
        raise argparse.ArgumentTypeError("no report has this number")
    return text


def run(store, words):
    """Does what was asked; the exit code."""
    if words.command in ALONE:
        with store.alone():
            _go_on(store, words)
    elif words.command == "answer":
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        said = {"answer": words.answer, "at": words.at or now, "reason": words.reason}
        said |= {"reference": words.reference, "words": words.words}
        return 0 if Client(store).answer(words.number, said) else 1
    elif words.command == "open":
        with store.looking():
            return 0 if open_again(store, _opening_key(store, words), words.numbers) else 1
    elif words.command in LOOK:
        with store.looking():
            return _look(store, words)
    elif words.command == "init":
        init(store, words)
    else:
        pin(Client(store).office, store, words.wanted)
    return 0


def _opening_key(store, words):
    file = words.opening_key or configured(store).get("opening_key")
    if not file:
        raise SystemExit("`init` was told no opening key: name one with --opening-key")
    return file


def _look(store, words):
    """What only reads; the exit code."""
    if words.command == "compare":
        return 0 if compare(store, words.number, words.files) else 1
    {"status": status, "verify": verify}[words.command](store)
    return 0


def _go_on(store, words):
    """What only one program may do in a folder."""
    if words.command == "rejoin":
        rejoin(Client(store).office, store)
    elif words.command == "follow":
        Client(store).follow(words.once)
    else:
        with listening(store, words.port) as pokes:
            Client(store).follow(once=False, pokes=pokes)


def main():
    words = parsed()
    for terminal in (sys.stdout, sys.stderr):
        terminal.reconfigure(errors="backslashreplace")
    try:
        store = Store(words.state, looks=words.command in LOOK)
        return run(store, words)
    except Broken as broken:
        warn(f"THE FEED DOES NOT HOLD: {broken}. {_evidence(store, broken)}")
        warn(ADVICE.get(broken.check, "Call the regency."))
        return 3
    except (Refused, Strange) as refused:
        warn(f"refused: {refused}")
        return 1
    except (Away, Busy) as away:
        warn(f"{'busy' if isinstance(away, Busy) else 'away'}: {away}")
        return 2
    except OSError as error:
        warn(f"stopped: {error}. What is kept is whole: mend this, and run it again")
        return 1
    except KeyboardInterrupt:
        return 0


def _evidence(store, broken):
    """Keeps what did not hold; what is said of it."""
    try:
        kept = {stream: store.read(f"{stream}.json", {}) for stream in STREAMS}
        file = store.evidence(
            broken.stream, found=str(broken), position=broken.what, check=broken.check,
            ours=kept, page=broken.page,
        )  # fmt: skip
    except (OSError, Strange) as error:
        return f"No evidence could be written: {error}"
    return f"Evidence: {file}"


if __name__ == "__main__":
    sys.exit(main())
