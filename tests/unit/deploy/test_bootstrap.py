"""Where packages come from: what pip is told here, and the public index only if nothing is."""

from pathlib import Path

import pytest

from deploy import bootstrap


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home of its own and no variable that speaks of an index."""
    for name in ("PIP_INDEX_URL", "PIP_CERT", "SSL_CERT_FILE", "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    config = tmp_path / "pip.conf"
    config.write_text("")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return config


def test_a_variable_wins_over_a_file(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare.write_text("[global]\nindex-url = https://file.example/simple\n")
    assert bootstrap.index() == "https://file.example/simple"

    monkeypatch.setenv("PIP_INDEX_URL", "https://variable.example/simple")

    assert bootstrap.index() == "https://variable.example/simple"
    assert bootstrap.uv_environment()["UV_DEFAULT_INDEX"] == "https://variable.example/simple"


def test_uv_trusts_whom_pip_trusts(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CERT", "/somewhere/authority.pem")

    assert bootstrap.uv_environment()["SSL_CERT_FILE"] == "/somewhere/authority.pem"


def test_a_broken_file_is_as_good_as_none(bare: Path) -> None:
    bare.write_text("not a configuration")

    assert bootstrap._pip_setting("cert") == ""


def test_links_are_read_from_a_simple_page() -> None:
    links = bootstrap._Links()

    links.feed('<a href="../../uv-1.whl#sha256=aa" data-x="y">uv-1.whl</a><a>none</a>')

    assert links.found == ["../../uv-1.whl#sha256=aa"]


def test_a_file_that_was_altered_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "find_spec", lambda _: None)
    monkeypatch.setattr(bootstrap, "by_hand", lambda wheel: wheel.write_bytes(b"something else"))

    with pytest.raises(bootstrap.Stuck, match="not the file that was pinned"):
        bootstrap.fetch_uv(tmp_path / "uv" / "uv")

    assert not (tmp_path / "uv" / "uv").exists()
