-- The rows that one accepted report leaves, written by nobody but the database: the floor of submitting.
\set n random(1, 9000000000000000000)
WITH gate AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(:n) AS open),
prior AS (SELECT fingerprint, answer FROM idempotency WHERE key = sha256((:n)::text::bytea)),
go AS (SELECT 1 FROM gate WHERE open AND NOT EXISTS (SELECT FROM prior)),
accepted AS (
    INSERT INTO report (number, code_hash, kind, title, text, event_date, district, place, agency,
        category, confidentiality, hidden_from_public, contact_given, channel, received_at, status_since)
    SELECT 'BENCH-' || :n, sha256((:n)::text::bytea), 'complaint', 'Jalan berlubang di depan sekolah',
        repeat('Jalan di depan sekolah berlubang sejak tiga bulan, beberapa anak sudah jatuh. ', 8),
        '2026-11-20', '63.02.06', 'Jalan Pelabuhan', NULL, NULL, 'confidential', false, true, 'web', now(), now()
    FROM go),
kept AS (INSERT INTO idempotency (key, fingerprint, answer)
    SELECT sha256((:n)::text::bytea), sha256('body'), decode(repeat('5a', 2063), 'hex') FROM go),
numbered_0 AS (INSERT INTO stream SELECT '/intake/reports', 'BENCH-' || :n, 1 FROM go),
said_0 AS (
    INSERT INTO outbox (event_id, source, type, subject, sequence, correlationid, time, data, published_at)
    SELECT gen_random_uuid(), '/intake/reports', 'report.submitted.v1', 'BENCH-' || :n, 1, :n::text, now(),
        json_build_object('text', repeat('Jalan di depan sekolah berlubang sejak tiga bulan, beberapa ', 12)), now() FROM go),
numbered_1 AS (INSERT INTO stream SELECT '/intake/contacts', 'BENCH-' || :n, 1 FROM go),
said_1 AS (
    INSERT INTO outbox (event_id, source, type, subject, sequence, correlationid, time, data, published_at)
    SELECT gen_random_uuid(), '/intake/contacts', 'report.contact_sealed.v1', 'BENCH-' || :n, 1, :n::text, now(),
        json_build_object('sealed', repeat(md5(:n::text), 178)), now() FROM go)
SELECT gate.open FROM gate LEFT JOIN prior ON true;
