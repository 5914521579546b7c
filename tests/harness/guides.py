"""The tools for people outside, as they stand there: their code, what it imports, their guides."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from deploy.local.environment import ROOT

TOOLS = ROOT / "tools"
SECONDS = 60


def loaded(tool: Path) -> Any:
    """The tool's own code."""
    spec = importlib.util.spec_from_file_location(tool.stem, tool)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def foreign(tool: Path) -> set[str]:
    """What it imports that does not come with Python."""
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(tool.read_text()))
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    return imported - sys.stdlib_module_names


def by_hand(
    tool: Path, heading: str, folder: Path, *, stops: bool = False
) -> subprocess.CompletedProcess[str]:
    """The commands that stand below a heading of the tool's guide, run in a folder; to the last,
    unless it `stops` at the first that fails."""
    text = (tool.parent / "README.md").read_text().partition(f"## {heading}\n")[2]
    commands = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    shell = ["/bin/sh", *(["-e"] if stops else []), "-c", commands]
    told = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        shell, cwd=folder, env=told, capture_output=True, text=True, check=False, timeout=SECONDS
    )


def run(tool: Path, folder: Path, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """The tool, run in a folder as people outside run it."""
    return subprocess.run(
        [sys.executable, str(tool), *words], cwd=folder, env={"TZ": "UTC"}, input=said,
        capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip
