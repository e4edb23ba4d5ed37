-- Every statement that Tidemark sends to Snowflake, as a person has held it against the vendor’s reference. A test compares it with what is sent.
-- Names of a run stand in <>. Binds are `?`. Verified on the emulator; on the service itself nothing was run. Of INSERT, UPDATE, DELETE and DROP the page that is
-- named tells how they stand to transactions: their own pages were not read again, and their syntax is that of the SQL standard.

-- # Sessions and transactions

-- What an account, a database or a user may have set otherwise. https://docs.snowflake.com/en/sql-reference/sql/alter-session. First of all in every
-- session. Again: the same values again.
ALTER SESSION SET QUERY_TAG = 'tidemark', TIMEZONE = 'UTC', AUTOCOMMIT = TRUE, LOCK_TIMEOUT = 60, STATEMENT_TIMEOUT_IN_SECONDS = 14400,
ABORT_DETACHED_QUERY = TRUE, QUOTED_IDENTIFIERS_IGNORE_CASE = FALSE, DATE_INPUT_FORMAT = 'AUTO', TIME_INPUT_FORMAT = 'AUTO', TIMESTAMP_INPUT_FORMAT =
'AUTO'

-- Around a transaction nothing is committed by itself: what comes after its end from outside, such as by the next writer, opens another one, which is
-- never committed. https://docs.snowflake.com/en/sql-reference/transactions. Outside transactions. Again: the same value again. Outside transactions
-- only: it would commit what is open.
ALTER SESSION SET AUTOCOMMIT = FALSE

-- Begins every transaction. https://docs.snowflake.com/en/sql-reference/transactions. Again: a session has no more than one: it is never sent within
-- another.
BEGIN TRANSACTION

-- Which transaction is open: before COMMIT it must be the one that was begun. https://docs.snowflake.com/en/sql-reference/functions/current_transaction.
-- In the transaction. Again: it changes nothing.
SELECT CURRENT_TRANSACTION() AS id

-- Ends it; only now others see what it did. https://docs.snowflake.com/en/sql-reference/transactions,
-- https://docs.snowflake.com/en/sql-reference/sql/commit. Again: never sent again: an answer that is lost is made up for by the next open, which reads
-- the checkpoints.
COMMIT

-- What became of it: only one that says committed is taken for it. https://docs.snowflake.com/en/sql-reference/sql/desc-transaction. Outside
-- transactions. Again: it changes nothing.
DESCRIBE TRANSACTION <transaction>

-- Around a transaction nothing is committed by itself: what comes after its end from outside, such as by the next writer, opens another one, which is
-- never committed. https://docs.snowflake.com/en/sql-reference/transactions. Outside transactions. Again: the same value again. Outside transactions
-- only: it would commit what is open.
ALTER SESSION SET AUTOCOMMIT = TRUE

-- What an account, a database or a user may have set otherwise. https://docs.snowflake.com/en/sql-reference/sql/alter-session. First of all in every
-- session. Again: the same values again.
ALTER SESSION SET QUERY_TAG = 'tidemark:shop', TIMEZONE = 'UTC', AUTOCOMMIT = TRUE, LOCK_TIMEOUT = 60, STATEMENT_TIMEOUT_IN_SECONDS = 14400,
ABORT_DETACHED_QUERY = TRUE, QUOTED_IDENTIFIERS_IGNORE_CASE = FALSE, DATE_INPUT_FORMAT = 'AUTO', TIME_INPUT_FORMAT = 'AUTO', TIMESTAMP_INPUT_FORMAT =
'AUTO'

-- Begins every transaction. https://docs.snowflake.com/en/sql-reference/transactions. Again: a session has no more than one: it is never sent within
-- another.
BEGIN TRANSACTION NAME tidemark_<connection>_<epoch>

-- After whatever failed in it, also a COMMIT. https://docs.snowflake.com/en/sql-reference/transactions. Again: without a transaction it changes nothing;
-- its own failure is left alone.
ROLLBACK

-- # The check

-- A table, to be made. https://docs.snowflake.com/en/sql-reference/sql/create-table. Outside transactions: as all DDL (SHOW and DESCRIBE are counted
-- among it) it would commit them. Again: its tables and its file are of this check alone, and gone after it.
CREATE TABLE "TIDEMARK"."<schema>"."_TIDEMARK_CHECK_<id>" ("A" VARCHAR, "B" VARCHAR)

-- To be altered. https://docs.snowflake.com/en/sql-reference/sql/alter-table. Outside transactions: as all DDL (SHOW and DESCRIBE are counted among it)
-- it would commit them. Again: its tables and its file are of this check alone, and gone after it.
ALTER TABLE "TIDEMARK"."<schema>"."_TIDEMARK_CHECK_<id>" ADD COLUMN "C" NUMBER(38,0)

-- A file, to be brought. https://docs.snowflake.com/en/sql-reference/sql/put. Outside transactions, on the session of the stage. Again: its tables and
-- its file are of this check alone, and gone after it.
PUT 'file://<path>' '@"TIDEMARK"."<schema>"."_TIDEMARK_STAGE"/_tidemark_check_<id>/' SOURCE_COMPRESSION = GZIP AUTO_COMPRESS = FALSE OVERWRITE = TRUE

-- And loaded. https://docs.snowflake.com/en/sql-reference/sql/copy-into-table, https://docs.snowflake.com/en/sql-reference/sql/create-file-format.
-- Outside transactions, on the session of the stage. Again: its tables and its file are of this check alone, and gone after it.
COPY INTO "TIDEMARK"."<schema>"."_TIDEMARK_CHECK_<id>" ("A", "B") FROM '@"TIDEMARK"."<schema>"."_TIDEMARK_STAGE"/' FILES =
('_tidemark_check_<id>/_tidemark_check_<id>', …) FILE_FORMAT = (TYPE = CSV COMPRESSION = GZIP FIELD_OPTIONALLY_ENCLOSED_BY = '"' EMPTY_FIELD_AS_NULL =
TRUE NULL_IF = () ESCAPE_UNENCLOSED_FIELD = NONE) ON_ERROR = ABORT_STATEMENT

-- And removed. https://docs.snowflake.com/en/sql-reference/sql/remove. Outside transactions, on the session of the stage. Again: its tables and its file
-- are of this check alone, and gone after it.
REMOVE '@"TIDEMARK"."<schema>"."_TIDEMARK_STAGE"/_tidemark_check_<id>'

-- DML, as in a commit. https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which a SELECT or DML leaves open. Again: its tables
-- and its file are of this check alone, and gone after it.
INSERT INTO "TIDEMARK"."<schema>"."_TIDEMARK_CHECK_<id>" ("A", "B") SELECT "A", "B" FROM "TIDEMARK"."<schema>"."_TIDEMARK_CHECK_<id>"

-- DML, as in a commit. https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which a SELECT or DML leaves open. Again: its tables
-- and its file are of this check alone, and gone after it.
UPDATE "TIDEMARK"."<schema>"."_TIDEMARK_CHECK_<id>" SET "C" = 1 WHERE "A" = ?

-- DML, as in a commit. https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which a SELECT or DML leaves open. Again: its tables
-- and its file are of this check alone, and gone after it.
DELETE FROM "TIDEMARK"."<schema>"."_TIDEMARK_CHECK_<id>" WHERE "C" = 1

-- A table, to be made. https://docs.snowflake.com/en/sql-reference/sql/create-table. Outside transactions: as all DDL (SHOW and DESCRIBE are counted
-- among it) it would commit them. Again: its tables and its file are of this check alone, and gone after it.
CREATE TABLE "TIDEMARK"."<schema>"."_TIDEMARK_CHECKED_<id>" ("A" VARCHAR)

-- To be described. https://docs.snowflake.com/en/sql-reference/sql/desc-table. Outside transactions: as all DDL (SHOW and DESCRIBE are counted among it)
-- it would commit them. Again: its tables and its file are of this check alone, and gone after it.
DESCRIBE TABLE "TIDEMARK"."<schema>"."_TIDEMARK_CHECKED_<id>"

-- It takes another’s place, as in a replacement. https://docs.snowflake.com/en/sql-reference/sql/create-table,
-- https://docs.snowflake.com/en/sql-reference/sql/create-clone. Outside transactions: DDL, which is one of its own, and atomic. Again: its tables and
-- its file are of this check alone, and gone after it.
CREATE OR REPLACE TABLE "TIDEMARK"."<schema>"."_TIDEMARK_CHECK_<id>" CLONE "TIDEMARK"."<schema>"."_TIDEMARK_CHECKED_<id>" COPY GRANTS

-- To be dropped. https://docs.snowflake.com/en/sql-reference/sql-ddl-summary. Outside transactions: as all DDL (SHOW and DESCRIBE are counted among it)
-- it would commit them. Again: its tables and its file are of this check alone, and gone after it.
DROP TABLE IF EXISTS "TIDEMARK"."<schema>"."_TIDEMARK_CHECKED_<id>"

-- To be dropped. https://docs.snowflake.com/en/sql-reference/sql-ddl-summary. Outside transactions: as all DDL (SHOW and DESCRIBE are counted among it)
-- it would commit them. Again: its tables and its file are of this check alone, and gone after it.
DROP TABLE IF EXISTS "TIDEMARK"."<schema>"."_TIDEMARK_CHECK_<id>"

-- # Opening: places and tables of Tidemark

-- Whether the schema is there: making one wants a right that its use does not. https://docs.snowflake.com/en/sql-reference/sql/show-schemas. Outside
-- transactions: as all DDL (SHOW and DESCRIBE are counted among it) it would commit them. Again: it changes nothing.
SHOW TERSE SCHEMAS IN DATABASE "TIDEMARK" STARTS WITH '<schema>'

-- Whether the stage is there. `_` stands for any character here, so the names are compared once more.
-- https://docs.snowflake.com/en/sql-reference/sql/create-stage. Outside transactions: as all DDL (SHOW and DESCRIBE are counted among it) it would
-- commit them. Again: it changes nothing.
SHOW STAGES LIKE '_tidemark_stage' IN SCHEMA "TIDEMARK"."<schema>"

-- Makes it. https://docs.snowflake.com/en/sql-reference/sql/create-stage. Outside transactions: as all DDL (SHOW and DESCRIBE are counted among it) it
-- would commit them. Again: IF NOT EXISTS.
CREATE STAGE IF NOT EXISTS "TIDEMARK"."<schema>"."_TIDEMARK_STAGE"

-- Which columns a table has; none: there is no such table. https://docs.snowflake.com/en/sql-reference/sql/desc-table. Outside transactions: as all DDL
-- (SHOW and DESCRIBE are counted among it) it would commit them. Again: it changes nothing.
DESCRIBE TABLE "TIDEMARK"."<schema>"."_TIDEMARK_CHECKPOINTS_<connection>"

-- A table of Tidemark’s own, once it was not found. https://docs.snowflake.com/en/sql-reference/sql/create-table. Outside transactions: as all DDL (SHOW
-- and DESCRIBE are counted among it) it would commit them. Again: IF NOT EXISTS.
CREATE TABLE IF NOT EXISTS "TIDEMARK"."<schema>"."_TIDEMARK_CHECKPOINTS_<connection>" (connection_id VARCHAR, scope VARCHAR, edition NUMBER(38,0),
sync_no NUMBER(38,0), attempt_at NUMBER(38,0), checkpoint_sync_no NUMBER(38,0), checkpoint_attempt_at NUMBER(38,0), seq NUMBER(38,0), state VARCHAR,
records NUMBER(38,0), bytes NUMBER(38,0), complete BOOLEAN, by_stream VARCHAR, committed_at VARCHAR)

-- Which columns a table has; none: there is no such table. https://docs.snowflake.com/en/sql-reference/sql/desc-table. Outside transactions: as all DDL
-- (SHOW and DESCRIBE are counted among it) it would commit them. Again: it changes nothing.
DESCRIBE TABLE "TIDEMARK"."<schema>"."_TIDEMARK_TABLES"

-- A table of Tidemark’s own, once it was not found. https://docs.snowflake.com/en/sql-reference/sql/create-table. Outside transactions: as all DDL (SHOW
-- and DESCRIBE are counted among it) it would commit them. Again: IF NOT EXISTS.
CREATE TABLE IF NOT EXISTS "TIDEMARK"."<schema>"."_TIDEMARK_TABLES" (table_schema VARCHAR, table_name VARCHAR, connection_id VARCHAR, stream VARCHAR,
generation NUMBER(38,0), replaced_from VARCHAR, replaced_to VARCHAR, replaced_generation NUMBER(38,0))

-- Which columns a table has; none: there is no such table. https://docs.snowflake.com/en/sql-reference/sql/desc-table. Outside transactions: as all DDL
-- (SHOW and DESCRIBE are counted among it) it would commit them. Again: it changes nothing.
DESCRIBE TABLE "TIDEMARK"."<schema>"."<target>"

-- Tables whose names begin so: what earlier writers left, to be dropped. https://docs.snowflake.com/en/sql-reference/sql/show-tables. Outside
-- transactions: as all DDL (SHOW and DESCRIBE are counted among it) it would commit them. Again: it changes nothing.
SHOW TERSE TABLES IN SCHEMA "TIDEMARK"."<schema>" STARTS WITH '_TIDEMARK_NEXT_<table>_'

-- Tables whose names begin so: what earlier writers left, to be dropped. https://docs.snowflake.com/en/sql-reference/sql/show-tables. Outside
-- transactions: as all DDL (SHOW and DESCRIBE are counted among it) it would commit them. Again: it changes nothing.
SHOW TERSE TABLES IN SCHEMA "TIDEMARK"."<schema>" STARTS WITH '_TIDEMARK_WIDE_<table>_'

-- Which columns a table has; none: there is no such table. https://docs.snowflake.com/en/sql-reference/sql/desc-table. Outside transactions: as all DDL
-- (SHOW and DESCRIBE are counted among it) it would commit them. Again: it changes nothing.
DESCRIBE TABLE "TIDEMARK"."<schema>"."_TIDEMARK_NEXT_<table>_<generation>"

-- Makes it. https://docs.snowflake.com/en/sql-reference/sql-ddl-summary. Outside transactions: as all DDL (SHOW and DESCRIBE are counted among it) it
-- would commit them. Again: where it is there by now, nothing happens.
CREATE SCHEMA IF NOT EXISTS "TIDEMARK"."<schema>"

-- Which columns a table has; none: there is no such table. https://docs.snowflake.com/en/sql-reference/sql/desc-table. Outside transactions: as all DDL
-- (SHOW and DESCRIBE are counted among it) it would commit them. Again: it changes nothing.
DESCRIBE TABLE "TIDEMARK"."<schema>"."_TIDEMARK_OFFERS"

-- A table of Tidemark’s own, once it was not found. https://docs.snowflake.com/en/sql-reference/sql/create-table. Outside transactions: as all DDL (SHOW
-- and DESCRIBE are counted among it) it would commit them. Again: IF NOT EXISTS.
CREATE TABLE IF NOT EXISTS "TIDEMARK"."<schema>"."_TIDEMARK_OFFERS" (connection_id VARCHAR, sync_no NUMBER(38,0), offer VARCHAR, before_offer VARCHAR)

-- Tables whose names begin so: what earlier writers left, to be dropped. https://docs.snowflake.com/en/sql-reference/sql/show-tables. Outside
-- transactions: as all DDL (SHOW and DESCRIBE are counted among it) it would commit them. Again: it changes nothing.
SHOW TERSE TABLES IN SCHEMA "TIDEMARK"."<schema>" STARTS WITH '_TIDEMARK_PART_<connection>_'

-- Which columns a table has; none: there is no such table. https://docs.snowflake.com/en/sql-reference/sql/desc-table. Outside transactions: as all DDL
-- (SHOW and DESCRIBE are counted among it) it would commit them. Again: it changes nothing.
DESCRIBE TABLE "TIDEMARK"."<schema>"."_TIDEMARK_WIDE_<table>_<epoch>"

-- # Opening: the fence

-- Transactions that earlier writers of the connection have open, by their names. https://docs.snowflake.com/en/sql-reference/sql/show-transactions.
-- Outside transactions. Again: it changes nothing.
SHOW TRANSACTIONS

-- The row of the connection itself. Of two that open at once each may insert one: the higher counts.
-- https://docs.snowflake.com/en/sql-reference/transactions. Outside transactions: a statement by itself is one. Again: once it is there, nothing is
-- inserted.
INSERT INTO "TIDEMARK"."<schema>"."_TIDEMARK_CHECKPOINTS_<connection>" (connection_id, scope, edition, sync_no, attempt_at, checkpoint_sync_no,
checkpoint_attempt_at, seq, state, records, bytes, complete, by_stream, committed_at) SELECT CAST(? AS VARCHAR), CAST(? AS VARCHAR), CAST(? AS
NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS
VARCHAR), CAST(? AS NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS BOOLEAN), CAST(? AS VARCHAR), CAST(? AS VARCHAR) FROM (SELECT 1 AS one) AS once
WHERE NOT EXISTS (SELECT 1 FROM "TIDEMARK"."<schema>"."_TIDEMARK_CHECKPOINTS_<connection>" WHERE scope = CAST(? AS VARCHAR))

-- The connection’s tables. https://docs.snowflake.com/en/sql-reference/transactions. Outside transactions: a statement by itself is one. Again: it
-- changes nothing.
SELECT table_schema, table_name, stream, generation FROM "TIDEMARK"."<schema>"."_TIDEMARK_TABLES" WHERE connection_id = ?

-- The owners’ row that is changed to lock them, when a table is about to be taken. Of two that open at once each may insert one: both are changed then.
-- https://docs.snowflake.com/en/sql-reference/transactions. Outside transactions: a statement by itself is one. Again: once it is there, nothing is inserted.
INSERT INTO "TIDEMARK"."<schema>"."_TIDEMARK_TABLES" (table_schema, table_name, connection_id, stream, generation) SELECT CAST(? AS VARCHAR), CAST(?
AS VARCHAR), CAST(? AS VARCHAR), CAST(? AS VARCHAR), 0 FROM (SELECT 1 AS one) AS once WHERE NOT EXISTS (SELECT 1 FROM
"TIDEMARK"."<schema>"."_TIDEMARK_TABLES" WHERE connection_id = CAST(? AS VARCHAR))

-- Changes nothing, and makes another writer’s transaction wait for this one or be in conflict with it. Invariant 3.
-- https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which a SELECT or DML leaves open. Again: it changes nothing.
UPDATE "TIDEMARK"."<schema>"."_TIDEMARK_CHECKPOINTS_<connection>" SET sync_no = sync_no WHERE scope = ?

-- Before tables are taken: changes nothing, and makes a connection that takes one at the same moment wait, or be in conflict. Invariant 3.
-- https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which a SELECT or DML leaves open. Again: it changes nothing.
UPDATE "TIDEMARK"."<schema>"."_TIDEMARK_TABLES" SET generation = generation WHERE connection_id = ?

-- The checkpoints, behind the UPDATE above. https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which a SELECT or DML leaves
-- open. Again: it changes nothing.
SELECT scope, edition, sync_no, attempt_at, checkpoint_sync_no, checkpoint_attempt_at, seq, state, records, bytes, complete, by_stream, committed_at
FROM "TIDEMARK"."<schema>"."_TIDEMARK_CHECKPOINTS_<connection>" WHERE connection_id = ?

-- Whose tables there are, so that none is taken from another connection. https://docs.snowflake.com/en/sql-reference/transactions. In a transaction,
-- which a SELECT or DML leaves open. Again: it changes nothing.
SELECT table_schema, table_name, connection_id, stream FROM "TIDEMARK"."<schema>"."_TIDEMARK_TABLES"

-- Streams get tables: what was said of each stream, and of each table, goes. https://docs.snowflake.com/en/sql-reference/transactions. In a transaction,
-- which a SELECT or DML leaves open. Again: deleted rows are gone.
DELETE FROM "TIDEMARK"."<schema>"."_TIDEMARK_TABLES" WHERE (connection_id = ? AND stream = ?) OR (table_schema = ? AND table_name = ?) OR …

-- And their rows come. https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which a SELECT or DML leaves open. Again: within one
-- transaction after the DELETE, so that it is one row.
INSERT INTO "TIDEMARK"."<schema>"."_TIDEMARK_TABLES" (table_schema, table_name, connection_id, stream, generation) SELECT CAST(? AS VARCHAR), CAST(?
AS VARCHAR), CAST(? AS VARCHAR), CAST(? AS VARCHAR), 0 UNION ALL …

-- The fence: every row of the connection is this writer’s from now on. https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which
-- a SELECT or DML leaves open. Again: the same epoch again.
UPDATE "TIDEMARK"."<schema>"."_TIDEMARK_CHECKPOINTS_<connection>" SET sync_no = CAST(? AS NUMBER(38,0)), attempt_at = CAST(? AS NUMBER(38,0)) WHERE
connection_id = ?

-- What transactions decided and nobody has done yet, because a writer died in between. https://docs.snowflake.com/en/sql-reference/transactions. Outside
-- transactions: a statement by itself is one. Again: it changes nothing.
SELECT table_schema, table_name, replaced_from, replaced_to, replaced_generation FROM "TIDEMARK"."<schema>"."_TIDEMARK_TABLES" WHERE connection_id = ?
AND replaced_from IS NOT NULL

-- What the source offered to the sync before. https://docs.snowflake.com/en/sql-reference/transactions. Outside transactions: a statement by itself is
-- one. Again: it changes nothing.
SELECT sync_no, offer, before_offer FROM "TIDEMARK"."<schema>"."_TIDEMARK_OFFERS" WHERE connection_id = ?

-- What it offers now takes the place of that. A later sync’s stays. https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which a
-- SELECT or DML leaves open. Again: deleted rows are gone.
DELETE FROM "TIDEMARK"."<schema>"."_TIDEMARK_OFFERS" WHERE connection_id = ? AND sync_no <= CAST(? AS NUMBER(38,0))

-- The new row, unless a later sync has one. https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which a SELECT or DML leaves
-- open. Again: then nothing is inserted.
INSERT INTO "TIDEMARK"."<schema>"."_TIDEMARK_OFFERS" (connection_id, sync_no, offer, before_offer) SELECT CAST(? AS VARCHAR), CAST(? AS NUMBER(38,0)),
CAST(? AS VARCHAR), CAST(? AS VARCHAR) FROM (SELECT 1 AS one) AS once WHERE NOT EXISTS (SELECT 1 FROM "TIDEMARK"."<schema>"."_TIDEMARK_OFFERS" WHERE
connection_id = CAST(? AS VARCHAR))

-- Ends one of an earlier writer that hangs. https://docs.snowflake.com/en/sql-reference/functions/system_abort_transaction. Outside transactions. Again:
-- one that has ended is no more shown.
SELECT SYSTEM$ABORT_TRANSACTION(<number>)

-- # Tables of streams

-- A stream’s table, or the hidden one of its new data. https://docs.snowflake.com/en/sql-reference/sql/create-table. Outside transactions: as all DDL
-- (SHOW and DESCRIBE are counted among it) it would commit them. Again: asked for only where it was not found; where another writer was quicker it
-- fails, and what is there is looked at again.
CREATE TABLE "TIDEMARK"."<schema>"."<target>" ("ID" NUMBER(38,0), "NAME" VARCHAR, "BIG" NUMBER(38,0), "PRICE" FLOAT, "OK" BOOLEAN, "DAY" DATE,
"SEEN_AT" TIMESTAMP_TZ, "LOCAL" TIMESTAMP_NTZ, "CLOCK" TIME, "DOC" VARIANT, "LIST" VARIANT, "_AB_CDC_DELETED_AT" VARCHAR, "_AIRBYTE_RAW_ID" VARCHAR,
"_AIRBYTE_EXTRACTED_AT" TIMESTAMP_TZ, "_AIRBYTE_META" VARIANT, "_AIRBYTE_GENERATION_ID" NUMBER(38,0))

-- A stream’s table, or the hidden one of its new data. https://docs.snowflake.com/en/sql-reference/sql/create-table. Outside transactions: as all DDL
-- (SHOW and DESCRIBE are counted among it) it would commit them. Again: asked for only where it was not found; where another writer was quicker it
-- fails, and what is there is looked at again.
CREATE TABLE "TIDEMARK"."<schema>"."<target>" ("ID" NUMBER(38,0), "PRICE" FLOAT, "_AB_CDC_DELETED_AT" VARCHAR, "_AIRBYTE_RAW_ID" VARCHAR,
"_AIRBYTE_EXTRACTED_AT" TIMESTAMP_TZ, "_AIRBYTE_META" VARIANT, "_AIRBYTE_GENERATION_ID" NUMBER(38,0))

-- A stream’s table, or the hidden one of its new data. https://docs.snowflake.com/en/sql-reference/sql/create-table. Outside transactions: as all DDL
-- (SHOW and DESCRIBE are counted among it) it would commit them. Again: asked for only where it was not found; where another writer was quicker it
-- fails, and what is there is looked at again.
CREATE TABLE "TIDEMARK"."<schema>"."_TIDEMARK_NEXT_<table>_<generation>" ("ID" NUMBER(38,0), "PRICE" FLOAT, "_AB_CDC_DELETED_AT" VARCHAR,
"_AIRBYTE_RAW_ID" VARCHAR, "_AIRBYTE_EXTRACTED_AT" TIMESTAMP_TZ, "_AIRBYTE_META" VARIANT, "_AIRBYTE_GENERATION_ID" NUMBER(38,0))

-- A column that the stream has and the table lacks. https://docs.snowflake.com/en/sql-reference/sql/alter-table. Outside transactions: as all DDL (SHOW
-- and DESCRIBE are counted among it) it would commit them. Again: as above: where another writer was quicker it fails, and the table is looked at again.
ALTER TABLE "TIDEMARK"."<schema>"."<target>" ADD COLUMN "<column>" VARCHAR

-- Whether a wider type would lose a number that is there. Then the column stays. https://docs.snowflake.com/en/sql-reference/functions/try_cast. Outside
-- transactions: a statement by itself is one. Again: it changes nothing.
SELECT 1 AS lost FROM "TIDEMARK"."<schema>"."<target>" AS _tidemark_old WHERE NOT EQUAL_NULL(CAST(TRY_CAST(TO_VARCHAR("PRICE") AS NUMBER(38,29)) AS
FLOAT), "PRICE") LIMIT 1

-- # Staging

-- Files that earlier writers left. https://docs.snowflake.com/en/sql-reference/sql/list. Outside transactions, on the session of the stage. Again: it
-- changes nothing.
LIST '@"TIDEMARK"."<schema>"."_TIDEMARK_STAGE"/_tidemark_part_<connection>_'

-- A table of texts for the rows of one part. https://docs.snowflake.com/en/sql-reference/sql/create-table. Outside transactions: as all DDL (SHOW and
-- DESCRIBE are counted among it) it would commit them. Again: its name is the part’s, which one writer makes once; it is dropped after the commit, or
-- swept by the next open.
CREATE TRANSIENT TABLE "TIDEMARK"."<schema>"."_TIDEMARK_PART_<connection>_<part>" ("_TIDEMARK_ORDINAL" VARCHAR, …) DATA_RETENTION_TIME_IN_DAYS = 0

-- Brings a file, while more is read. Each has a place of its own, by part, number and content. https://docs.snowflake.com/en/sql-reference/sql/put.
-- Outside transactions, on the session of the stage. Again: the same name is the same content: it is written over.
PUT 'file://<path>' '@"TIDEMARK"."<schema>"."_TIDEMARK_STAGE"/_tidemark_part_<connection>_<part>-<file>/' SOURCE_COMPRESSION = GZIP AUTO_COMPRESS =
FALSE OVERWRITE = TRUE

-- Loads the files of a part that have the same columns. All or nothing; each value is a text.
-- https://docs.snowflake.com/en/sql-reference/sql/copy-into-table, https://docs.snowflake.com/en/sql-reference/sql/create-file-format. Outside
-- transactions, on the session of the stage. Again: into a table of this part alone, whose rows are counted before they are used.
COPY INTO "TIDEMARK"."<schema>"."_TIDEMARK_PART_<connection>_<part>" ("_TIDEMARK_ORDINAL", …) FROM '@"TIDEMARK"."<schema>"."_TIDEMARK_STAGE"/' FILES =
('_tidemark_part_<connection>_<part>-<file>/_tidemark_part_<connection>_<part>-<n>', …) FILE_FORMAT = (TYPE = CSV COMPRESSION = GZIP
FIELD_OPTIONALLY_ENCLOSED_BY = '"' EMPTY_FIELD_AS_NULL = TRUE NULL_IF = () ESCAPE_UNENCLOSED_FIELD = NONE) ON_ERROR = ABORT_STATEMENT

-- After the commit, or of an earlier writer. https://docs.snowflake.com/en/sql-reference/sql-ddl-summary. Outside transactions: as all DDL (SHOW and
-- DESCRIBE are counted among it) it would commit them. Again: IF EXISTS.
DROP TABLE IF EXISTS "TIDEMARK"."<schema>"."_TIDEMARK_PART_<connection>_<part>"

-- Files that are of no use any more. https://docs.snowflake.com/en/sql-reference/sql/remove. Outside transactions, on the session of the stage. Again:
-- where none is left, none is removed.
REMOVE '@"TIDEMARK"."<schema>"."_TIDEMARK_STAGE"/_tidemark_part_<connection>_<part>-'

-- A column that came while the part was read. https://docs.snowflake.com/en/sql-reference/sql/alter-table. Outside transactions: as all DDL (SHOW and
-- DESCRIBE are counted among it) it would commit them. Again: sent once for each column that the part’s table lacks.
ALTER TABLE "TIDEMARK"."<schema>"."_TIDEMARK_PART_<connection>_<part>" ADD COLUMN "<column>" VARCHAR

-- Files that are of no use any more. https://docs.snowflake.com/en/sql-reference/sql/remove. Outside transactions, on the session of the stage. Again:
-- where none is left, none is removed.
REMOVE '@"TIDEMARK"."<schema>"."_TIDEMARK_STAGE"/_tidemark_part_<connection>_<part>-<file>'

-- # A commit

-- Checkpoints are written anew: the old rows go, https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which a SELECT or DML
-- leaves open. Again: within one transaction with the INSERT.
DELETE FROM "TIDEMARK"."<schema>"."_TIDEMARK_CHECKPOINTS_<connection>" WHERE scope IN (?, …)

-- and the new ones come, up to 50 at a time. Invariant 1: beside the rows that they are about. https://docs.snowflake.com/en/sql-reference/transactions.
-- In a transaction, which a SELECT or DML leaves open. Again: after the DELETE of the same scopes, so that each is one row.
INSERT INTO "TIDEMARK"."<schema>"."_TIDEMARK_CHECKPOINTS_<connection>" (connection_id, scope, edition, sync_no, attempt_at, checkpoint_sync_no,
checkpoint_attempt_at, seq, state, records, bytes, complete, by_stream, committed_at) SELECT CAST(? AS VARCHAR), CAST(? AS VARCHAR), CAST(? AS
NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS
VARCHAR), CAST(? AS NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS BOOLEAN), CAST(? AS VARCHAR), CAST(? AS VARCHAR) UNION ALL …

-- Before the transaction: what was loaded is what was sent (invariant 6), and no key lacks a value.
-- https://docs.snowflake.com/en/sql-reference/transactions. Outside transactions: a statement by itself is one. Again: it changes nothing.
SELECT count(*) AS found, coalesce(sum(CAST("_TIDEMARK_NULLED" AS NUMBER(38,0))), 0) AS nulled FROM
"TIDEMARK"."<schema>"."_TIDEMARK_PART_<connection>_<part>" WHERE CAST("_TIDEMARK_ORDINAL" AS NUMBER(38,0)) < <records>

-- Whether a newer writer owns a scope: then nothing is written. Invariant 3. https://docs.snowflake.com/en/sql-reference/transactions. In a transaction,
-- which a SELECT or DML leaves open. Again: it changes nothing.
SELECT scope, sync_no, attempt_at FROM "TIDEMARK"."<schema>"."_TIDEMARK_CHECKPOINTS_<connection>" WHERE connection_id = ?

-- and the new ones come, up to 50 at a time. Invariant 1: beside the rows that they are about. https://docs.snowflake.com/en/sql-reference/transactions.
-- In a transaction, which a SELECT or DML leaves open. Again: after the DELETE of the same scopes, so that each is one row.
INSERT INTO "TIDEMARK"."<schema>"."_TIDEMARK_CHECKPOINTS_<connection>" (connection_id, scope, edition, sync_no, attempt_at, checkpoint_sync_no,
checkpoint_attempt_at, seq, state, records, bytes, complete, by_stream, committed_at) SELECT CAST(? AS VARCHAR), CAST(? AS VARCHAR), CAST(? AS
NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS
VARCHAR), CAST(? AS NUMBER(38,0)), CAST(? AS NUMBER(38,0)), CAST(? AS BOOLEAN), CAST(? AS VARCHAR), CAST(? AS VARCHAR)

-- The rows with their types, as many as states cover. https://docs.snowflake.com/en/sql-reference/functions/parse_json,
-- https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which a SELECT or DML leaves open. Again: Invariant 1: in the transaction
-- of the checkpoint, which a fenced or repeated writer does not reach.
INSERT INTO "TIDEMARK"."<schema>"."<target>" ("ID", "NAME", "BIG", "PRICE", "OK", "DAY", "SEEN_AT", "LOCAL", "CLOCK", "DOC", "LIST",
"_AB_CDC_DELETED_AT", "_AIRBYTE_RAW_ID", "_AIRBYTE_EXTRACTED_AT", "_AIRBYTE_META", "_AIRBYTE_GENERATION_ID") SELECT CAST("ID" AS NUMBER(38,0)),
"NAME", CAST("BIG" AS NUMBER(38,0)), CAST("PRICE" AS FLOAT), CAST("OK" AS BOOLEAN), CAST("DAY" AS DATE), CAST(("SEEN_AT" || '+00:00') AS
TIMESTAMP_TZ), CAST("LOCAL" AS TIMESTAMP_NTZ), CAST("CLOCK" AS TIME), PARSE_JSON("DOC", 'd'), PARSE_JSON("LIST", 'd'), "_AB_CDC_DELETED_AT",
"_AIRBYTE_RAW_ID", CAST(("_AIRBYTE_EXTRACTED_AT" || '+00:00') AS TIMESTAMP_TZ), PARSE_JSON("_AIRBYTE_META", 'd'), CAST(<generation> AS NUMBER(38,0))
FROM "TIDEMARK"."<schema>"."_TIDEMARK_PART_<connection>_<part>" WHERE CAST("_TIDEMARK_ORDINAL" AS NUMBER(38,0)) < <records>

-- The rows with their types, as many as states cover. https://docs.snowflake.com/en/sql-reference/functions/parse_json,
-- https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which a SELECT or DML leaves open. Again: Invariant 1: in the transaction
-- of the checkpoint, which a fenced or repeated writer does not reach.
INSERT INTO "TIDEMARK"."<schema>"."<target>" ("ID", "PRICE", "_AB_CDC_DELETED_AT", "_AIRBYTE_RAW_ID", "_AIRBYTE_EXTRACTED_AT", "_AIRBYTE_META",
"_AIRBYTE_GENERATION_ID") SELECT CAST("ID" AS NUMBER(38,0)), CAST("PRICE" AS FLOAT), "_AB_CDC_DELETED_AT", "_AIRBYTE_RAW_ID",
CAST(("_AIRBYTE_EXTRACTED_AT" || '+00:00') AS TIMESTAMP_TZ), PARSE_JSON("_AIRBYTE_META", 'd'), CAST(<generation> AS NUMBER(38,0)) FROM
"TIDEMARK"."<schema>"."_TIDEMARK_PART_<connection>_<part>" WHERE CAST("_TIDEMARK_ORDINAL" AS NUMBER(38,0)) < <records>

-- Before the transaction: what was loaded is what was sent (invariant 6), and no key lacks a value.
-- https://docs.snowflake.com/en/sql-reference/transactions. Outside transactions: a statement by itself is one. Again: it changes nothing.
SELECT count(*) AS found, coalesce(sum(CAST("_TIDEMARK_NULLED" AS NUMBER(38,0))), 0) AS nulled, count("ID") AS k0 FROM
"TIDEMARK"."<schema>"."_TIDEMARK_PART_<connection>_<part>" WHERE CAST("_TIDEMARK_ORDINAL" AS NUMBER(38,0)) < <records>

-- Rows whose keys come anew. Correlated by equality alone, within one level. https://docs.snowflake.com/en/sql-reference/transactions. In a transaction,
-- which a SELECT or DML leaves open. Again: within one transaction with the INSERT: both or neither.
DELETE FROM "TIDEMARK"."<schema>"."<target>" WHERE EXISTS ( SELECT 1 FROM (SELECT DISTINCT CAST("ID" AS NUMBER(38,0)) AS _tidemark_key_0 FROM
"TIDEMARK"."<schema>"."_TIDEMARK_PART_<connection>_<part>" WHERE CAST("_TIDEMARK_ORDINAL" AS NUMBER(38,0)) < <records>) AS _tidemark_staged WHERE
_tidemark_staged._tidemark_key_0 = "<target>"."ID")

-- Of each key its last row (invariant 4), unless it says that the row is deleted. https://docs.snowflake.com/en/sql-reference/functions/parse_json,
-- https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which a SELECT or DML leaves open. Again: after the DELETE of the same
-- keys. The transaction runs again only once it was rolled back.
INSERT INTO "TIDEMARK"."<schema>"."<target>" ("ID", "PRICE", "_AB_CDC_DELETED_AT", "_AIRBYTE_RAW_ID", "_AIRBYTE_EXTRACTED_AT", "_AIRBYTE_META",
"_AIRBYTE_GENERATION_ID") SELECT CAST("ID" AS NUMBER(38,0)), CAST("PRICE" AS FLOAT), "_AB_CDC_DELETED_AT", "_AIRBYTE_RAW_ID",
CAST(("_AIRBYTE_EXTRACTED_AT" || '+00:00') AS TIMESTAMP_TZ), PARSE_JSON("_AIRBYTE_META", 'd'), CAST(<generation> AS NUMBER(38,0)) FROM (SELECT *,
row_number() OVER (PARTITION BY CAST("ID" AS NUMBER(38,0)) ORDER BY CAST("_TIDEMARK_ORDINAL" AS NUMBER(38,0)) DESC) AS _tidemark_place FROM
"TIDEMARK"."<schema>"."_TIDEMARK_PART_<connection>_<part>" WHERE CAST("_TIDEMARK_ORDINAL" AS NUMBER(38,0)) < <records>) AS _tidemark_last WHERE
_tidemark_place = 1 AND "_TIDEMARK_GONE" = '0'

-- Of each key its last row (invariant 4), unless it says that the row is deleted. https://docs.snowflake.com/en/sql-reference/functions/parse_json,
-- https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which a SELECT or DML leaves open. Again: after the DELETE of the same
-- keys. The transaction runs again only once it was rolled back.
INSERT INTO "TIDEMARK"."<schema>"."<target>" ("ID", "PRICE", "_AB_CDC_DELETED_AT", "FILLER", "FRESH", "_AIRBYTE_RAW_ID", "_AIRBYTE_EXTRACTED_AT",
"_AIRBYTE_META", "_AIRBYTE_GENERATION_ID") SELECT CAST("ID" AS NUMBER(38,0)), CAST("PRICE" AS NUMBER(38,29)), "_AB_CDC_DELETED_AT", "FILLER", "FRESH",
"_AIRBYTE_RAW_ID", CAST(("_AIRBYTE_EXTRACTED_AT" || '+00:00') AS TIMESTAMP_TZ), PARSE_JSON("_AIRBYTE_META", 'd'), CAST(<generation> AS NUMBER(38,0))
FROM (SELECT *, row_number() OVER (PARTITION BY CAST("ID" AS NUMBER(38,0)) ORDER BY CAST("_TIDEMARK_ORDINAL" AS NUMBER(38,0)) DESC) AS _tidemark_place
FROM "TIDEMARK"."<schema>"."_TIDEMARK_PART_<connection>_<part>" WHERE CAST("_TIDEMARK_ORDINAL" AS NUMBER(38,0)) < <records>) AS _tidemark_last WHERE
_tidemark_place = 1 AND "_TIDEMARK_GONE" = '0'

-- The rows with their types, as many as states cover. https://docs.snowflake.com/en/sql-reference/functions/parse_json,
-- https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which a SELECT or DML leaves open. Again: Invariant 1: in the transaction
-- of the checkpoint, which a fenced or repeated writer does not reach.
INSERT INTO "TIDEMARK"."<schema>"."_TIDEMARK_NEXT_<table>_<generation>" ("ID", "PRICE", "_AB_CDC_DELETED_AT", "_AIRBYTE_RAW_ID",
"_AIRBYTE_EXTRACTED_AT", "_AIRBYTE_META", "_AIRBYTE_GENERATION_ID") SELECT CAST("ID" AS NUMBER(38,0)), CAST("PRICE" AS FLOAT), "_AB_CDC_DELETED_AT",
"_AIRBYTE_RAW_ID", CAST(("_AIRBYTE_EXTRACTED_AT" || '+00:00') AS TIMESTAMP_TZ), PARSE_JSON("_AIRBYTE_META", 'd'), CAST(<generation> AS NUMBER(38,0))
FROM "TIDEMARK"."<schema>"."_TIDEMARK_PART_<connection>_<part>" WHERE CAST("_TIDEMARK_ORDINAL" AS NUMBER(38,0)) < <records>

-- No more rows than rows_min are counted, of a table that is to be published. https://docs.snowflake.com/en/sql-reference/transactions. In a
-- transaction, which a SELECT or DML leaves open. Again: it changes nothing.
SELECT count(*) AS found FROM (SELECT 1 FROM "TIDEMARK"."<schema>"."_TIDEMARK_NEXT_<table>_<generation>" LIMIT 2) AS counted

-- After a failure: whether a newer writer is why. https://docs.snowflake.com/en/sql-reference/transactions. Outside transactions: a statement by itself
-- is one. Again: it changes nothing.
SELECT sync_no, attempt_at FROM "TIDEMARK"."<schema>"."_TIDEMARK_CHECKPOINTS_<connection>" WHERE connection_id = ?

-- # Taking the place of a table

-- What an earlier attempt left of it, and what took the place of the table. https://docs.snowflake.com/en/sql-reference/sql-ddl-summary. Outside
-- transactions: as all DDL (SHOW and DESCRIBE are counted among it) it would commit them. Again: IF EXISTS.
DROP TABLE IF EXISTS "TIDEMARK"."<schema>"."_TIDEMARK_WIDE_<table>_<epoch>"

-- A table with a wider column: no system alters such a type. https://docs.snowflake.com/en/sql-reference/sql/create-table. Outside transactions: as all
-- DDL (SHOW and DESCRIBE are counted among it) it would commit them. Again: dropped before.
CREATE TABLE "TIDEMARK"."<schema>"."_TIDEMARK_WIDE_<table>_<epoch>" ("ID" NUMBER(38,0), "PRICE" NUMBER(38,29), "_AB_CDC_DELETED_AT" VARCHAR,
"_AIRBYTE_RAW_ID" VARCHAR, "_AIRBYTE_EXTRACTED_AT" TIMESTAMP_TZ, "_AIRBYTE_META" VARIANT, "_AIRBYTE_GENERATION_ID" NUMBER(38,0), "FILLER" VARCHAR,
"FRESH" VARCHAR)

-- A table with a wider column gets the rows of the old. https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which a SELECT or
-- DML leaves open. Again: in the transaction that decides that it takes its place; rolled back, it is empty.
INSERT INTO "TIDEMARK"."<schema>"."_TIDEMARK_WIDE_<table>_<epoch>" ("ID", "PRICE", "_AB_CDC_DELETED_AT", "_AIRBYTE_RAW_ID", "_AIRBYTE_EXTRACTED_AT",
"_AIRBYTE_META", "_AIRBYTE_GENERATION_ID", "FILLER", "FRESH") SELECT "ID", CAST(TO_VARCHAR("PRICE") AS NUMBER(38,29)), "_AB_CDC_DELETED_AT",
"_AIRBYTE_RAW_ID", "_AIRBYTE_EXTRACTED_AT", "_AIRBYTE_META", "_AIRBYTE_GENERATION_ID", "FILLER", "FRESH" FROM "TIDEMARK"."<schema>"."<target>" AS
_tidemark_old

-- In a transaction: one table is to have the rows of another. Invariant 3: only its owner says so, never of older rows.
-- https://docs.snowflake.com/en/sql-reference/transactions. In a transaction, which a SELECT or DML leaves open. Again: the same again.
UPDATE "TIDEMARK"."<schema>"."_TIDEMARK_TABLES" SET replaced_from = CAST(? AS VARCHAR), replaced_to = CAST(? AS VARCHAR), replaced_generation = CAST(?
AS NUMBER(38,0)) WHERE table_schema = ? AND table_name = ? AND connection_id = ? AND generation <= CAST(? AS NUMBER(38,0))

-- What was decided is done, at once for everybody who reads. https://docs.snowflake.com/en/sql-reference/sql/create-table,
-- https://docs.snowflake.com/en/sql-reference/sql/create-clone. Outside transactions: DDL, which is one of its own, and atomic. Again: the source of the
-- rows has a name of its own and is gone once they are there: done again before that it is the same, and after that nothing.
CREATE OR REPLACE TABLE "TIDEMARK"."<schema>"."<target>" CLONE "TIDEMARK"."<schema>"."_TIDEMARK_WIDE_<table>_<epoch>" COPY GRANTS

-- It is done. https://docs.snowflake.com/en/sql-reference/transactions. Outside transactions: a statement by itself is one. Again: of what was decided
-- since it says nothing, as that has another name.
UPDATE "TIDEMARK"."<schema>"."_TIDEMARK_TABLES" SET generation = CAST(? AS NUMBER(38,0)), replaced_from = NULL, replaced_to = NULL,
replaced_generation = NULL WHERE table_schema = ? AND table_name = ? AND connection_id = ? AND replaced_from = ?

-- What was decided is done, at once for everybody who reads. https://docs.snowflake.com/en/sql-reference/sql/create-table,
-- https://docs.snowflake.com/en/sql-reference/sql/create-clone. Outside transactions: DDL, which is one of its own, and atomic. Again: the source of the
-- rows has a name of its own and is gone once they are there: done again before that it is the same, and after that nothing.
CREATE OR REPLACE TABLE "TIDEMARK"."<schema>"."<target>" CLONE "TIDEMARK"."<schema>"."_TIDEMARK_NEXT_<table>_<generation>" COPY GRANTS

-- What took the place of the table, or an earlier sync left hidden. https://docs.snowflake.com/en/sql-reference/sql-ddl-summary. Outside transactions:
-- as all DDL (SHOW and DESCRIBE are counted among it) it would commit them. Again: IF EXISTS.
DROP TABLE IF EXISTS "TIDEMARK"."<schema>"."_TIDEMARK_NEXT_<table>_<generation>"
