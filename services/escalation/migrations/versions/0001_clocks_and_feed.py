"""Limits, ladder and calendar; the clocks of each case and what falls due; the Ombudsman's feed."""

from alembic import op

from chassis import tables

revision = "0001"
down_revision = None

PROMISES = """
CREATE TABLE regime (
    id      integer PRIMARY KEY CONSTRAINT regime_single CHECK (id = 1),
    version bigint NOT NULL
);
INSERT INTO regime VALUES (1, 1);

CREATE TABLE calendar_year (
    year   integer PRIMARY KEY,
    decree text
);
CREATE TABLE calendar_day (
    day      date PRIMARY KEY,
    name     text NOT NULL,
    kind     text NOT NULL CONSTRAINT calendar_day_kind_known
             CHECK (kind IN ('public', 'joint_leave', 'local')),
    basis    text NOT NULL,
    imported boolean NOT NULL
);
CREATE TABLE limit_rule (
    id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clock          text NOT NULL CONSTRAINT limit_rule_clock_known
                   CHECK (clock IN ('V', 'F', 'S', 'R', 'A', 'D', 'H')),
    kind           text,
    class          text,
    days           integer NOT NULL CONSTRAINT limit_rule_days_positive CHECK (days >= 1),
    unit           text NOT NULL CONSTRAINT limit_rule_unit_known
                   CHECK (unit IN ('working', 'calendar')),
    effective_from date NOT NULL,
    decree         text NOT NULL,
    CONSTRAINT limit_rule_once UNIQUE NULLS NOT DISTINCT (clock, kind, class, effective_from)
);
CREATE TABLE ladder_rule (
    id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clock          text NOT NULL CONSTRAINT ladder_rule_clock_known
                   CHECK (clock IN ('V', 'F', 'S', 'R', 'A', 'D', 'H')),
    class          text,
    level          integer NOT NULL
                   CONSTRAINT ladder_rule_level_known CHECK (level BETWEEN 0 AND 3),
    after_days     integer NOT NULL,
    brought_to     text NOT NULL CONSTRAINT ladder_rule_brought_to_known CHECK (brought_to IN (
        'holder', 'head_of_coordinator', 'head_of_agency', 'sekda', 'inspectorate', 'bupati')),
    effective_from date NOT NULL,
    decree         text NOT NULL,
    CONSTRAINT ladder_rule_only_reminders_before CHECK ((level = 0) = (after_days < 0)),
    CONSTRAINT ladder_rule_only_holders_reminded
        CHECK ((level = 0) = (brought_to = 'holder')),
    CONSTRAINT ladder_rule_raised_known
        CHECK (level = 0 OR clock IN ('V', 'F', 'S', 'A')),
    CONSTRAINT ladder_rule_once UNIQUE NULLS NOT DISTINCT (clock, class, level, effective_from)
);

-- Whoever changes what a due date follows from, by whatever tool: open clocks are measured again.
CREATE FUNCTION next_regime() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE regime SET version = version + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER next_regime AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON calendar_year
    EXECUTE FUNCTION next_regime();
CREATE TRIGGER next_regime AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON calendar_day
    EXECUTE FUNCTION next_regime();
CREATE TRIGGER next_regime AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON limit_rule
    EXECUTE FUNCTION next_regime();
CREATE TRIGGER next_regime AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ladder_rule
    EXECUTE FUNCTION next_regime();

CREATE TABLE publication (
    id     integer PRIMARY KEY CONSTRAINT publication_single CHECK (id = 1),
    regime bigint NOT NULL,
    day    date NOT NULL
);
"""
CLOCKS = """
CREATE TABLE case_state (
    number         text PRIMARY KEY,
    status         text NOT NULL,
    kind           text NOT NULL,
    class          text,
    category       text,
    agency         text,
    cycle          integer NOT NULL DEFAULT 1,
    follows        boolean NOT NULL DEFAULT false,
    received_at    timestamptz NOT NULL,
    unheard_cycle  integer,
    offered_at     timestamptz,
    handed_over_at timestamptz
);
CREATE INDEX case_state_unheard ON case_state (number) WHERE unheard_cycle > 0;

CREATE TABLE consent (
    number text PRIMARY KEY,
    at     timestamptz NOT NULL
);
CREATE TABLE clock (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number      text NOT NULL REFERENCES case_state (number),
    clock       text NOT NULL CONSTRAINT clock_clock_known
                CHECK (clock IN ('V', 'F', 'S', 'R', 'A', 'D', 'H')),
    cycle       integer NOT NULL,
    started_at  timestamptz NOT NULL,
    stopped_at  timestamptz,
    set_aside   boolean NOT NULL DEFAULT false,
    due_at      timestamptz,
    announced   boolean NOT NULL DEFAULT false,
    provisional boolean NOT NULL DEFAULT false,
    passed_at   timestamptz,
    problem     text CONSTRAINT clock_problem_known CHECK (problem IN ('no_limit', 'calendar')),
    rule_id     integer REFERENCES limit_rule (id),
    regime      bigint NOT NULL,
    CONSTRAINT clock_once UNIQUE (number, clock, cycle)
);
CREATE INDEX clock_open ON clock (regime) WHERE stopped_at IS NULL;

CREATE TABLE pause (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clock_id   bigint NOT NULL REFERENCES clock (id),
    started_at timestamptz NOT NULL,
    ended_at   timestamptz,
    CONSTRAINT pause_forward CHECK (ended_at >= started_at)
);
CREATE INDEX pause_clock ON pause (clock_id);
CREATE UNIQUE INDEX pause_open ON pause (clock_id) WHERE ended_at IS NULL;

CREATE TABLE failed_turn (
    work   text NOT NULL CONSTRAINT failed_turn_work_known CHECK (work IN ('fire', 'measure')),
    number text NOT NULL,
    at     timestamptz NOT NULL,
    PRIMARY KEY (work, number)
);
CREATE TABLE due (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clock_id bigint NOT NULL REFERENCES clock (id),
    number   text NOT NULL,
    what     text NOT NULL CONSTRAINT due_what_known CHECK (what IN (
        'reminder', 'passed', 'level_1', 'level_2', 'level_3', 'handover')),
    due_at   timestamptz NOT NULL,
    fired_at timestamptz,
    CONSTRAINT due_once UNIQUE (clock_id, what)
);
CREATE INDEX due_unfired ON due (due_at, id) WHERE fired_at IS NULL;
CREATE INDEX due_number ON due (number) WHERE fired_at IS NULL;
CREATE INDEX due_fired ON due (fired_at) WHERE fired_at IS NOT NULL;

CREATE TABLE clock_change (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clock_id bigint NOT NULL REFERENCES clock (id),
    at       timestamptz NOT NULL,
    before   timestamptz,
    after    timestamptz,
    reason   text NOT NULL CONSTRAINT clock_change_reason_known CHECK (
        reason IN ('paused', 'resumed', 'reclassified', 'calendar', 'limit')),
    regime   bigint NOT NULL
);
CREATE INDEX clock_change_clock ON clock_change (clock_id);

CREATE TABLE breach (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clock_id  bigint NOT NULL REFERENCES clock (id),
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    how       text CONSTRAINT breach_how_known CHECK (how IN ('stopped', 'paused', 'recomputed')),
    CONSTRAINT breach_closed_somehow CHECK ((closed_at IS NULL) = (how IS NULL))
);
CREATE UNIQUE INDEX breach_open ON breach (clock_id) WHERE closed_at IS NULL;

CREATE TABLE breaker (
    id               integer PRIMARY KEY CONSTRAINT breaker_single CHECK (id = 1),
    most             integer,
    measured_at      timestamptz,
    refused_at       timestamptz,
    reason           text CONSTRAINT breaker_reason_known
                     CHECK (reason IN ('mass_firing', 'clock_skew')),
    due_now          integer,
    released_through timestamptz,
    released_by      text
);
INSERT INTO breaker (id) VALUES (1);
"""
FEED = """
CREATE TABLE feed_stream (
    stream   text PRIMARY KEY CONSTRAINT feed_stream_stream_known
             CHECK (stream IN ('monitoring', 'handovers')),
    epoch    integer NOT NULL,
    position bigint NOT NULL,
    hash     bytea NOT NULL
);
INSERT INTO feed_stream
SELECT stream, 1, 0, decode(repeat('00', 32), 'hex')
FROM unnest(ARRAY['monitoring', 'handovers']) AS stream;

CREATE TABLE feed_key (
    kid   text PRIMARY KEY,
    jwk   jsonb NOT NULL,
    since timestamptz NOT NULL
);
CREATE TABLE feed_entry (
    stream      text NOT NULL REFERENCES feed_stream (stream),
    epoch       integer NOT NULL,
    position    bigint NOT NULL,
    prev_hash   bytea NOT NULL,
    hash        bytea NOT NULL,
    signature   bytea NOT NULL,
    kid         text NOT NULL REFERENCES feed_key (kid),
    entry       jsonb NOT NULL,
    appended_at timestamptz NOT NULL,
    PRIMARY KEY (stream, epoch, position)
);
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries of the feed are never changed or removed';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON feed_entry
    EXECUTE FUNCTION refuse_change();

CREATE TABLE feed_pending (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream     text NOT NULL REFERENCES feed_stream (stream),
    event_id   uuid NOT NULL UNIQUE,
    type       text NOT NULL,
    subject    text NOT NULL,
    time       timestamptz NOT NULL,
    data       jsonb NOT NULL,
    written_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    """Forward only."""
    tables.install(op)
    for part in (PROMISES, CLOCKS, FEED):
        op.execute(part)
