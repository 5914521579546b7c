"""What apt is told of this machine, and what a person is told where there is none."""

import pytest

from deploy.local.debian import OURS, without
from deploy.local.process import Failed
from deploy.local.prometheus import program

STATUS = """Package: libc6
Status: install ok installed

Package: erlang-base
Status: install ok installed

Package: elixir
Status: install ok installed
Depends: erlang-base
"""


def test_apt_is_told_of_everything_but_what_must_come_whole() -> None:
    told = without(OURS, STATUS)

    assert "Package: libc6" in told
    assert "Package: elixir" in told
    assert "Package: erlang-base" not in told


def test_where_a_program_cannot_be_had_it_is_said_what_to_install(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(Failed, match=r"no promtool in PATH, .* install prometheus"):
        program("promtool", tmp_path)
