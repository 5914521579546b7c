"""What may be skipped, for want of root or of a fuzzer; and nothing where all is asked for.

A pytest plugin, and the only marks by which a test may be left out.
"""

import os
import platform
import sys
from collections.abc import Generator
from typing import Any

import pytest

WHOLE = "LAPOR_WHOLE"  # set in CI: a check that is skipped there is none

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root mounts a disk, and becomes somebody else"
)
needs_fuzzer = pytest.mark.skipif(
    platform.machine() != "x86_64" or sys.version_info > (3, 14),
    reason="atheris is made for x86-64 and CPython 3.11 to 3.13 only",
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """What was skipped has failed, where nothing may be."""
    report = yield
    if report.skipped and WHOLE in os.environ:
        report.outcome = "failed"
        report.longrepr = f"nothing may be skipped here ({WHOLE}): {report.longrepr}"
    return report
