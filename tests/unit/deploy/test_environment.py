"""The embedded run is for development and demonstration."""

from pathlib import Path
from typing import Any

import pytest

from deploy.local.environment import Surroundings


@pytest.mark.parametrize(
    "told",
    [{"lapor_env": "production"}, {"extra": {"LAPOR_ENV": "production"}}],
    ids=["env", "extra"],
)
def test_it_is_never_production(told: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="never production"):
        Surroundings(secrets=tmp_path, **told).environment("notify")


def test_it_is_a_demonstration_unless_told_otherwise(tmp_path: Path) -> None:
    assert Surroundings(secrets=tmp_path).environment("notify")["LAPOR_ENV"] == "demo"
