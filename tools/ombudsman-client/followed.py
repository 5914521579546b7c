"""A stream as it is kept: what is shown of it is checked, then written, and gone on from."""

from answers import compare
from chain import Broken, Chain
from office import NOTHING_NEW, Away
from pulses import Pulse


class Keys:
    """The trusted keys, read again for a name that is not there: somebody may have pinned it."""

    def __init__(self, store):
        self._store, self._known = store, store.keys()

    def get(self, kid):
        """A key by its name, or None."""
        if kid not in self._known:
            self._known = self._store.keys()
        return self._known.get(kid)


class Followed:
    """One stream as it is kept. Raises Broken if what is kept does not hold."""

    def __init__(self, store, stream, *, alone=True):
        """Whoever is not `alone` in the folder writes nothing there: half a line may be another's,
        who is writing it. Checkpoints are read first, so that their entries are there."""
        self.store, self.stream = store, stream
        self.name, self.witnesses = f"{stream}.jsonl", f"{stream}-checkpoints.jsonl"
        if alone:
            store.cut(self.name)
            store.cut(self.witnesses)
        witnesses = list(store.lines(self.witnesses))
        self.chain, self.newest = Chain(stream, Keys(store)), None
        for entry in store.entries(stream):
            self.chain.take(entry)
            self.newest = entry.get("time")  # as the last entry tells it
        if alone:
            store.trust(self.chain.announced)
            store.distrust(self.chain.withdrawn)
        kept = store.read(f"{stream}.json", {})
        self.cursor, self.acknowledged = kept.get("cursor", ""), kept.get("acknowledged", 0)
        self.reached = kept.get("position", 0)  # which entry the cursor stands after
        self.checkpoints = kept.get("checkpoints", "")  # the cursor after those that are kept
        self.pulse = Pulse(stream, kept.get("pulse"), store.read("config.json", {}))
        self._expected, self._met = [], {}
        self.more = False  # whether more was there when it was last asked for
        self._shown = 0  # the place of the last checkpoint that came since we were started
        self._hold(witnesses)

    def keep(self, page):
        """Checks a page, then writes its new entries, then its cursor; the new entries. Of a page
        that does not hold, what stands before the broken entry is not kept either. Raises Away for
        one that leads no further and says that there is more: it could be asked for ever."""
        _leads_on(page["more"], page["events"], self.reached)
        before, self.chain.elsewhere = self.chain.mark(), self.store.withdrawn()
        try:
            new = [entry for entry in page["events"] if self.chain.take(entry)]
            for entry in new:
                compare(self.store, self.stream, entry)
        except Broken as broken:
            self.chain.back_to(before)
            broken.page = page
            raise
        if new:
            self.store.add(self.name, new)
            self.store.trust(self.chain.announced)
            self.store.distrust(self.chain.withdrawn)
            self.newest = new[-1].get("time")
        self.cursor = page["cursor"]
        self.reached = page["events"][-1]["position"] if page["events"] else self.reached
        self.save()
        return new

    @property
    def awaits(self):
        """Whether checkpoints were told whose entries have not come."""
        return bool(self._expected)

    def expect(self, page):
        """Notes checkpoints and a pulse, which the entries must bear out that are asked for after
        them. Raises Away as `keep`. They may be known: after a `rejoin` they come again from the
        first."""
        told = page["checkpoints"]
        _leads_on(page["more"], told, self._shown)
        self.pulse.show(page.get("pulse"))
        self._expected, self._after = told, page["cursor"]
        self._shown = _place(told[-1]) or self._shown if told else self._shown

    def witness(self, more):
        """Keeps the checkpoints whose entries are here; once there are no more entries, that must
        be all of them, and the pulse's too. Raises Broken for one that tells of another entry than
        ours."""
        here = [one for one in self._expected if not self._is_later(one)]
        self._expected = [one for one in self._expected if self._is_later(one)]
        if fresh := self._hold(here):
            self.store.add(self.witnesses, fresh)
        if self._expected and not more:
            raise Broken(self.stream, self.chain.position + 1, "end", self._expected)
        newest = self.pulse.newest
        if not more:
            self.pulse.take(self.chain)
        if here and not self._expected:
            self.checkpoints = self._after
        if (here and not self._expected) or self.pulse.newest != newest:
            self.save()

    def go_back(self, head, cursor):
        """Goes on from a chain that ends earlier. What is kept after its end leaves our files: the
        caller has put it aside."""
        for name in (self.witnesses, self.name):
            self.store.shorten(name, lambda one: one["position"] <= head.position)
        self.chain, self.cursor, self.checkpoints = head, cursor, ""  # those come again, the same
        self.reached, self.acknowledged = head.position, min(self.acknowledged, head.position)
        self.save()

    def save(self):
        """Writes where to go on."""
        at = {"cursor": self.cursor, "acknowledged": self.acknowledged}
        at |= {"position": self.reached, "hash": self.chain.hash_at(self.reached)}
        at |= {"checkpoints": self.checkpoints, "pulse": self.pulse.newest}
        self.store.write(f"{self.stream}.json", at)

    def _hold(self, checkpoints):
        """Those that are new. A place has one checkpoint for ever."""
        fresh = []
        for one in checkpoints:
            try:
                self.chain.hold(one)
            except Broken as broken:
                broken.page = one
                raise
            known = self._met.setdefault(one["position"], one)
            if known is one:
                fresh.append(one)
            elif known != one:
                raise Broken(self.stream, one["position"], "checkpoint", [known, one])
        return fresh

    def _is_later(self, checkpoint):
        return (_place(checkpoint) or 0) > self.chain.position


def _leads_on(more, told, seen):
    """Raises Away for a page that says that there is more after what was seen already. What has no
    place is not of its form, which is told by who checks it."""
    last = _place(told[-1]) if told else None
    if more and last is not None and last <= seen:
        raise Away(NOTHING_NEW)


def _place(one):
    """The position that an entry or a checkpoint tells, or None if that is no number."""
    position = one.get("position") if isinstance(one, dict) else None
    return position if isinstance(position, int) else None
