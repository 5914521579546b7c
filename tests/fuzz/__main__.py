"""`python -m tests.fuzz [options of libFuzzer] [folder to keep finds and seeds in]`.

Without options it runs until something is found: `-max_total_time=600` is ten minutes, `-runs=N`
so many inputs, `-seed=N` the same ones again. A find is written as `crash-...` and told with its
trace; `python -m tests.fuzz FILE` tries one again.
"""

import sys
from pathlib import Path

from deploy.local.environment import CACHE, STATE
from tests.fuzz import engine

LIMITS = ("-max_len=65536", "-timeout=10", "-rss_limit_mb=2048")


def main(arguments: list[str]) -> None:
    sys.path.append(str(engine.folder(CACHE)))
    import atheris  # only now: it is where it was put a moment ago

    with atheris.instrument_imports(include=["chassis", "contracts", "marshmallow", "services"]):
        from tests.fuzz import target

    def one(data: bytes) -> None:
        if data:
            target.judge(data[0] % len(target.DOORS), data[1:])

    told = [word for word in arguments if word.startswith("-")]
    places = [Path(word) for word in arguments if not word.startswith("-")]
    if not any(place.is_file() for place in places):
        home = (places or [STATE / "fuzz"])[0]
        places = [home / "inputs"]
        places[0].mkdir(parents=True, exist_ok=True)
        for number, (door, raw) in enumerate(target.seeds()):
            (places[0] / f"seed-{number}").write_bytes(bytes([door]) + raw)
        quoted = [word.encode() for word in sorted(target.words())]
        lines = ['"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in quoted]
        (home / "words").write_text("\n".join(lines))
        told += [f"-dict={home / 'words'}", f"-artifact_prefix={home}/"]
    atheris.Setup([sys.argv[0], *LIMITS, *told, *map(str, places)], one)
    atheris.Fuzz()


main(sys.argv[1:])
