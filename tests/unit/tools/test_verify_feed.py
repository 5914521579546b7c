"""What `verify-feed` says of a feed that its publisher tells anew, or that only looks as if."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.harness import guides
from tests.unit.tools.published import KEYS, Answer, Documents, Published, of, showing, site

tool = guides.loaded(guides.TOOLS / "verify-feed" / "verify_feed.py")
HONEST, ANEW = Published(400), Published(400, "anew")
OTHER = Published(150, stream="handovers")
Said = tuple[int, str]


class Reader:
    """Somebody outside, with the publisher's keys and a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "keys").write_text(KEYS)
        (folder / "bearer").write_text("a key\n")

    def file(self, name: str, documents: Documents) -> str:
        """One on each line."""
        (self.folder / name).write_text("".join(json.dumps(one) + "\n" for one in documents))
        return name

    def run(self, *words: str) -> Said:
        """How it went, and what was found; or why nothing was."""
        argv, out, errors = ["verify_feed.py", "--keys", "keys", *words], StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(errors), patch.object(sys, "argv", argv):
            try:
                code = tool.main()
            except SystemExit as usage:
                code = usage.code
        return code, (out.getvalue() or errors.getvalue()).splitlines()[-1]

    def reads(self, events: Documents, *words: str, **given: Documents) -> Said:
        """From files; `given` are those for options."""
        options = [word for name in given for word in (f"--{name}", self.file(name, given[name]))]
        return self.run(*options, *words, self.file("entries", events))

    def asks(self, answer: Answer, *words: str, witness: Documents | None = None) -> Said:
        """From a site."""
        kept = ("--witness", self.file("kept", witness)) if witness is not None else ()
        with site(answer) as url:
            return self.run("--url", url, "--bearer", "bearer", *kept, *words)


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.chdir(tmp_path)
    return Reader(tmp_path)


def kept(*places: int, feed: Published = HONEST) -> Documents:
    return [feed.checkpoint(place) for place in places]


def test_an_honest_feed_holds(reader: Reader) -> None:
    """The control, from the start and from a kept place, by itself and beside checkpoints."""
    shown = HONEST.checkpoints()

    assert reader.reads(HONEST.events) == (0, "400 entries hold, up to 1:400")
    assert reader.reads(HONEST.events, witness=kept(50), checkpoints=shown)[0] == 0
    assert reader.reads(HONEST.events[100:], witness=kept(100), checkpoints=shown)[0] == 0
    end = [HONEST.end(130)]
    assert reader.reads(HONEST.events[130:], witness=end) == (0, "270 entries hold, up to 1:400")
    assert reader.asks(of(HONEST), witness=kept(50, 250))[0] == 0


CONTRADICTED: dict[str, tuple[int, Documents, Said]] = {
    "kept before it and where it begins": (101, kept(50, 100), (1, "broken at 100 (checkpoint)")),
    "kept before it only": (301, kept(250), (1, "broken at 1 (position)")),
    "kept where it begins, once honest": (
        101, kept(100, feed=ANEW) + kept(100), (1, "broken at 100 (checkpoint)"),
    ),
    "kept where it begins, last honest": (
        101, kept(100) + kept(100, feed=ANEW), (1, "broken at 100 (checkpoint)"),
    ),
    "kept before it, where a checkpoint is": (
        301, kept(100) + kept(300, feed=ANEW), (1, "broken at 100 (checkpoint)"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRADICTED)
def test_a_feed_signed_anew_does_not_begin_behind_what_was_kept(reader: Reader, name: str) -> None:
    first, witness, said = CONTRADICTED[name]
    shown = ANEW.checkpoints()

    assert reader.reads(ANEW.events[first - 1 :], witness=witness, checkpoints=shown) == said


def test_without_the_publishers_word_it_does_not_follow_either(reader: Reader) -> None:
    assert reader.reads(ANEW.events[100:], witness=kept(100)) == (1, "broken at 101 (chain)")
    two = kept(100) + kept(100, feed=ANEW)
    assert reader.reads(ANEW.events[100:], witness=two)[0] == 1


def test_only_a_kept_place_is_a_beginning(reader: Reader) -> None:
    late, shown = HONEST.events[100:], HONEST.checkpoints()

    assert reader.reads(late, checkpoints=shown) == (1, "broken at 1 (position)")
    withheld = showing(late, shown)
    assert reader.asks(withheld) == (1, "broken at 1 (position)")
    assert reader.asks(withheld, witness=kept(100)) == (1, "broken at 1 (position)")


def test_a_pulse_is_no_checkpoint_and_no_witness(reader: Reader) -> None:
    """Else it stands for one that is missing, or accuses who signed both."""
    pulse, shown = HONEST.pulse(200), HONEST.checkpoints()
    unread = "cannot be checked: Unreadable('neither a checkpoint nor an end')"
    instead = [shown[0], pulse, *shown[2:]]

    assert reader.reads(HONEST.events, checkpoints=instead) == (2, unread)
    assert reader.reads(HONEST.events[200:], witness=[pulse]) == (2, unread)
    assert reader.asks(showing(HONEST.events, instead)) == (2, unread)


def test_a_witness_that_says_nothing_is_none(reader: Reader) -> None:
    """Else whoever keeps them by a script that wrote nothing takes a feed signed anew for kept."""
    assert reader.reads(HONEST.events, witness=[])[0] == 2
    assert reader.asks(of(HONEST), witness=[])[0] == 2
    assert reader.reads(HONEST.events[:50], checkpoints=[])[0] == 0


def test_what_was_kept_from_before_the_beginning_cannot_be_checked(reader: Reader) -> None:
    code, said = reader.reads(HONEST.events[100:], witness=kept(50, 80, 100, 250))

    assert code == 2
    assert "[50, 80]" in said
    assert reader.reads(ANEW.events[100:], witness=kept(50, 100))[0] == 1


def test_another_stream_is_not_taken_for_the_one_asked_for(reader: Reader) -> None:
    assert reader.asks(of(OTHER)) == (1, "broken at 1 (source)")
    assert reader.asks(of(OTHER), "--stream", "handovers")[0] == 0
    mixed = showing(HONEST.events, OTHER.checkpoints())
    assert reader.asks(mixed) == (1, "broken at 100 (checkpoint)")
    assert reader.reads(OTHER.events, "--stream", "monitoring") == (1, "broken at 1 (source)")
    assert reader.reads([*HONEST.events[:9], OTHER.events[9]]) == (1, "broken at 10 (source)")


def test_what_was_kept_of_another_stream_accuses_nobody(reader: Reader) -> None:
    both = [HONEST.end(130), OTHER.end(130), OTHER.end(150)]

    for events in (HONEST.events, HONEST.events[130:]):
        assert reader.reads(events, witness=both)[0] == 0
    assert reader.asks(of(HONEST), witness=both)[0] == 0
    assert reader.reads(HONEST.events, witness=both[1:])[0] == 2
    assert reader.asks(of(HONEST), witness=both[1:])[0] == 2
    assert reader.reads([], witness=both)[0] == 2
    assert reader.reads([], "--stream", "handovers", witness=both) == (1, "broken at 1 (end)")


class Growing:
    """Shows a feed that gets longer after each answer; or what `change` makes of the second list
    of its checkpoints."""

    def __init__(self, change: Callable[[Documents], Documents] = lambda found: found) -> None:
        self.feed, self.lists, self._change = Published(150), 0, change

    def __call__(self, what: str, _: str) -> Documents:
        found = list(self.feed.events) if what == "feed" else self.feed.checkpoints()
        self.lists += what != "feed"
        self.feed.grow(130)
        self.feed.places = list(range(100, len(self.feed.events) + 1, 100))
        return self._change(found) if self.lists == 2 else found


def test_an_honest_feed_may_grow_while_it_is_read(reader: Reader) -> None:
    assert reader.asks(Growing()) == (0, "280 entries hold, up to 1:280")


CHANGES: dict[str, tuple[Callable[[Documents], Documents], int]] = {
    "one gone that was shown": (lambda found: found[1:], 100),
    "another in its place": (lambda found: [{**found[0], "time": "later"}, *found[1:]], 100),
    "another beside it": (lambda found: [ANEW.checkpoint(100), *found], 100),
    "a later one missing": (lambda found: [found[0], *found[2:]], 200),
    "a later one of another feed": (
        lambda found: [found[0], ANEW.checkpoint(200), *found[2:]], 200,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_checkpoints_do_not_change_while_it_is_read(reader: Reader, name: str) -> None:
    change, place = CHANGES[name]

    assert reader.asks(Growing(change)) == (1, f"broken at {place} (checkpoint)")


def test_what_checkpoints_showed_first_must_be_among_the_entries(reader: Reader) -> None:
    cut = showing(HONEST.events[:350], HONEST.checkpoints())

    assert reader.asks(cut) == (1, "broken at 351 (end)")


def test_a_page_is_not_all_checkpoints(reader: Reader) -> None:
    shown = HONEST.checkpoints()
    first = {"checkpoints": shown[:1], "cursor": "x", "more": True}
    last = {"checkpoints": shown[1:], "cursor": "y", "more": False}

    code, said = reader.reads(HONEST.events, checkpoints=[first])
    assert code == 2
    assert "more" in said
    assert reader.reads(HONEST.events, checkpoints=[first, last])[0] == 0
    assert reader.reads(HONEST.events, witness=[first])[0] == 0


def test_checkpoints_in_files_leave_none_out_and_tell_of_no_entry_that_is_not_given(
    reader: Reader,
) -> None:
    shown = HONEST.checkpoints()

    missing = [shown[0], *shown[2:]]
    assert reader.reads(HONEST.events, checkpoints=missing) == (1, "broken at 200 (checkpoint)")
    code, said = reader.reads(HONEST.events[:350], checkpoints=shown)
    assert code == 2
    assert "[400]" in said
    assert reader.reads(HONEST.events[:350], witness=shown) == (1, "broken at 351 (end)")


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


LINE = json.dumps(HONEST.events[4])
DATA = json.dumps(HONEST.events[4]["data"])
TAMPERED: dict[str, str] = {
    "half a letter in a value": LINE.replace('"so"', r'"\ud800"'),
    "half a letter in a name": LINE.replace('"word"', r'"\udfff"'),
    "half a letter in its id": LINE.replace("so 5", r"\ud800"),
    "no source": LINE.replace('"/escalation/feed/monitoring"', "null"),
    "a list for a key": LINE.replace('"ours"', "[]"),
    "a list for data": LINE.replace(DATA, "[]"),
    "a text for an epoch": LINE.replace('"epoch": 1', '"epoch": "1"'),
    "a fraction": LINE.replace(DATA, '{"n": 1.5}'),
    "no number": LINE.replace(DATA, '{"n": NaN}'),
    "five thousand digits": LINE.replace(DATA, f'{{"n": {"9" * 5000}}}'),
    "a name twice": LINE.replace(DATA, '{"word": "no", "word": "so"}'),
    "deep": LINE.replace(DATA, f'{{"n": {deep(600)}}}'),
    "too deep": LINE.replace(DATA, f'{{"n": {deep(100_000)}}}'),
    "nothing": "null",
    "deep, and no entry": deep(100_000),
}


@pytest.mark.parametrize("name", TAMPERED)
@pytest.mark.parametrize("is_page", [False, True], ids=["lines", "page"])
def test_an_entry_that_none_can_be_is_named(reader: Reader, name: str, is_page: bool) -> None:
    lines = [json.dumps(one) for one in HONEST.events[:8]]
    lines[4] = TAMPERED[name]
    text = f'{{"events": [{",".join(lines)}]}}' if is_page else "\n".join(lines)
    (reader.folder / "entries").write_text(text)

    assert reader.run("--save", "saved", "entries") == (1, "broken at 5 (form)")
    saved = (reader.folder / "saved").read_text()
    assert saved.splitlines()[:4] == lines[:4]
    assert reader.run("saved")[0] == (1 if len(saved.splitlines()) == 5 else 0)


@pytest.mark.parametrize("name", TAMPERED)
def test_it_is_named_where_the_file_begins_too(reader: Reader, name: str) -> None:
    (reader.folder / "entries").write_text(TAMPERED[name])
    witness = reader.file("kept", [HONEST.checkpoint(4), OTHER.checkpoint(4)])

    code, said = reader.run("--witness", witness, "entries")

    assert (code, said[:9]) == (1, "broken at")
    assert said.endswith("(form)")


def test_bytes_that_are_no_text_are_named(reader: Reader) -> None:
    lines = [json.dumps(one).encode() for one in HONEST.events[:8]]
    lines[4] = lines[4].replace(b'"so"', b'"\xff"')
    (reader.folder / "entries").write_bytes(b"\n".join(lines))

    assert reader.run("--save", "saved", "entries") == (1, "broken at 5 (form)")


def test_an_entry_of_a_site_that_none_can_be_is_named(reader: Reader) -> None:
    bad: dict[str, Any] = {**HONEST.events[4], "data": {"word": "\ud800"}}
    events = [*HONEST.events[:4], bad]

    assert reader.asks(showing(events, []), "--save", "saved") == (1, "broken at 5 (form)")


def test_a_key_that_is_announced_under_no_name_is_none(reader: Reader) -> None:
    feed = Published(3)
    key = {"kid": [], **{name: json.loads(KEYS)["keys"][0][name] for name in ("crv", "x")}}
    feed.append({"key": key}, type="feed.key.announced.v1")

    assert reader.reads(feed.events) == (1, "broken at 4 (key)")


def test_a_key_is_withdrawn_by_its_name_or_not_at_all(reader: Reader) -> None:
    for kid, said in (("another", "4 entries hold, up to 1:4"), ([], "broken at 4 (key)")):
        feed = Published(3)
        feed.append({"kid": kid}, type="feed.key.withdrawn.v1")

        assert reader.reads(feed.events)[1] == said


def test_words_that_do_not_go_together_are_told(reader: Reader) -> None:
    """Nothing that was given is passed over in silence."""
    shown = reader.file("shown", HONEST.checkpoints())

    assert reader.asks(of(HONEST), "--checkpoints", shown)[0] == 2
    assert reader.asks(of(HONEST), shown)[0] == 2
    assert reader.run("--url", "file:///", "--bearer", "bearer")[0] == 2
