"""A pause of the machine is measured; a test's own slowness is not taken for one."""

import time
from pathlib import Path
from signal import SIGCONT, SIGSTOP

from tests.harness.stalls import Stalls
from tests.harness.waiting import eventually


def test_a_machine_that_does_nothing_for_a_second_is_noticed_and_one_that_works_is_not(
    tmp_path: Path,
) -> None:
    with Stalls(tmp_path) as stalls:
        began = time.monotonic()
        stalls.signal(SIGSTOP)  # stands for a machine on which nothing runs
        eventually(lambda: time.monotonic() - began > 1, every=0.05)
        stalls.signal(SIGCONT)
        ended = time.monotonic()
        eventually(lambda: stalls.during(began, ended) > 0.9)
        assert 0.9 < stalls.during(began, ended) <= ended - began
        assert stalls.during(began, began + 0.5) <= 0.5
        assert stalls.during(began - 9, began - 8) == 0

        # the machine itself may stand still for a moment, but not each time
        assert any(stalled_while_busy(stalls) < 0.5 for _ in range(3))


def stalled_while_busy(stalls: Stalls) -> float:
    """What is measured of a second's work."""
    began = time.monotonic()
    while time.monotonic() - began < 1:
        pass
    return stalls.during(began, time.monotonic())
