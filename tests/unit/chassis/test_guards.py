"""What the chassis promises about itself: small, and every failpoint crashed on purpose."""

import ast
import io
import re
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LARGEST = 2_169
SKIPPED = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENDMARKER,
}  # fmt: skip


def sources(*folders: str) -> list[Path]:
    return [p for folder in folders for p in sorted((ROOT / folder).rglob("*.py"))]


def lines_of_code(source: str) -> int:
    """Lines that hold code: no blank, comment or docstring."""
    docs: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            docs |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return len({t.start[0] for t in tokens if t.type not in SKIPPED} - docs)


def test_the_chassis_stays_small():
    assert sum(lines_of_code(p.read_text()) for p in sources("chassis")) <= LARGEST


def test_no_file_is_longer_than_a_reader_bears():
    long = {
        str(p.relative_to(ROOT)): n
        for p in sources("chassis", "contracts", "services", "deploy", "tests")
        if (n := len(p.read_text().splitlines())) > 400
    }

    assert long == {}


def test_every_failpoint_has_a_crash_test():
    named = re.compile(r'failpoint\(\s*"([a-z_.]+)"\s*\)')
    points = {n for p in sources("chassis", "services") for n in named.findall(p.read_text())}
    tests = "\n".join(p.read_text() for p in sources("tests") if p != Path(__file__))

    assert points
    assert {point for point in points if point not in tests} == set()


def test_nobody_but_the_clock_asks_what_time_it_is():
    asks = re.compile(r"datetime\.now\(|datetime\.utcnow\(|time\.time\(|date\.today\(")
    guilty = {
        str(p.relative_to(ROOT))
        for p in sources("chassis", "contracts", "services")
        if asks.search(p.read_text())
    }

    assert guilty == {"chassis/clock.py"}


def test_no_service_hosts_an_entrypoint_of_nameko_itself():
    forbidden = re.compile(r"nameko\.(events|rpc|messaging|timer|web)")

    assert not [p for p in sources("chassis", "services") if forbidden.search(p.read_text())]
