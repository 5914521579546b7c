#!/usr/bin/env python3
"""The Ombudsman's side of a regency's feed: follows, verifies, keeps, acknowledges, answers.

    client.py --state DIR init --url URL --bearer FILE --signing-key FILE [--opening-key FILE]
                               [--feed-keys FILE] [--ca FILE] [--proxy URL]
                               [--silent-after HOURS]
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
    client.py --state DIR verify                  check everything that is kept; exit 1 if a part of
                                                  a dossier is missing and no entry tells why

URL is what stands before /v1/ombudsman. The last four need no network; the last three only read.
Exit 0: done. 1: refused, or nothing to do it with. 2: the regency is away or silent, or another
program follows in this folder: try again. 3: THE FEED DOES NOT HOLD; evidence is kept, nobody
should read on.
"""

import argparse
import sys
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from answers import ANSWERS, Answers, untold
from chain import Broken, is_number
from dossiers import Owed, compare, open_again, tell_ended, tell_unexplained
from followed import Followed
from looking import status, verify
from office import WAIT, Away, Office, Refused
from pinning import keys_of, new_keys, pin
from pokes import listening
from pulses import HOURS, is_old, patience
from rejoining import rejoin
from store import STREAMS, Busy, Store, Strange
from telling import say, warn

REST = (1, 2, 5, 10, 30, 60)  # seconds between tries while the regency is away
SELDOM = 300  # seconds until we look without having been poked: a poke can get lost
FORK = {"forked", "ahead", "lost_future"}  # what a 409 says of a place that is not in the feed
ADVICE = {
    "lost_future": "It was restored: ask why, then `rejoin`.",
    "key": "Was a key lost or stolen? Hear the new one's thumbprint by telephone, then `pin` it.",
}
ALONE, LOOK = ("follow", "listen", "rejoin"), ("compare", "status", "verify")
OLD = 3 * 86400  # seconds: an office that works writes something each day
DAILY = 86400  # seconds between two looks at the published keys, and two warnings of one thing
LONGEST = 300  # seconds until keys, answers and dossiers are seen to, however much there is to read
FROZEN = "Ask the regency by telephone for its position and hash: is this the end of its feed?"
FURTHER = "acknowledged_further"  # than we know: our folder came from a backup


class Timer:
    """Tells when so many seconds are over; they are before it was started."""

    def __init__(self, seconds):
        self._seconds, self._started = seconds, None

    def start(self):
        self._started = time.monotonic()

    def is_over(self):
        return self._started is None or time.monotonic() > self._started + self._seconds


class Client:
    """One regency, one folder."""

    def __init__(self, store):
        self.store, self.config = store, configured(store)
        self.office = Office(self.config)
        self.answers = Answers(store, self.office, self.config["signing_key"])
        self._looked, self._duties = Timer(DAILY), Timer(LONGEST)
        self._missed = {stream: Timer(DAILY) for stream in STREAMS}
        self._begun = Timer(patience(self.config))
        self._begun.start()
        self._silent = {stream: Timer(DAILY) for stream in STREAMS}
        self._owed = Owed(store, self.office, self.config.get("opening_key"))

    def follow(self, once, pokes=None):
        """Reads on; with `pokes`, when one comes, and now and then; the streams that are silent.
        Raises Broken; and Away only if `once`."""
        streams, tries = [Followed(self.store, stream) for stream in STREAMS], 0
        self._owed.want(self.store.entries("handovers"))
        while True:
            began = time.monotonic()
            try:
                more = self._round(streams, 0 if once or pokes else WAIT)
                tries = 0
                if once and not more:
                    return [one.stream for one in streams if one.pulse.is_silent(self.config)]
                if pokes and not more:
                    pokes.wait(SELDOM)
                elif not more:  # who answers at once, though we would wait, is not asked at once
                    time.sleep(max(0, began + REST[0] - time.monotonic()))
            except Away as away:
                if once:
                    raise
                warn(f"away ({away}); trying again")
                rest = REST[min(tries, len(REST) - 1)]
                pokes.wait(rest) if pokes else time.sleep(rest)
                tries += 1

    def _round(self, streams, wait):
        """Reads each stream once; only the last one is waited for. What else is to be done is done
        when there is nothing left to read, and whenever it was not for long. None of it holds up
        another. Returns whether there is more; raises what the first one raised of Away and Refused
        if the reading stops for it."""
        steps = [partial(self._read, one, wait if one is streams[-1] else 0) for one in streams]
        troubles = _each(steps)
        more = not troubles and any(followed.more for followed in streams)
        if not (more or troubles) or self._duties.is_over():
            self._duties.start()
            troubles += _each((self._look_at_keys, self.answers.send, self._owed.fetch))
        first = troubles[:1] if not more else []
        for told in sorted({*map(str, troubles)} - {*map(str, first)}):
            warn(f"away ({told})")
        if first:
            raise first[0]
        return more

    def _read(self, followed, wait):
        """Reads on in one stream, keeps what holds, and says so."""
        followed.more = False
        more = self._ask_checkpoints(followed)
        page = self._page(followed, wait)
        new = self._keep(followed, page)
        self._owed.want(new)
        for entry in new:
            about = f"{entry['position']} {entry['type']} {entry.get('subject')}"
            say(f"{followed.stream} {about}")
        tell_ended(new)
        if not page["more"]:
            self._tell_what_is_missed(followed)
        if not page["more"] or self._begun.is_over():  # who shows old ones one by one has no end
            self._tell_silence(followed)
        self._acknowledge(followed)
        followed.more = more or page["more"]

    def _tell_what_is_missed(self, followed):
        """Warns once a day of what should have come and has not, as far as everything was read."""
        if not self._missed[followed.stream].is_over():
            return
        self._missed[followed.stream].start()
        if followed.stream == "monitoring" and is_old(followed.newest, time.time(), OLD):
            warn(f"monitoring: its newest entry is of {followed.newest or 'no time'}. {FROZEN}")
        if followed.stream == "handovers":
            with suppress(Strange):  # a file that is no answer is named when answers are sent
                self._tell_untold()
            with suppress(Strange):  # nor does a damaged dossier hold it up: `verify` names it
                tell_unexplained(self.store)

    def _tell_silence(self, followed):
        """Warns once a day of a stream that shows no fresh pulse."""
        timer, told = self._silent[followed.stream], followed.pulse.trouble(self.config)
        if told and timer.is_over():
            timer.start()
            warn(f"{followed.stream}: {told}. {FROZEN}")

    def _tell_untold(self):
        for one in untold(self.store, self.store.answers()):
            if one["written"] < time.time() - DAILY:
                warn(f"answer {one['id']} was taken, and the chain does not tell of it. Ask why")

    def _look_at_keys(self):
        if self._looked.is_over():
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
        self._looked.start()

    def _acknowledge(self, followed):
        """Says once that we have everything up to the cursor, if we have: also what was kept before
        we were started, and was not said then."""
        place, chain = followed.reached, followed.chain
        if not followed.acknowledged < place <= chain.position:
            return
        told = {"stream": followed.stream, "epoch": chain.epoch_at(place), "position": place}
        try:
            with self._told_of(followed):
                self.office.acknowledge(told, followed.cursor, chain.hash_at(place))
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


def _each(steps):
    """Does them all; what they raised of Away and Refused."""
    troubles = []
    for step in steps:
        try:
            step()
        except (Away, Refused) as trouble:
            troubles.append(trouble)
    return troubles


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
    config |= {"url": words.url, "proxy": words.proxy, "silent_after": words.silent_after}
    store.write("config.json", config)
    store.trust(new_keys(feed_keys, store))


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
    begin.add_argument("--silent-after", type=float, default=HOURS, metavar="HOURS")
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
            return _go_on(store, words)
    elif words.command == "answer":
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        said = {"answer": words.answer, "at": words.at or now, "reason": words.reason}
        said |= {"reference": words.reference, "words": words.words}
        return 0 if Client(store).answers.answer(words.number, said) else 1
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
    if words.command == "verify":
        return 0 if verify(store) else 1
    status(store)
    return 0


def _go_on(store, words):
    """What only one program may do in a folder; the exit code."""
    silent = []
    if words.command == "rejoin":
        rejoin(Client(store).office, store)
    elif words.command == "follow":
        silent = Client(store).follow(words.once)
    else:
        with listening(store, words.port) as pokes:
            Client(store).follow(once=False, pokes=pokes)
    return 2 if silent else 0


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
