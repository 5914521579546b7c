"""What nobody can have meant is refused with a word, before anything is asked for it."""

import sys

import pytest

from chassis import cli


@pytest.mark.parametrize("action", ["show", "replay", "drop"])
def test_what_is_no_id_of_an_event_never_reaches_the_database(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    """PostgreSQL would quote it in its log."""
    monkeypatch.setattr(sys, "argv", ["python", "parked", action, "Siti"])

    with pytest.raises(SystemExit) as refused:
        cli.main("intake")

    assert refused.value.code == 2
    assert "argument id: invalid" in capsys.readouterr().err
