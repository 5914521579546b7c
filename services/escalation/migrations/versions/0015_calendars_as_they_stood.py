"""A due date explains itself by the calendar that it was counted by: each week and day has the
regime's version that it came with, and a day that is changed or taken away is kept."""

from alembic import op

revision = "0015"
down_revision = "0014"

# The version rises before the rows are written: they get the new one, and who writes at the same
# time waits until it is known.
VERSIONS = """
CREATE FUNCTION come_with_regime() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.regime := (SELECT version FROM regime);
    RETURN NEW;
END $$;
CREATE TABLE former_day (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day          date NOT NULL,
    name         text NOT NULL,
    kind         text NOT NULL,
    basis        text NOT NULL,
    regime       bigint NOT NULL,
    until_regime bigint NOT NULL
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON former_day
    EXECUTE FUNCTION refuse_change();
CREATE FUNCTION keep_former_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO former_day (day, name, kind, basis, regime, until_regime)
    SELECT OLD.day, OLD.name, OLD.kind, OLD.basis, OLD.regime, version FROM regime;
    RETURN NULL;
END $$;
"""
# What stood before there were versions has stood since the first.
EACH = """
ALTER TABLE {table} ADD regime bigint NOT NULL DEFAULT 0;
ALTER TABLE {table} ALTER regime DROP DEFAULT;
DROP TRIGGER next_regime ON {table};
CREATE TRIGGER next_regime BEFORE {changes} ON {table} EXECUTE FUNCTION next_regime();
CREATE TRIGGER come_with_regime BEFORE INSERT OR UPDATE ON {table}
    FOR EACH ROW EXECUTE FUNCTION come_with_regime();
"""
TABLES = {
    "calendar_day": "INSERT OR UPDATE OR DELETE OR TRUNCATE",
    "calendar_week": "INSERT",
    "local_day": "INSERT",
}
FORMER = """
CREATE TRIGGER keep_former_day AFTER UPDATE OR DELETE ON calendar_day
    FOR EACH ROW EXECUTE FUNCTION keep_former_day();
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(VERSIONS)
    for table, changes in TABLES.items():
        op.execute(EACH.format(table=table, changes=changes))
    op.execute(FORMER)
