"""Reports, their timeline and what they may name."""

from alembic import op

from chassis import tables

revision = "0001"
down_revision = None

REPORTS = """
CREATE TABLE code (
    list VARCHAR NOT NULL,
    code VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    PRIMARY KEY (list, code),
    CONSTRAINT list_is_known CHECK (list IN ('district', 'agency', 'category'))
);
CREATE TABLE promise (
    received_on DATE NOT NULL,
    verify_by DATE NOT NULL,
    follow_up_by DATE NOT NULL,
    settle_by JSONB NOT NULL,
    PRIMARY KEY (received_on)
);
CREATE TABLE report (
    number VARCHAR NOT NULL,
    code_hash BYTEA NOT NULL,
    kind VARCHAR NOT NULL,
    title VARCHAR NOT NULL,
    text VARCHAR NOT NULL,
    event_date DATE NOT NULL,
    district VARCHAR NOT NULL,
    place VARCHAR,
    agency VARCHAR,
    category VARCHAR,
    confidentiality VARCHAR NOT NULL,
    hidden_from_public BOOLEAN NOT NULL,
    channel VARCHAR NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    status VARCHAR DEFAULT 'unverified' NOT NULL,
    status_since TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (number),
    CONSTRAINT kind_is_known CHECK (kind IN ('complaint', 'aspiration', 'information_request')),
    CONSTRAINT confidentiality_is_known
        CHECK (confidentiality IN ('open', 'confidential', 'anonymous')),
    CONSTRAINT status_is_known
        CHECK (status IN ('unverified', 'awaiting_reporter', 'disposed', 'in_progress', 'answered',
                          'closed', 'archived', 'forwarded_externally', 'withdrawn'))
);
CREATE TABLE deadline (
    number VARCHAR NOT NULL,
    clock VARCHAR NOT NULL,
    cycle INTEGER NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE,
    passed_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (number, clock, cycle),
    FOREIGN KEY(number) REFERENCES report (number)
);
CREATE TABLE reply (
    reply_id VARCHAR NOT NULL,
    number VARCHAR NOT NULL,
    about VARCHAR NOT NULL,
    text VARCHAR NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (reply_id),
    FOREIGN KEY(number) REFERENCES report (number)
);
CREATE INDEX ix_reply_number ON reply (number);
CREATE TABLE timeline_entry (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    number VARCHAR NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    what VARCHAR NOT NULL,
    detail JSONB NOT NULL,
    reply_id VARCHAR,
    text VARCHAR,
    PRIMARY KEY (id),
    FOREIGN KEY(number) REFERENCES report (number)
);
CREATE INDEX timeline_entry_number ON timeline_entry (number, at);
"""


def upgrade() -> None:
    """Forward only."""
    tables.install(op)
    op.execute(REPORTS)
