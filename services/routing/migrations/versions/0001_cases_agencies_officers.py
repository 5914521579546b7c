"""Cases and their files, agencies and places, routing rules and limits, officers and sessions."""

from alembic import op

from chassis import tables

revision = "0001"
down_revision = None

PLACES_AND_RULES = """
CREATE TABLE agency (
    code        text PRIMARY KEY,
    name        text NOT NULL,
    kind        text NOT NULL,
    name_source varchar NOT NULL CONSTRAINT agency_namesource_known
                CHECK (name_source IN ('confirmed', 'unconfirmed')),
    role        varchar NOT NULL CONSTRAINT agency_agencyrole_known
                CHECK (role IN ('handler', 'coordinator', 'arbiter', 'supervisor')),
    active      boolean NOT NULL DEFAULT true
);
CREATE TABLE district (
    code     text PRIMARY KEY,
    name     text NOT NULL,
    villages integer NOT NULL
);
CREATE TABLE category (
    code           text PRIMARY KEY,
    name           text NOT NULL,
    parent         text NOT NULL,
    sp4n_topic     text NOT NULL,
    default_agency text NOT NULL REFERENCES agency
);
CREATE TABLE routing_rule (
    id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position       integer NOT NULL,
    kind           varchar CONSTRAINT routing_rule_kind_known
                   CHECK (kind IN ('complaint', 'aspiration', 'information_request')),
    class          varchar CONSTRAINT routing_rule_class_known
                   CHECK (class IN ('supervisory', 'ordinary')),
    category       text REFERENCES category,
    district       text REFERENCES district,
    agency         text NOT NULL REFERENCES agency,
    effective_from date NOT NULL,
    effective_to   date,
    basis          text NOT NULL,
    CONSTRAINT routing_rule_once
        UNIQUE NULLS NOT DISTINCT (kind, class, category, district, effective_from),
    CONSTRAINT routing_rule_ends_after_it_begins CHECK (effective_to >= effective_from)
);
CREATE TABLE routing_limit (
    name           text NOT NULL,
    effective_from date NOT NULL,
    value          integer NOT NULL,
    decree         text NOT NULL,
    PRIMARY KEY (name, effective_from)
);
CREATE TABLE acknowledgement (
    phrase text PRIMARY KEY
);
"""

OFFICERS = """
CREATE TABLE officer (
    id                   uuid PRIMARY KEY,
    username             text NOT NULL UNIQUE
                         CONSTRAINT officer_username_lower CHECK (username = lower(username)),
    role                 varchar NOT NULL
                         CONSTRAINT officer_role_known CHECK (role IN (
                             'coordinator', 'liaison', 'arbiter', 'supervisor', 'administrator',
                             'reporter', 'clock'))
                         CONSTRAINT officer_role_of_staff CHECK (role IN (
                             'coordinator', 'liaison', 'arbiter', 'supervisor', 'administrator')),
    agency               text REFERENCES agency,
    password_hash        text NOT NULL,
    must_change_password boolean NOT NULL DEFAULT true,
    created_at           timestamptz NOT NULL,
    disabled_at          timestamptz,
    CONSTRAINT officer_has_agency CHECK (role = 'administrator' OR agency IS NOT NULL)
);
CREATE TABLE session (
    token_hash   bytea PRIMARY KEY,
    officer_id   uuid NOT NULL REFERENCES officer,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX session_officer ON session (officer_id);
CREATE TABLE sign_in_throttle (
    username_hash bytea PRIMARY KEY,
    failures      integer NOT NULL,
    blocked_until timestamptz NOT NULL
);
CREATE TABLE officer_event (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    officer_id uuid NOT NULL REFERENCES officer,
    by         uuid REFERENCES officer,
    deed       varchar NOT NULL CONSTRAINT officer_event_deed_known
               CHECK (deed IN ('created', 'signed_in', 'signed_out', 'password_changed',
                               'password_reset', 'disabled')),
    at         timestamptz NOT NULL
);
CREATE INDEX officer_event_officer ON officer_event (officer_id, at);
"""

CASES = """
CREATE TABLE cases (
    number             text PRIMARY KEY,
    kind               varchar NOT NULL CONSTRAINT cases_kind_known
                       CHECK (kind IN ('complaint', 'aspiration', 'information_request')),
    confidentiality    varchar NOT NULL CONSTRAINT cases_confidentiality_known
                       CHECK (confidentiality IN ('open', 'confidential', 'anonymous')),
    hidden_from_public boolean NOT NULL,
    reachable          boolean NOT NULL,
    received_at        timestamptz NOT NULL,
    status             varchar NOT NULL CONSTRAINT cases_status_known CHECK (status IN (
                           'unverified', 'awaiting_reporter', 'disposed', 'in_progress',
                           'answered', 'closed', 'archived', 'forwarded_externally',
                           'withdrawn')),
    class              varchar CONSTRAINT cases_class_known
                       CHECK (class IN ('supervisory', 'ordinary')),
    category           text REFERENCES category,
    agency             text REFERENCES agency,
    supporting         text[] NOT NULL,
    complains_about    text[] NOT NULL,
    decider            varchar NOT NULL CONSTRAINT cases_role_known CHECK (decider IN (
                           'coordinator', 'liaison', 'arbiter', 'supervisor', 'administrator',
                           'reporter', 'clock')),
    merged_into        text REFERENCES cases
                       CONSTRAINT cases_not_into_itself CHECK (merged_into <> number),
    awaited_from       varchar CONSTRAINT cases_awaited_from_known CHECK (awaited_from IN (
                           'unverified', 'awaiting_reporter', 'disposed', 'in_progress',
                           'answered', 'closed', 'archived', 'forwarded_externally',
                           'withdrawn')),
    cycle              integer NOT NULL,
    questions          integer NOT NULL,
    returns            integer NOT NULL,
    objections         integer NOT NULL,
    verified_at        timestamptz,
    disposed_at        timestamptz,
    asked_at           timestamptz,
    ended_at           timestamptz,
    archive_reason     varchar CONSTRAINT cases_archivereason_known CHECK (archive_reason IN (
                           'out_of_scope', 'too_general', 'not_public_service', 'duplicate',
                           'abusive', 'incomplete')),
    outcome            varchar CONSTRAINT cases_outcome_known CHECK (outcome IN (
                           'fulfilled', 'partly_fulfilled', 'not_fulfilled', 'explained')),
    closed_how         varchar CONSTRAINT cases_closing_known
                       CHECK (closed_how IN ('accepted', 'auto_closed')),
    stars              integer CONSTRAINT cases_stars_in_range CHECK (stars BETWEEN 1 AND 5),
    title              text NOT NULL,
    text               text NOT NULL,
    event_date         date NOT NULL,
    district           text NOT NULL,
    place              text,
    named_agency       text,
    channel            varchar NOT NULL CONSTRAINT cases_channel_known
                       CHECK (channel IN ('web', 'paper', 'phone', 'walk_in', 'sms')),
    opened_at          timestamptz NOT NULL,
    due_at             timestamptz,
    level              integer NOT NULL DEFAULT 0,
    offered_at         timestamptz,
    handed_over_at     timestamptz,
    CONSTRAINT cases_class_of_complaint CHECK (class IS NULL OR kind = 'complaint'),
    CONSTRAINT cases_not_by_the_accused CHECK (NOT agency = ANY (complains_about))
);
CREATE INDEX cases_worklist ON cases (status, due_at, number);
CREATE INDEX cases_open ON cases (due_at, number) WHERE merged_into IS NULL AND status IN (
    'unverified', 'awaiting_reporter', 'disposed', 'in_progress', 'answered');
CREATE INDEX cases_agency ON cases (agency, status, due_at);
CREATE INDEX cases_supporting ON cases USING gin (supporting);
CREATE INDEX cases_followers ON cases (merged_into) WHERE merged_into IS NOT NULL;
"""

_ACTION = """
('verify', 'dispose', 'archive', 'forward', 'request_data', 'return', 'follow_up', 'answer',
 'reclassify', 'merge', 'supplement', 'object', 'accept', 'rate', 'reopen', 'withdraw',
 'auto_close', 'give_up')
"""

FILES = f"""
CREATE TABLE case_event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number      text NOT NULL REFERENCES cases,
    at          timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    action      varchar NOT NULL CONSTRAINT case_event_action_known CHECK (action IN {_ACTION}),
    role        varchar NOT NULL CONSTRAINT case_event_role_known CHECK (role IN (
                    'coordinator', 'liaison', 'arbiter', 'supervisor', 'administrator',
                    'reporter', 'clock')),
    officer_id  uuid REFERENCES officer,
    agency      text,
    why         text,
    refused     text,
    changes     jsonb NOT NULL
);
CREATE INDEX case_event_number ON case_event (number, id);
CREATE TABLE reply (
    id         uuid PRIMARY KEY,
    number     text NOT NULL REFERENCES cases,
    about      varchar NOT NULL CONSTRAINT reply_about_known CHECK (about IN (
                   'follow_up', 'answer', 'data_request', 'archive', 'forwarding',
                   'reclassification')),
    text       text NOT NULL,
    at         timestamptz NOT NULL,
    officer_id uuid NOT NULL REFERENCES officer,
    agency     text
);
CREATE INDEX reply_number ON reply (number, at);
CREATE TABLE reporter_note (
    id     uuid PRIMARY KEY,
    number text NOT NULL REFERENCES cases,
    action varchar NOT NULL CONSTRAINT reporter_note_action_known CHECK (action IN {_ACTION}),
    text   text NOT NULL,
    at     timestamptz NOT NULL
);
CREATE INDEX reporter_note_number ON reporter_note (number, at);
CREATE TABLE deadline (
    number        text NOT NULL REFERENCES cases,
    clock         varchar NOT NULL CONSTRAINT deadline_clock_known
                  CHECK (clock IN ('V', 'F', 'S', 'R', 'A', 'D', 'H')),
    cycle         integer NOT NULL,
    due_at        timestamptz,
    approached_at timestamptz,
    passed_at     timestamptz,
    level         integer NOT NULL DEFAULT 0,
    brought_to    text,
    PRIMARY KEY (number, clock, cycle)
);
"""

# What was done stays done: no statement of the service may rewrite the file.
APPEND_ONLY = """
CREATE FUNCTION only_added_to() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is only added to', TG_TABLE_NAME;
END $$;
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON case_event
    FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();
CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON officer_event
    FOR EACH STATEMENT EXECUTE FUNCTION only_added_to();
"""


def upgrade() -> None:
    """Makes everything."""
    tables.install(op)
    for part in (PLACES_AND_RULES, OFFICERS, CASES, FILES, APPEND_ONLY):
        op.execute(part)
