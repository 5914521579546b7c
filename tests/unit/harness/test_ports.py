"""Several processes of one run give out no port twice."""

import pytest

from deploy.local.process import PORTS, _ports, free_port
from tests.conftest import take_ports


def test_each_process_of_a_run_has_ports_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    parts = []
    for worker in ("gw0", "gw1", "gw2"):
        monkeypatch.setenv("LAPOR_PORTS", PORTS)
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        take_ports()
        parts.append(set(_ports()))
        assert free_port() in parts[-1]

    assert sum(map(len, parts)) == len(set().union(*parts))
    monkeypatch.setenv("LAPOR_PORTS", PORTS)
    assert set().union(*parts) <= set(_ports())
