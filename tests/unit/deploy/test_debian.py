"""What apt is told of this machine."""

from deploy.local.debian import OURS, without

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
