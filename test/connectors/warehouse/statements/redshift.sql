-- Every statement that Tidemark sends to Redshift, as a person has held it against the vendor’s reference. A test compares it with what is sent.
-- Names of a run stand in <>. Parameters are `?`, which the driver numbers. What goes to S3 (PutObject, ListObjectsV2, DeleteObject) is no statement. Verified on the
-- stand-in; on the service itself nothing was run. Of INSERT, UPDATE, DELETE and DROP the page that is named tells how they stand to transactions: their own pages
-- were not read again, and their syntax is that of the SQL standard.

-- # Sessions and transactions

-- What an account, a database or a user may have set otherwise. https://docs.aws.amazon.com/redshift/latest/dg/r_statement_timeout.html. First of all in
-- every session. Again: the same values again.
SET statement_timeout TO 7200000

-- What an account, a database or a user may have set otherwise. https://docs.aws.amazon.com/redshift/latest/dg/r_timezone_config.html. First of all in
-- every session. Again: the same values again.
SET timezone TO 'UTC'

-- What an account, a database or a user may have set otherwise. https://docs.aws.amazon.com/redshift/latest/dg/r_datestyle.html. First of all in every
-- session. Again: the same values again.
SET datestyle TO 'ISO, YMD'

-- What an account, a database or a user may have set otherwise. https://docs.aws.amazon.com/redshift/latest/dg/r_enable_case_sensitive_identifier.html.
-- First of all in every session. Again: the same values again.
SET enable_case_sensitive_identifier TO false

-- What an account, a database or a user may have set otherwise. https://docs.aws.amazon.com/redshift/latest/dg/r_query_group.html. First of all in every
-- session. Again: the same values again.
SET query_group TO 'tidemark'

-- Begins every transaction. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Again: a session has no more than one: it is never
-- sent within another.
BEGIN TRANSACTION

-- Ends it; only now others see what it did. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Again: never sent again: an answer
-- that is lost is made up for by the next open, which reads the checkpoints.
COMMIT

-- After whatever failed in it, also a COMMIT. https://docs.aws.amazon.com/redshift/latest/dg/r_ROLLBACK.html. Again: without a transaction it changes
-- nothing; its own failure is left alone.
ROLLBACK

-- What an account, a database or a user may have set otherwise. https://docs.aws.amazon.com/redshift/latest/dg/r_query_group.html. First of all in every
-- session. Again: the same values again.
SET query_group TO 'tidemark:shop'

-- # The check

-- A table, to be made. https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html. Outside transactions, which would take it. Again: its
-- tables and its file are of this check alone, and gone after it.
CREATE TABLE "<schema>"."_tidemark_check_<id>" (id character varying(65535), text character varying(65535))

-- To be altered. https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html. Outside transactions, which would take it. Again: its tables and its
-- file are of this check alone, and gone after it.
ALTER TABLE "<schema>"."_tidemark_check_<id>" ADD COLUMN doc super

-- And loaded. https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html. Outside transactions, on the session of the stage: one of its
-- own. Again: its tables and its file are of this check alone, and gone after it.
COPY "<schema>"."_tidemark_check_<id>" ("id", "text", "doc") FROM 's3://<bucket>/<prefix>/_tidemark_check_<id>.csv.gz.manifest' IAM_ROLE '<role>'
MANIFEST FORMAT AS CSV NULL AS '<tidemark:null>' GZIP COMPUPDATE OFF STATUPDATE OFF

-- To be locked. https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html. In a transaction, behind the LOCK. Again: its tables and its file are of
-- this check alone, and gone after it.
LOCK TABLE "<schema>"."_tidemark_check_<id>"

-- DML, as in a commit. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction, behind the LOCK. Again: its tables and
-- its file are of this check alone, and gone after it.
UPDATE "<schema>"."_tidemark_check_<id>" SET doc = json_parse('{"a":1}') WHERE id = '1'

-- DML, as in a commit. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction, behind the LOCK. Again: its tables and
-- its file are of this check alone, and gone after it.
DELETE FROM "<schema>"."_tidemark_check_<id>" WHERE text <> ''

-- An empty text is no NULL, and a document is one. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Outside transactions: a
-- statement by itself is one. Again: its tables and its file are of this check alone, and gone after it.
SELECT count(*) AS n FROM "<schema>"."_tidemark_check_<id>" WHERE text = '' AND doc IS NOT NULL

-- To be dropped. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Outside transactions, which would take it. Again: its tables
-- and its file are of this check alone, and gone after it.
DROP TABLE IF EXISTS "<schema>"."_tidemark_checked_<id>"

-- It takes another’s place, as in a replacement. https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction of its own, which takes DROP and RENAME. Again: its tables
-- and its file are of this check alone, and gone after it.
ALTER TABLE "<schema>"."_tidemark_check_<id>" RENAME TO "_tidemark_checked_<id>"

-- To be dropped. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Outside transactions, which would take it. Again: its tables
-- and its file are of this check alone, and gone after it.
DROP TABLE IF EXISTS "<schema>"."_tidemark_check_<id>"

-- # Opening: places and tables of Tidemark

-- Whether the schema is there: making one wants a right that its use does not. https://docs.aws.amazon.com/redshift/latest/dg/c_join_PG_examples.html.
-- Outside transactions, which would take it. Again: it changes nothing.
SELECT 1 AS found FROM pg_namespace WHERE nspname = ?

-- Which columns a table has; none: there is no such table. https://docs.aws.amazon.com/redshift/latest/dg/c_join_PG_examples.html. Outside transactions,
-- which would take it. Again: it changes nothing.
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS "type" FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n
ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relname = ? AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum

-- A table of Tidemark’s own, once it was not found. https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html. Outside transactions, which
-- would take it. Again: IF NOT EXISTS.
CREATE TABLE IF NOT EXISTS "<schema>"."_tidemark_sessions_<connection>" (session_id character varying(65535), sync_no bigint, attempt_at bigint)

-- A table of Tidemark’s own, once it was not found. https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html. Outside transactions, which
-- would take it. Again: IF NOT EXISTS.
CREATE TABLE IF NOT EXISTS "<schema>"."_tidemark_checkpoints_<connection>" (connection_id character varying(65535), scope character varying(65535),
edition bigint, sync_no bigint, attempt_at bigint, checkpoint_sync_no bigint, checkpoint_attempt_at bigint, seq bigint, state character
varying(65535), records bigint, bytes bigint, complete boolean, by_stream character varying(65535), committed_at character varying(65535))

-- A table of Tidemark’s own, once it was not found. https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html. Outside transactions, which
-- would take it. Again: IF NOT EXISTS.
CREATE TABLE IF NOT EXISTS "<schema>"."_tidemark_tables" (table_schema character varying(65535), table_name character varying(65535), connection_id
character varying(65535), stream character varying(65535), generation bigint, replaced_from character varying(65535), replaced_to character
varying(65535), replaced_generation bigint)

-- Tables whose names begin so: what earlier writers left, to be dropped. https://docs.aws.amazon.com/redshift/latest/dg/c_join_PG_examples.html. Outside
-- transactions, which would take it. Again: it changes nothing.
SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relkind = 'r' AND left(c.relname, 32)
= ? ORDER BY 1

-- Makes it. https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_SCHEMA.html. Outside transactions, which would take it. Again: where it is there by
-- now, nothing happens.
CREATE SCHEMA IF NOT EXISTS "<schema>"

-- A table of Tidemark’s own, once it was not found. https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html. Outside transactions, which
-- would take it. Again: IF NOT EXISTS.
CREATE TABLE IF NOT EXISTS "<schema>"."_tidemark_offers" (connection_id character varying(65535), sync_no bigint, offer character varying(65535),
before_offer character varying(65535))

-- # Opening: the fence

-- Whether a session of an earlier writer is still there. Numbers are used again, so it must have begun before it told its own.
-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_SESSION_HISTORY.html. Outside transactions. Again: it changes nothing.
SELECT session_id FROM sys_session_history WHERE session_id = <process>

-- Sessions of earlier writers, to be ended. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Outside transactions: a statement by
-- itself is one. Again: it changes nothing.
SELECT session_id, sync_no, attempt_at FROM "<schema>"."_tidemark_sessions_<connection>"

-- The row of the connection itself. Of two that open at once each may insert one: the higher counts.
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Outside transactions: a statement by itself is one. Again: once it is there,
-- nothing is inserted.
INSERT INTO "<schema>"."_tidemark_checkpoints_<connection>" (connection_id, scope, edition, sync_no, attempt_at, checkpoint_sync_no,
checkpoint_attempt_at, seq, state, records, bytes, complete, by_stream, committed_at) SELECT CAST(? AS character varying(65535)), CAST(? AS character
varying(65535)), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS character
varying(65535)), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS boolean), CAST(? AS character varying(65535)), CAST(? AS character varying(65535))
FROM (SELECT 1 AS one) AS once WHERE NOT EXISTS (SELECT 1 FROM "<schema>"."_tidemark_checkpoints_<connection>" WHERE scope = CAST(? AS character
varying(65535)))

-- The connection’s tables. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Outside transactions: a statement by itself is one.
-- Again: it changes nothing.
SELECT table_schema, table_name, stream, generation FROM "<schema>"."_tidemark_tables" WHERE connection_id = ?

-- The owners’ row that is changed to lock them, when a table is about to be taken. Of two that open at once each may insert one: both are changed then.
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Outside transactions: a statement by itself is one. Again: once it is there, nothing is inserted.
INSERT INTO "<schema>"."_tidemark_tables" (table_schema, table_name, connection_id, stream, generation) SELECT CAST(? AS character varying(65535)),
CAST(? AS character varying(65535)), CAST(? AS character varying(65535)), CAST(? AS character varying(65535)), 0 FROM (SELECT 1 AS one) AS once WHERE
NOT EXISTS (SELECT 1 FROM "<schema>"."_tidemark_tables" WHERE connection_id = CAST(? AS character varying(65535)))

-- The session’s number and the server’s time, kept for the next writer. https://docs.aws.amazon.com/redshift/latest/dg/PG_BACKEND_PID.html. Outside
-- transactions. Again: it changes nothing.
SELECT pg_backend_pid() AS pid, CAST(SYSDATE AS varchar(40)) AS told

-- A session of this writer, before the first transaction in it. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Outside
-- transactions: a statement by itself is one. Again: twice is as good as once: each is ended, or found to be.
INSERT INTO "<schema>"."_tidemark_sessions_<connection>" (session_id, sync_no, attempt_at) SELECT CAST(? AS character varying(65535)), CAST(? AS
bigint), CAST(? AS bigint)

-- Before the transaction’s snapshot: who waits here sees what the one before committed. https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html. In a
-- transaction, behind the LOCK. Again: as often as one likes, until the transaction ends.
LOCK TABLE "<schema>"."_tidemark_checkpoints_<connection>"

-- The owners too, when tables are taken, and after the checkpoints always: before the transaction’s snapshot, so that what another took is seen.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html. In a transaction, behind the LOCK. Again: as often as one likes, until the transaction ends.
LOCK TABLE "<schema>"."_tidemark_tables"

-- Changes nothing, and makes another writer’s transaction wait for this one or be in conflict with it. Invariant 3.
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction, behind the LOCK. Again: it changes nothing.
UPDATE "<schema>"."_tidemark_checkpoints_<connection>" SET sync_no = sync_no WHERE scope = ?

-- Before tables are taken: changes nothing, and makes a connection that takes one at the same moment wait, or be in conflict. Invariant 3.
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction, behind the LOCK. Again: it changes nothing.
UPDATE "<schema>"."_tidemark_tables" SET generation = generation WHERE connection_id = ?

-- The checkpoints, behind the UPDATE above. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction, behind the LOCK.
-- Again: it changes nothing.
SELECT scope, edition, sync_no, attempt_at, checkpoint_sync_no, checkpoint_attempt_at, seq, state, records, bytes, complete, by_stream, committed_at
FROM "<schema>"."_tidemark_checkpoints_<connection>" WHERE connection_id = ?

-- Whose tables there are, so that none is taken from another connection. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a
-- transaction, behind the LOCK. Again: it changes nothing.
SELECT table_schema, table_name, connection_id, stream FROM "<schema>"."_tidemark_tables"

-- Streams get tables: what was said of each stream, and of each table, goes. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In
-- a transaction, behind the LOCK. Again: deleted rows are gone.
DELETE FROM "<schema>"."_tidemark_tables" WHERE (connection_id = ? AND stream = ?) OR (table_schema = ? AND table_name = ?) OR …

-- And their rows come. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction, behind the LOCK. Again: within one
-- transaction after the DELETE, so that it is one row.
INSERT INTO "<schema>"."_tidemark_tables" (table_schema, table_name, connection_id, stream, generation) SELECT CAST(? AS character varying(65535)),
CAST(? AS character varying(65535)), CAST(? AS character varying(65535)), CAST(? AS character varying(65535)), 0 UNION ALL …

-- The fence: every row of the connection is this writer’s from now on. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a
-- transaction, behind the LOCK. Again: the same epoch again.
UPDATE "<schema>"."_tidemark_checkpoints_<connection>" SET sync_no = CAST(? AS bigint), attempt_at = CAST(? AS bigint) WHERE connection_id = ?

-- What transactions decided and nobody has done yet, because a writer died in between.
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Outside transactions: a statement by itself is one. Again: it changes nothing.
SELECT table_schema, table_name, replaced_from, replaced_to, replaced_generation FROM "<schema>"."_tidemark_tables" WHERE connection_id = ? AND
replaced_from IS NOT NULL

-- What the source offered to the sync before. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Outside transactions: a statement
-- by itself is one. Again: it changes nothing.
SELECT sync_no, offer, before_offer FROM "<schema>"."_tidemark_offers" WHERE connection_id = ?

-- What it offers now takes the place of that. A later sync’s stays. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a
-- transaction, behind the LOCK. Again: deleted rows are gone.
DELETE FROM "<schema>"."_tidemark_offers" WHERE connection_id = ? AND sync_no <= CAST(? AS bigint)

-- The new row, unless a later sync has one. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction, behind the LOCK.
-- Again: then nothing is inserted.
INSERT INTO "<schema>"."_tidemark_offers" (connection_id, sync_no, offer, before_offer) SELECT CAST(? AS character varying(65535)), CAST(? AS bigint),
CAST(? AS character varying(65535)), CAST(? AS character varying(65535)) FROM (SELECT 1 AS one) AS once WHERE NOT EXISTS (SELECT 1 FROM
"<schema>"."_tidemark_offers" WHERE connection_id = CAST(? AS character varying(65535)))

-- Whether a session of an earlier writer is still there. Numbers are used again, so it must have begun before it told its own.
-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_SESSION_HISTORY.html. Outside transactions. Again: it changes nothing.
SELECT session_id FROM sys_session_history WHERE session_id = CAST(? AS integer) AND status = 'active' AND start_time <= CAST(? AS timestamp)

-- Ends it, and so its transaction and its locks. https://docs.aws.amazon.com/redshift/latest/dg/PG_TERMINATE_BACKEND.html. Outside transactions. Again:
-- one that has ended is not found before.
SELECT pg_terminate_backend(<number>)

-- Those that were ended. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Outside transactions: a statement by itself is one.
-- Again: deleted rows are gone.
DELETE FROM "<schema>"."_tidemark_sessions_<connection>" WHERE session_id IN (?, …)

-- # Tables of streams

-- A stream’s table, or the hidden one of its new data. https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html. Outside transactions,
-- which would take it. Again: asked for only where it was not found; where another writer was quicker it fails, and what is there is looked at again.
CREATE TABLE "<schema>"."<target>" ("id" bigint, "name" character varying(65535), "big" numeric(38,0), "price" double precision, "ok" boolean, "day"
date, "seen_at" timestamp with time zone, "local" timestamp without time zone, "clock" time without time zone, "doc" super, "list" super,
"_ab_cdc_deleted_at" character varying(65535), "_airbyte_raw_id" character varying(36), "_airbyte_extracted_at" timestamp with time zone,
"_airbyte_meta" super, "_airbyte_generation_id" bigint) DISTSTYLE AUTO SORTKEY AUTO

-- A stream’s table, or the hidden one of its new data. https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html. Outside transactions,
-- which would take it. Again: asked for only where it was not found; where another writer was quicker it fails, and what is there is looked at again.
CREATE TABLE "<schema>"."<target>" ("id" bigint, "price" double precision, "_ab_cdc_deleted_at" character varying(65535), "_airbyte_raw_id" character
varying(36), "_airbyte_extracted_at" timestamp with time zone, "_airbyte_meta" super, "_airbyte_generation_id" bigint) DISTSTYLE KEY DISTKEY ("id")
COMPOUND SORTKEY ("id")

-- A stream’s table, or the hidden one of its new data. https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html. Outside transactions,
-- which would take it. Again: asked for only where it was not found; where another writer was quicker it fails, and what is there is looked at again.
CREATE TABLE "<schema>"."_tidemark_next_<table>_<generation>" ("id" bigint, "price" double precision, "_ab_cdc_deleted_at" character varying(65535),
"_airbyte_raw_id" character varying(36), "_airbyte_extracted_at" timestamp with time zone, "_airbyte_meta" super, "_airbyte_generation_id" bigint)
DISTSTYLE AUTO SORTKEY AUTO

-- A stream’s table, or the hidden one of its new data. https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html. Outside transactions,
-- which would take it. Again: asked for only where it was not found; where another writer was quicker it fails, and what is there is looked at again.
CREATE TABLE "<schema>"."<target>" ("id" bigint, "price" double precision, "_ab_cdc_deleted_at" character varying(65535), "_airbyte_raw_id" character
varying(36), "_airbyte_extracted_at" timestamp with time zone, "_airbyte_meta" super, "_airbyte_generation_id" bigint) DISTSTYLE AUTO SORTKEY AUTO

-- A column that the stream has and the table lacks. https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html. Outside transactions, which would
-- take it. Again: as above: where another writer was quicker it fails, and the table is looked at again.
ALTER TABLE "<schema>"."<target>" ADD COLUMN "<column>" character varying(65535)

-- Whether a wider type would lose a number that is there. Then the column stays. https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_types201.html.
-- Outside transactions: a statement by itself is one. Again: it changes nothing.
SELECT 1 AS lost FROM "<schema>"."<target>" AS _tidemark_old WHERE CASE WHEN abs("price") >= 1e9 THEN true ELSE CAST(CAST("price" AS numeric(38,29))
AS double precision) <> "price" END LIMIT 1

-- # Staging

-- A table of texts for the rows of one part. https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html. Outside transactions, which would
-- take it. Again: its name is the part’s, which one writer makes once; it is dropped after the commit, or swept by the next open.
CREATE TABLE "<schema>"."_tidemark_part_<connection>_<part>" ("_tidemark_ordinal" character varying(65535), …)

-- Loads the files of a part that have the same columns. All or nothing; each value is a text.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html, https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html.
-- Outside transactions, on the session of the stage: one of its own. Again: into a table of this part alone, whose rows are counted before they are
-- used.
COPY "<schema>"."_tidemark_part_<connection>_<part>" ("_tidemark_ordinal", …) FROM
's3://<bucket>/<prefix>/_tidemark_part_<connection>_<part>-<file>.manifest' IAM_ROLE '<role>' MANIFEST FORMAT AS CSV NULL AS '<tidemark:null>' GZIP
COMPUPDATE OFF STATUPDATE OFF

-- After the commit, or of an earlier writer. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Outside transactions, which would
-- take it. Again: IF EXISTS.
DROP TABLE IF EXISTS "<schema>"."_tidemark_part_<connection>_<part>"

-- A column that came while the part was read. https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html. Outside transactions, which would take
-- it. Again: sent once for each column that the part’s table lacks.
ALTER TABLE "<schema>"."_tidemark_part_<connection>_<part>" ADD COLUMN "<column>" character varying(65535)

-- Loads the files of a part that have the same columns. All or nothing; each value is a text.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html, https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html.
-- Outside transactions, on the session of the stage: one of its own. Again: into a table of this part alone, whose rows are counted before they are
-- used.
COPY "<schema>"."long" ("id") FROM 's3://<bucket>/<prefix>/long.manifest' ACCESS_KEY_ID '<key>' SECRET_ACCESS_KEY '<secret>' REGION 'us-east-1'
MANIFEST FORMAT AS CSV NULL AS '<tidemark:null>' GZIP COMPUPDATE OFF STATUPDATE OFF

-- Where the line was that COPY did not take, of this session. Nothing of its values is asked for.
-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_ERROR_DETAIL.html. After the COPY, outside transactions. Again: it changes nothing.
SELECT file_name, line_number, column_name, column_type, error_code FROM sys_load_error_detail WHERE session_id = <process> ORDER BY start_time DESC
LIMIT 1

-- # A commit

-- Checkpoints are written anew: the old rows go, https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction, behind the
-- LOCK. Again: within one transaction with the INSERT.
DELETE FROM "<schema>"."_tidemark_checkpoints_<connection>" WHERE scope IN (?, …)

-- and the new ones come, up to 50 at a time. Invariant 1: beside the rows that they are about.
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction, behind the LOCK. Again: after the DELETE of the same scopes,
-- so that each is one row.
INSERT INTO "<schema>"."_tidemark_checkpoints_<connection>" (connection_id, scope, edition, sync_no, attempt_at, checkpoint_sync_no,
checkpoint_attempt_at, seq, state, records, bytes, complete, by_stream, committed_at) SELECT CAST(? AS character varying(65535)), CAST(? AS character
varying(65535)), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS character
varying(65535)), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS boolean), CAST(? AS character varying(65535)), CAST(? AS character varying(65535))
UNION ALL …

-- Before the transaction: what was loaded is what was sent (invariant 6), and no key lacks a value.
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Outside transactions: a statement by itself is one. Again: it changes nothing.
SELECT count(*) AS found, coalesce(sum(CAST("_tidemark_nulled" AS bigint)), 0) AS nulled FROM "<schema>"."_tidemark_part_<connection>_<part>" WHERE
CAST("_tidemark_ordinal" AS bigint) < <records>

-- Whether a newer writer owns a scope: then nothing is written. Invariant 3. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In
-- a transaction, behind the LOCK. Again: it changes nothing.
SELECT scope, sync_no, attempt_at FROM "<schema>"."_tidemark_checkpoints_<connection>" WHERE connection_id = ?

-- and the new ones come, up to 50 at a time. Invariant 1: beside the rows that they are about.
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction, behind the LOCK. Again: after the DELETE of the same scopes,
-- so that each is one row.
INSERT INTO "<schema>"."_tidemark_checkpoints_<connection>" (connection_id, scope, edition, sync_no, attempt_at, checkpoint_sync_no,
checkpoint_attempt_at, seq, state, records, bytes, complete, by_stream, committed_at) SELECT CAST(? AS character varying(65535)), CAST(? AS character
varying(65535)), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS character
varying(65535)), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS boolean), CAST(? AS character varying(65535)), CAST(? AS character varying(65535))

-- The rows with their types, as many as states cover. https://docs.aws.amazon.com/redshift/latest/dg/r_CAST_function.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction, behind the LOCK. Again: Invariant 1: in the transaction of
-- the checkpoint, which a fenced or repeated writer does not reach.
INSERT INTO "<schema>"."<target>" ("id", "name", "big", "price", "ok", "day", "seen_at", "local", "clock", "doc", "list", "_ab_cdc_deleted_at",
"_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id") SELECT CAST("id" AS bigint), "name", CAST("big" AS
numeric(38,0)), CAST("price" AS double precision), CASE "ok" WHEN 'true' THEN true WHEN 'false' THEN false END, CAST("day" AS date), CAST("seen_at" ||
'+00' AS timestamp with time zone), CAST("local" AS timestamp without time zone), CAST("clock" AS time without time zone), json_parse("doc"),
json_parse("list"), "_ab_cdc_deleted_at", CAST("_airbyte_raw_id" AS character varying(36)), CAST("_airbyte_extracted_at" || '+00' AS timestamp with
time zone), json_parse("_airbyte_meta"), CAST(<generation> AS bigint) FROM "<schema>"."_tidemark_part_<connection>_<part>" WHERE
CAST("_tidemark_ordinal" AS bigint) < <records>

-- The rows with their types, as many as states cover. https://docs.aws.amazon.com/redshift/latest/dg/r_CAST_function.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction, behind the LOCK. Again: Invariant 1: in the transaction of
-- the checkpoint, which a fenced or repeated writer does not reach.
INSERT INTO "<schema>"."<target>" ("id", "price", "_ab_cdc_deleted_at", "_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta",
"_airbyte_generation_id") SELECT CAST("id" AS bigint), CAST("price" AS double precision), "_ab_cdc_deleted_at", CAST("_airbyte_raw_id" AS character
varying(36)), CAST("_airbyte_extracted_at" || '+00' AS timestamp with time zone), json_parse("_airbyte_meta"), CAST(<generation> AS bigint) FROM
"<schema>"."_tidemark_part_<connection>_<part>" WHERE CAST("_tidemark_ordinal" AS bigint) < <records>

-- Before the transaction: what was loaded is what was sent (invariant 6), and no key lacks a value.
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Outside transactions: a statement by itself is one. Again: it changes nothing.
SELECT count(*) AS found, coalesce(sum(CAST("_tidemark_nulled" AS bigint)), 0) AS nulled, count("id") AS k0 FROM
"<schema>"."_tidemark_part_<connection>_<part>" WHERE CAST("_tidemark_ordinal" AS bigint) < <records>

-- Rows whose keys come anew. Correlated by equality alone, within one level. https://docs.aws.amazon.com/redshift/latest/dg/r_exists_condition.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/r_correlated_subqueries.html. In a transaction, behind the LOCK. Again: within one transaction with the
-- INSERT: both or neither.
DELETE FROM "<schema>"."<target>" WHERE EXISTS ( SELECT 1 FROM (SELECT DISTINCT CAST("id" AS bigint) AS _tidemark_key_0 FROM
"<schema>"."_tidemark_part_<connection>_<part>" WHERE CAST("_tidemark_ordinal" AS bigint) < <records>) AS _tidemark_staged WHERE
_tidemark_staged._tidemark_key_0 = "<target>"."id")

-- Of each key its last row (invariant 4), unless it says that the row is deleted. https://docs.aws.amazon.com/redshift/latest/dg/r_CAST_function.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction, behind the LOCK. Again: after the DELETE of the same keys.
-- The transaction runs again only once it was rolled back.
INSERT INTO "<schema>"."<target>" ("id", "price", "_ab_cdc_deleted_at", "_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta",
"_airbyte_generation_id") SELECT CAST("id" AS bigint), CAST("price" AS double precision), "_ab_cdc_deleted_at", CAST("_airbyte_raw_id" AS character
varying(36)), CAST("_airbyte_extracted_at" || '+00' AS timestamp with time zone), json_parse("_airbyte_meta"), CAST(<generation> AS bigint) FROM
(SELECT *, row_number() OVER (PARTITION BY CAST("id" AS bigint) ORDER BY CAST("_tidemark_ordinal" AS bigint) DESC) AS _tidemark_place FROM
"<schema>"."_tidemark_part_<connection>_<part>" WHERE CAST("_tidemark_ordinal" AS bigint) < <records>) AS _tidemark_last WHERE _tidemark_place = 1 AND
"_tidemark_gone" = '0'

-- Of each key its last row (invariant 4), unless it says that the row is deleted. https://docs.aws.amazon.com/redshift/latest/dg/r_CAST_function.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction, behind the LOCK. Again: after the DELETE of the same keys.
-- The transaction runs again only once it was rolled back.
INSERT INTO "<schema>"."<target>" ("id", "price", "_ab_cdc_deleted_at", "filler", "fresh", "_airbyte_raw_id", "_airbyte_extracted_at",
"_airbyte_meta", "_airbyte_generation_id") SELECT CAST("id" AS bigint), CAST("price" AS numeric(38,29)), "_ab_cdc_deleted_at", "filler", "fresh",
CAST("_airbyte_raw_id" AS character varying(36)), CAST("_airbyte_extracted_at" || '+00' AS timestamp with time zone), json_parse("_airbyte_meta"),
CAST(<generation> AS bigint) FROM (SELECT *, row_number() OVER (PARTITION BY CAST("id" AS bigint) ORDER BY CAST("_tidemark_ordinal" AS bigint) DESC)
AS _tidemark_place FROM "<schema>"."_tidemark_part_<connection>_<part>" WHERE CAST("_tidemark_ordinal" AS bigint) < <records>) AS _tidemark_last WHERE
_tidemark_place = 1 AND "_tidemark_gone" = '0'

-- The rows with their types, as many as states cover. https://docs.aws.amazon.com/redshift/latest/dg/r_CAST_function.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction, behind the LOCK. Again: Invariant 1: in the transaction of
-- the checkpoint, which a fenced or repeated writer does not reach.
INSERT INTO "<schema>"."_tidemark_next_<table>_<generation>" ("id", "price", "_ab_cdc_deleted_at", "_airbyte_raw_id", "_airbyte_extracted_at",
"_airbyte_meta", "_airbyte_generation_id") SELECT CAST("id" AS bigint), CAST("price" AS double precision), "_ab_cdc_deleted_at",
CAST("_airbyte_raw_id" AS character varying(36)), CAST("_airbyte_extracted_at" || '+00' AS timestamp with time zone), json_parse("_airbyte_meta"),
CAST(<generation> AS bigint) FROM "<schema>"."_tidemark_part_<connection>_<part>" WHERE CAST("_tidemark_ordinal" AS bigint) < <records>

-- No more rows than rows_min are counted, of a table that is to be published. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In
-- a transaction, behind the LOCK. Again: it changes nothing.
SELECT count(*) AS found FROM (SELECT 1 FROM "<schema>"."_tidemark_next_<table>_<generation>" LIMIT 2) AS counted

-- After a failure: whether a newer writer is why. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Outside transactions: a
-- statement by itself is one. Again: it changes nothing.
SELECT sync_no, attempt_at FROM "<schema>"."_tidemark_checkpoints_<connection>" WHERE connection_id = ?

-- # Taking the place of a table

-- What an earlier attempt left of it, and what took the place of the table. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html.
-- Outside transactions, which would take it. Again: IF EXISTS.
DROP TABLE IF EXISTS "<schema>"."_tidemark_wide_<table>_<epoch>"

-- A table with a wider column: no system alters such a type. https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html. Outside
-- transactions, which would take it. Again: dropped before.
CREATE TABLE "<schema>"."_tidemark_wide_<table>_<epoch>" ("id" bigint, "price" numeric(38,29), "_ab_cdc_deleted_at" character varying(65535),
"_airbyte_raw_id" character varying(36), "_airbyte_extracted_at" timestamp with time zone, "_airbyte_meta" super, "_airbyte_generation_id" bigint,
"filler" character varying(65535), "fresh" character varying(65535)) DISTSTYLE KEY DISTKEY ("id") COMPOUND SORTKEY ("id")

-- A table with a wider column gets the rows of the old. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction, behind
-- the LOCK. Again: in the transaction that decides that it takes its place; rolled back, it is empty.
INSERT INTO "<schema>"."_tidemark_wide_<table>_<epoch>" ("id", "price", "_ab_cdc_deleted_at", "_airbyte_raw_id", "_airbyte_extracted_at",
"_airbyte_meta", "_airbyte_generation_id", "filler", "fresh") SELECT "id", CAST("price" AS numeric(38,29)), "_ab_cdc_deleted_at", "_airbyte_raw_id",
"_airbyte_extracted_at", "_airbyte_meta", "_airbyte_generation_id", "filler", "fresh" FROM "<schema>"."<target>" AS _tidemark_old

-- In a transaction: one table is to have the rows of another. Invariant 3: only its owner says so, never of older rows.
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction, behind the LOCK. Again: the same again.
UPDATE "<schema>"."_tidemark_tables" SET replaced_from = CAST(? AS character varying(65535)), replaced_to = CAST(? AS character varying(65535)),
replaced_generation = CAST(? AS bigint) WHERE table_schema = ? AND table_name = ? AND connection_id = ? AND generation <= CAST(? AS bigint)

-- In one transaction with the RENAME: whoever reads waits, and sees the one or the other.
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction of its own, which takes DROP and RENAME. Again: IF EXISTS.
-- Rolled back with the RENAME.
DROP TABLE IF EXISTS "<schema>"."<target>"

-- What was decided is done, at once for everybody who reads. https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction of its own, which takes DROP and RENAME. Again: the source of
-- the rows has a name of its own and is gone once they are there: done again before that it is the same, and after that nothing.
ALTER TABLE "<schema>"."_tidemark_wide_<table>_<epoch>" RENAME TO "<target>"

-- It is done. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Outside transactions: a statement by itself is one. Again: of what
-- was decided since it says nothing, as that has another name.
UPDATE "<schema>"."_tidemark_tables" SET generation = CAST(? AS bigint), replaced_from = NULL, replaced_to = NULL, replaced_generation = NULL WHERE
table_schema = ? AND table_name = ? AND connection_id = ? AND replaced_from = ?

-- What was decided is done, at once for everybody who reads. https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html,
-- https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. In a transaction of its own, which takes DROP and RENAME. Again: the source of
-- the rows has a name of its own and is gone once they are there: done again before that it is the same, and after that nothing.
ALTER TABLE "<schema>"."_tidemark_next_<table>_<generation>" RENAME TO "<target>"

-- What took the place of the table, or an earlier sync left hidden. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html. Outside
-- transactions, which would take it. Again: IF EXISTS.
DROP TABLE IF EXISTS "<schema>"."_tidemark_next_<table>_<generation>"
