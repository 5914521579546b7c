"""Calendars of service units: their weeks, their own days, and whose they are. The regency's is
one of them."""

from alembic import op

revision = "0003"
down_revision = "0002"

CALENDARS = """
CREATE TABLE service_calendar (
    code   text PRIMARY KEY
           CONSTRAINT service_calendar_code_readable CHECK (code ~ '^[a-z][a-z0-9-]{1,39}$'),
    name   text NOT NULL,
    zone   text,
    decree text NOT NULL,
    CONSTRAINT service_calendar_zone_named CHECK ((code = 'regency') = (zone IS NULL))
);
CREATE TABLE calendar_week (
    id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    calendar       text NOT NULL REFERENCES service_calendar (code),
    weekdays       integer[] NOT NULL CONSTRAINT calendar_week_weekdays_known CHECK (
                   cardinality(weekdays) >= 1 AND weekdays <@ ARRAY[0, 1, 2, 3, 4, 5, 6]),
    national_days  boolean NOT NULL,
    joint_leave    boolean NOT NULL,
    effective_from date NOT NULL,
    decree         text NOT NULL
);
CREATE TABLE local_day (
    id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    calendar text NOT NULL REFERENCES service_calendar (code),
    day      date NOT NULL,
    rule     text NOT NULL
             CONSTRAINT local_day_rule_known CHECK (rule IN ('off', 'worked', 'national')),
    name     text NOT NULL,
    decree   text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX local_day_of ON local_day (calendar, day);
CREATE TABLE calendar_assignment (
    id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency         text NOT NULL,
    calendar       text NOT NULL REFERENCES service_calendar (code),
    effective_from date NOT NULL,
    decree         text NOT NULL
);
INSERT INTO service_calendar VALUES ('regency', 'Kabupaten', NULL, 'Perpres 21/2023');
INSERT INTO calendar_week
    (calendar, weekdays, national_days, joint_leave, effective_from, decree)
VALUES ('regency', '{0,1,2,3,4}', true, true, '2018-01-01', 'Perpres 21/2023');

CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is only added to', TG_TABLE_NAME;
END $$;
ALTER TABLE clock ADD calendar text NOT NULL DEFAULT 'regency';
"""
EACH = """
CREATE TRIGGER next_regime AFTER INSERT ON {table} EXECUTE FUNCTION next_regime();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    EXECUTE FUNCTION refuse_rewriting();
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(CALENDARS)
    for table in ("service_calendar", "calendar_week", "local_day", "calendar_assignment"):
        op.execute(EACH.format(table=table))
