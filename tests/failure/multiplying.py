"""Many cases out of one, without an event for each."""

from tests.service.escalation.tower import Tower


def multiply(tower: Tower, model: str, how_many: int) -> None:
    """That many cases, all as `model` is now, with its clocks and what they wake for."""
    for table, own in (
        ("case_state", {"number"}),
        ("clock", {"id", "number"}),
        ("due", {"id", "number", "clock_id"}),
    ):
        found = tower.database.psql(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table]
        )
        same = ", ".join(f't."{name}"' for (name,) in found if name not in own)
        there = same.replace("t.", "")
        number = f"'{model[:10]}' || lpad(n::text, 5, '0')"
        clock = (
            f"(SELECT c.id FROM clock c JOIN clock m ON m.id = t.clock_id AND m.clock = c.clock"
            f" WHERE c.number = {number})"
        )
        names, values = ("clock_id, ", f"{clock}, ") if table == "due" else ("", "")
        tower.database.psql(
            f"INSERT INTO {table} (number, {names}{there}) SELECT {number}, {values}{same}"
            f" FROM {table} t, generate_series(1, {how_many - 1}) n WHERE t.number = '{model}'"
        )
