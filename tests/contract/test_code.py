"""Contracts and code name the same events: said by their owner, heard by somebody, known to all."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import contracts
from tests.contract import consumers, source_code

OWNERS = {source.split("/")[1] for source in contracts.sources()}
SERVICES = source_code.services()
HANDLERS = [handler for service in SERVICES for handler in source_code.heard(service)]
EACH = pytest.mark.parametrize("service", SERVICES)


def own(service: str) -> set[str]:
    """The types whose stream belongs to a service."""
    return {type for type in contracts.TYPES if contracts.source(type).split("/")[1] == service}


def test_every_stream_belongs_to_a_service_that_is_read() -> None:
    assert set(SERVICES) >= OWNERS


@EACH
def test_a_service_says_what_its_contracts_promise_and_nothing_else(service: str) -> None:
    assert set(source_code.said(service)) == own(service)


@EACH
def test_every_fact_that_a_service_can_make_is_used(service: str) -> None:
    assert source_code.unsaid(service) == set()


@EACH
def test_no_source_names_an_event_without_a_contract(service: str) -> None:
    assert source_code.mentioned(service) <= set(contracts.TYPES)


@EACH
def test_a_service_hears_others_only_and_each_type_once(service: str) -> None:
    types = [handler.type for handler in HANDLERS if handler.service == service]

    assert set(types) & own(service) == set()
    assert len(set(types)) == len(types)


def test_every_event_is_heard_by_somebody() -> None:
    assert set(contracts.TYPES) - {handler.type for handler in HANDLERS} == set()


def test_the_ombudsmans_words_are_heard_by_who_shows_them_and_nobody_else() -> None:
    listeners = {h.service for h in HANDLERS if contracts.source(h.type) == "/escalation/words"}

    assert listeners == {"intake", "routing"}


@pytest.mark.parametrize(
    ("source", "listener"),
    [
        ("/intake/reports", "routing"),
        ("/intake/contacts", "notify"),
        ("/intake/consents", "escalation"),
        ("/routing/replies", "intake"),
        ("/escalation/remarks", "intake"),
    ],
)
def test_what_only_one_may_hear_is_heard_by_that_one(source: str, listener: str) -> None:
    listeners = {h.service for h in HANDLERS if contracts.source(h.type) == source}

    assert listeners == {listener}


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda h: f"{h.service}-{h.type}")
def test_a_handlers_schema_loads_every_example(handler: source_code.Handler) -> None:
    schemas = importlib.import_module(f"services.{handler.service}.schemas")

    assert handler.reads
    for name in handler.reads:
        assert consumers.refused(getattr(schemas, name), handler.type) == {}, name


SERVICE = """
class Hearing(Service):
    @subscribe("case.opened.v1")
    def begin(self, event, tx):
        self.finish(schemas.Opened().load(event.data), tx)

    def finish(self, case, tx):
        emit(tx, events.closed(case | schemas.Closed().load(case)))
"""
EVENTS = '''
def closed(case):
    """Not `case.opened.v1`."""
    return Fact("case.closed.v1", case.number, {}, case.at)

def never(case):
    return Fact("case.nonsense.v1", case.number, {}, case.at)
'''


def test_the_reader_of_source_sees_what_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "hearing"
    folder.mkdir()
    (folder / "service.py").write_text(SERVICE)
    (folder / "events.py").write_text(EVENTS)

    assert source_code.services(tmp_path) == ["hearing"]
    heard = source_code.Handler("hearing", "case.opened.v1", "begin", ("Closed", "Opened"))
    assert source_code.heard("hearing", tmp_path) == [heard]
    assert source_code.said("hearing", tmp_path) == {
        "case.closed.v1": "closed",
        "case.nonsense.v1": "never",
    }
    assert source_code.unsaid("hearing", tmp_path) == {"never"}
    assert source_code.mentioned("hearing", tmp_path) - set(contracts.TYPES) == {"case.nonsense.v1"}


def test_a_subscription_that_is_not_written_out_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "hearing").mkdir()
    (tmp_path / "hearing" / "service.py").write_text("@subscribe(TYPE)\ndef f(self): ...\n")

    with pytest.raises(ValueError, match="f does not write out"):
        source_code.heard("hearing", tmp_path)
