"""Goes on after the regency restored its feed to an earlier state: what was lost there is put aside
here, and told.

Only from an entry that both have, and only into an epoch whose first entry is signed onto it. What
the regency says of its epochs is not signed; it tells where to look.
"""

from answers import mark_lost
from chain import EPOCH_OPENED, FORM, HANDED_OVER, Broken, Chain
from dossiers import file_of
from followed import Followed, Keys
from office import is_cursor
from store import STREAMS
from telling import say, warn


def rejoin(office, store):
    """Both streams. Raises Broken, and then nothing of that one has changed."""
    for stream in STREAMS:
        followed = Followed(store, stream)
        told = office.epochs(stream)
        epoch = _unmet(followed.chain, told)
        if epoch is None or epoch["before"]["position"] > followed.chain.position:
            say(f"{stream}: nothing was lost")
            continue
        head = _head(followed, epoch, told)
        _prove(head, epoch, office.page(stream, epoch["cursor"], 0))
        _go_back(followed, head, epoch["cursor"], told)


def _unmet(chain, told):
    """The first epoch that we have not met, or None. Raises Broken for what is none."""
    try:
        for one in told:
            places = one["epoch"], one["before"]["epoch"], one["before"]["position"]
            is_placed = {*map(type, places)} == {int} and type(one["before"]["hash"]) is str
            if not is_placed or not is_cursor(one["cursor"]):
                raise ValueError("no epoch")
    except FORM:
        raise Broken(chain.stream, "what is told of epochs", "form", told) from None
    return next((one for one in told if one["epoch"] not in chain.epochs()), None)


def _head(followed, epoch, told):
    """Our chain up to the entry that the epoch goes on from, if that is ours."""
    head, before = Chain(followed.stream, Keys(followed.store)), epoch["before"]
    for entry in followed.store.entries(followed.stream):
        if entry["position"] <= before["position"]:
            head.take(entry)
    ours = head.epoch if head.position else before["epoch"]
    if (ours, head.position, head.hash) != (before["epoch"], before["position"], before["hash"]):
        raise Broken(head.stream, before["position"], "fork", told)
    return head


def _prove(head, epoch, page):
    """Raises Broken unless the first entry after our head opens the epoch."""
    mark, first = head.mark(), next(iter(page["events"]), {})
    try:
        head.take(first)
    except Broken as broken:
        broken.page = page
        raise
    if (first["type"], first["epoch"]) != (EPOCH_OPENED, epoch["epoch"]):
        raise Broken(head.stream, first["position"], "epoch", page)
    head.back_to(mark)


def _go_back(followed, head, cursor, told):
    """At once for whoever looks: files and dossiers of before and after tell two stories."""
    with followed.store.taking_away():
        _put_aside(followed, head, told)
        followed.go_back(head, cursor)


def _put_aside(followed, head, told):
    """Keeps as evidence whatever stands after the head, and says so."""
    store, stream = followed.store, followed.stream
    lost = [one for one in store.entries(stream) if one["position"] > head.position]
    if not lost:
        say(f"{stream}: nothing was lost")
        return
    witnesses = [one for one in store.lines(followed.witnesses) if one["position"] > head.position]
    dossiers = _dossiers(store, lost, head) if stream == "handovers" else []
    found = f"{stream}: the regency lost {len(lost)} entries that we have, after {head.position}"
    file = store.evidence(
        stream, found=found, position=head.position + 1, check="lost", entries=lost,
        checkpoints=witnesses, dossiers=[store.read(name) for name in dossiers], epochs=told,
    )  # fmt: skip
    for name in dossiers:  # the case may be handed over again, with another one
        store.remove(name)
    mark_lost(store, lost)
    warn(f"LOST: {found}. Ask why; they are kept in {file}:")
    for one in lost:
        warn(f"  {one['epoch']}:{one['position']} {one['type']} {one.get('subject')}")


def _dossiers(store, lost, head):
    """Those of cases that are not handed over any more."""
    stay = {
        one["subject"]
        for one in store.entries("handovers")
        if one["type"] == HANDED_OVER and one["position"] <= head.position
    }
    gone = {one["subject"] for one in lost if one["type"] == HANDED_OVER} - stay
    return [name for name in map(file_of, sorted(gone)) if store.read(name)]
