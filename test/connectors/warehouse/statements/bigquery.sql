-- Every request that Tidemark sends to BigQuery, and every statement in one, as a person has held it against the vendor’s reference. A test compares it with
-- what is sent. Names of a run stand in <>. Parameters are `?`. Requests are listed by method, path below the project, and body. Verified on the emulator; on the
-- service itself nothing was run.

-- # Sessions and transactions

-- The session is made by the first statement in it; this one asks for nothing. https://cloud.google.com/bigquery/docs/sessions-intro. Outside
-- transactions. Again: it changes nothing.
SELECT 1

-- Begins every transaction. https://cloud.google.com/bigquery/docs/transactions. Again: a session has no more than one: it is never sent within another.
BEGIN TRANSACTION

-- Ends it; only now others see what it did. https://cloud.google.com/bigquery/docs/transactions. Again: never sent again: an answer that is lost is made
-- up for by the next open, which reads the checkpoints.
COMMIT

-- Ends a session of ours, or of an earlier writer: what it has not committed is rolled back.
-- https://cloud.google.com/bigquery/docs/sessions-terminating. Outside transactions. Again: one that has ended is refused by its name, which is taken
-- for done.
CALL BQ.ABORT_SESSION('<session>')

-- After whatever failed in it, also a COMMIT. https://cloud.google.com/bigquery/docs/transactions. Again: without a transaction it changes nothing; its
-- own failure is left alone.
ROLLBACK

-- # The check

-- A table, to be made. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside transactions, which take no DDL
-- of what stays. Again: its tables and its file are of this check alone, and gone after it.
CREATE TABLE `<project>`.`<dataset>`.`_tidemark_check_<id>` (a STRING)

-- A table, to be made. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside transactions, which take no DDL
-- of what stays. Again: its tables and its file are of this check alone, and gone after it.
CREATE TABLE `<project>`.`<dataset>`.`_tidemark_checked_<id>` (a STRING)

-- To be altered. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside transactions, which take no DDL of what
-- stays. Again: its tables and its file are of this check alone, and gone after it.
ALTER TABLE `<project>`.`<dataset>`.`_tidemark_checked_<id>` ADD COLUMN b INT64

-- And loaded. https://cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobConfigurationLoad,
-- https://cloud.google.com/bigquery/docs/reference/api-uploads#multipart, https://cloud.google.com/bigquery/docs/batch-loading-data. A job of its own,
-- in no transaction. Again: its tables and its file are of this check alone, and gone after it.
POST /upload/jobs?uploadType=multipart { "jobReference": { "projectId": "<project>", "jobId": "tidemark_load__tidemark_check_<id>_1", "location": "US"
}, "configuration": { "load": { "sourceFormat": "NEWLINE_DELIMITED_JSON", "writeDisposition": "WRITE_APPEND", "createDisposition": "CREATE_NEVER",
"maxBadRecords": 0, "ignoreUnknownValues": false, "destinationTable": { "projectId": "<project>", "datasetId": "<dataset>", "tableId":
"_tidemark_check_<id>" } }, "labels": {…} } }

-- DML, as in a commit. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a transaction, which takes SELECT
-- and DML. Again: its tables and its file are of this check alone, and gone after it.
INSERT INTO `<project>`.`<dataset>`.`_tidemark_checked_<id>` (a) SELECT a FROM `<project>`.`<dataset>`.`_tidemark_check_<id>`

-- DML, as in a commit. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a transaction, which takes SELECT
-- and DML. Again: its tables and its file are of this check alone, and gone after it.
UPDATE `<project>`.`<dataset>`.`_tidemark_checked_<id>` SET b = 1 WHERE a = ?

-- DML, as in a commit. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a transaction, which takes SELECT
-- and DML. Again: its tables and its file are of this check alone, and gone after it.
DELETE FROM `<project>`.`<dataset>`.`_tidemark_checked_<id>` WHERE b = 1

-- It takes another’s place, as in a replacement. https://cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobConfigurationTableCopy. A job of its
-- own, in no transaction. Again: its tables and its file are of this check alone, and gone after it.
POST /jobs { "jobReference": { "projectId": "<project>", "jobId": "tidemark_copy_<uuid>", "location": "US" }, "configuration": { "copy": {
"sourceTable": { "projectId": "<project>", "datasetId": "<dataset>", "tableId": "_tidemark_check_<id>" }, "destinationTable": { "projectId":
"<project>", "datasetId": "<dataset>", "tableId": "_tidemark_checked_<id>" }, "writeDisposition": "WRITE_TRUNCATE", "createDisposition":
"CREATE_IF_NEEDED" }, "labels": {…} } }

-- To be dropped. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside transactions, which take no DDL of what
-- stays. Again: its tables and its file are of this check alone, and gone after it.
DROP TABLE IF EXISTS `<project>`.`<dataset>`.`_tidemark_check_<id>`

-- To be dropped. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside transactions, which take no DDL of what
-- stays. Again: its tables and its file are of this check alone, and gone after it.
DROP TABLE IF EXISTS `<project>`.`<dataset>`.`_tidemark_checked_<id>`

-- Where the bucket is: a load wants it near the dataset. https://cloud.google.com/storage/docs/json_api/v1/buckets. A request of Cloud Storage, in no
-- transaction. Again: it changes nothing.
GET /storage/v1/b/<bucket>

-- And loaded. https://cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobConfigurationLoad,
-- https://cloud.google.com/bigquery/docs/reference/api-uploads#multipart, https://cloud.google.com/bigquery/docs/batch-loading-data. A job of its own,
-- in no transaction. Again: its tables and its file are of this check alone, and gone after it.
POST /jobs { "jobReference": { "projectId": "<project>", "jobId": "tidemark_load__tidemark_check_<id>-<hash>_1", "location": "US" }, "configuration":
{ "load": { "sourceFormat": "NEWLINE_DELIMITED_JSON", "writeDisposition": "WRITE_APPEND", "createDisposition": "CREATE_NEVER", "maxBadRecords": 0,
"ignoreUnknownValues": false, "destinationTable": { "projectId": "<project>", "datasetId": "<dataset>", "tableId": "_tidemark_check_<id>" },
"sourceUris": [ "gs://<bucket>/a/b/_tidemark_check_<id>.gz" ] }, "labels": {…} } }

-- # Opening: places and tables of Tidemark

-- Whether the schema is there: making one wants a right that its use does not. https://cloud.google.com/bigquery/docs/reference/rest. A request, in no
-- transaction. Again: it changes nothing.
GET /datasets/<dataset>

-- Tables whose names begin so: what earlier writers left, to be dropped. https://cloud.google.com/bigquery/docs/reference/rest/v2/tables. A request, in
-- no transaction. Again: it changes nothing.
GET /datasets/<dataset>/tables?maxResults=1000

-- Which columns a table has; none: there is no such table. https://cloud.google.com/bigquery/docs/reference/rest/v2/tables. A request, in no
-- transaction. Again: it changes nothing.
GET /datasets/<dataset>/tables/_tidemark_sessions_<connection>

-- A table of Tidemark’s own, once it was not found. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside
-- transactions, which take no DDL of what stays. Again: IF NOT EXISTS.
CREATE TABLE IF NOT EXISTS `<project>`.`<dataset>`.`_tidemark_sessions_<connection>` (session_id STRING, sync_no INT64, attempt_at INT64)

-- Which columns a table has; none: there is no such table. https://cloud.google.com/bigquery/docs/reference/rest/v2/tables. A request, in no
-- transaction. Again: it changes nothing.
GET /datasets/<dataset>/tables/_tidemark_checkpoints_<connection>

-- A table of Tidemark’s own, once it was not found. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside
-- transactions, which take no DDL of what stays. Again: IF NOT EXISTS.
CREATE TABLE IF NOT EXISTS `<project>`.`<dataset>`.`_tidemark_checkpoints_<connection>` (connection_id STRING, scope STRING, edition INT64, sync_no
INT64, attempt_at INT64, checkpoint_sync_no INT64, checkpoint_attempt_at INT64, seq INT64, state STRING, records INT64, bytes INT64, complete BOOL,
by_stream STRING, committed_at STRING)

-- Which columns a table has; none: there is no such table. https://cloud.google.com/bigquery/docs/reference/rest/v2/tables. A request, in no
-- transaction. Again: it changes nothing.
GET /datasets/<dataset>/tables/_tidemark_tables

-- A table of Tidemark’s own, once it was not found. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside
-- transactions, which take no DDL of what stays. Again: IF NOT EXISTS.
CREATE TABLE IF NOT EXISTS `<project>`.`<dataset>`.`_tidemark_tables` (table_schema STRING, table_name STRING, connection_id STRING, stream STRING,
generation INT64, replaced_from STRING, replaced_to STRING, replaced_generation INT64)

-- Which columns a table has; none: there is no such table. https://cloud.google.com/bigquery/docs/reference/rest/v2/tables. A request, in no
-- transaction. Again: it changes nothing.
GET /datasets/<dataset>/tables/<target>

-- Which columns a table has; none: there is no such table. https://cloud.google.com/bigquery/docs/reference/rest/v2/tables. A request, in no
-- transaction. Again: it changes nothing.
GET /datasets/<dataset>/tables/_tidemark_next_<table>_<generation>

-- Makes it. https://cloud.google.com/bigquery/docs/reference/rest. A request, in no transaction. 409: it is there. Again: where it is there by now,
-- nothing happens.
POST /datasets { "datasetReference": { "projectId": "<project>", "datasetId": "<dataset>" }, "location": "US" }

-- Which columns a table has; none: there is no such table. https://cloud.google.com/bigquery/docs/reference/rest/v2/tables. A request, in no
-- transaction. Again: it changes nothing.
GET /datasets/<dataset>/tables/_tidemark_offers

-- A table of Tidemark’s own, once it was not found. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside
-- transactions, which take no DDL of what stays. Again: IF NOT EXISTS.
CREATE TABLE IF NOT EXISTS `<project>`.`<dataset>`.`_tidemark_offers` (connection_id STRING, sync_no INT64, offer STRING, before_offer STRING)

-- Which columns a table has; none: there is no such table. https://cloud.google.com/bigquery/docs/reference/rest/v2/tables. A request, in no
-- transaction. Again: it changes nothing.
GET /datasets/<dataset>/tables/_tidemark_wide_<table>_<epoch>

-- # Opening: the fence

-- Sessions of earlier writers, to be ended. https://cloud.google.com/bigquery/docs/transactions. Outside transactions: a statement by itself is one.
-- Again: it changes nothing.
SELECT session_id, sync_no, attempt_at FROM `<project>`.`<dataset>`.`_tidemark_sessions_<connection>`

-- The row of the connection itself. Of two that open at once each may insert one: the higher counts.
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. Outside transactions: a statement by itself is one. Again:
-- once it is there, nothing is inserted.
INSERT INTO `<project>`.`<dataset>`.`_tidemark_checkpoints_<connection>` (connection_id, scope, edition, sync_no, attempt_at, checkpoint_sync_no,
checkpoint_attempt_at, seq, state, records, bytes, complete, by_stream, committed_at) SELECT CAST(? AS STRING), CAST(? AS STRING), CAST(? AS INT64),
CAST(? AS INT64), CAST(? AS INT64), CAST(? AS INT64), CAST(? AS INT64), CAST(? AS INT64), CAST(? AS STRING), CAST(? AS INT64), CAST(? AS INT64),
CAST(? AS BOOL), CAST(? AS STRING), CAST(? AS STRING) FROM (SELECT 1 AS one) AS once WHERE NOT EXISTS (SELECT 1 FROM
`<project>`.`<dataset>`.`_tidemark_checkpoints_<connection>` WHERE scope = CAST(? AS STRING))

-- The connection’s tables. https://cloud.google.com/bigquery/docs/transactions. Outside transactions: a statement by itself is one. Again: it changes
-- nothing.
SELECT table_schema, table_name, stream, generation FROM `<project>`.`<dataset>`.`_tidemark_tables` WHERE connection_id = ?

-- The owners’ row that is changed to lock them, when a table is about to be taken. Of two that open at once each may insert one: both are changed then.
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. Outside transactions: a statement by itself is one. Again: once it is there, nothing is inserted.
INSERT INTO `<project>`.`<dataset>`.`_tidemark_tables` (table_schema, table_name, connection_id, stream, generation) SELECT CAST(? AS STRING), CAST(?
AS STRING), CAST(? AS STRING), CAST(? AS STRING), 0 FROM (SELECT 1 AS one) AS once WHERE NOT EXISTS (SELECT 1 FROM
`<project>`.`<dataset>`.`_tidemark_tables` WHERE connection_id = CAST(? AS STRING))

-- A session of this writer, before the first transaction in it.
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. Outside transactions: a statement by itself is one. Again:
-- twice is as good as once: each is ended, or found to be.
INSERT INTO `<project>`.`<dataset>`.`_tidemark_sessions_<connection>` (session_id, sync_no, attempt_at) SELECT CAST(? AS STRING), CAST(? AS INT64),
CAST(? AS INT64)

-- Changes nothing, and makes another writer’s transaction wait for this one or be in conflict with it. Invariant 3.
-- https://cloud.google.com/bigquery/docs/transactions#transaction_concurrency. In a transaction, which takes SELECT and DML. Again: it changes nothing.
UPDATE `<project>`.`<dataset>`.`_tidemark_checkpoints_<connection>` SET sync_no = sync_no WHERE scope = ?

-- Before tables are taken: changes nothing, and makes a connection that takes one at the same moment wait, or be in conflict. Invariant 3.
-- https://cloud.google.com/bigquery/docs/transactions#transaction_concurrency. In a transaction, which takes SELECT and DML. Again: it changes nothing.
UPDATE `<project>`.`<dataset>`.`_tidemark_tables` SET generation = generation WHERE connection_id = ?

-- The checkpoints, behind the UPDATE above. https://cloud.google.com/bigquery/docs/transactions. In a transaction, which takes SELECT and DML. Again: it
-- changes nothing.
SELECT scope, edition, sync_no, attempt_at, checkpoint_sync_no, checkpoint_attempt_at, seq, state, records, bytes, complete, by_stream, committed_at
FROM `<project>`.`<dataset>`.`_tidemark_checkpoints_<connection>` WHERE connection_id = ?

-- Whose tables there are, so that none is taken from another connection. https://cloud.google.com/bigquery/docs/transactions. In a transaction, which
-- takes SELECT and DML. Again: it changes nothing.
SELECT table_schema, table_name, connection_id, stream FROM `<project>`.`<dataset>`.`_tidemark_tables`

-- Streams get tables: what was said of each stream, and of each table, goes.
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a transaction, which takes SELECT and DML. Again: deleted
-- rows are gone.
DELETE FROM `<project>`.`<dataset>`.`_tidemark_tables` WHERE (connection_id = ? AND stream = ?) OR (table_schema = ? AND table_name = ?) OR …

-- And their rows come. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a transaction, which takes SELECT
-- and DML. Again: within one transaction after the DELETE, so that it is one row.
INSERT INTO `<project>`.`<dataset>`.`_tidemark_tables` (table_schema, table_name, connection_id, stream, generation) SELECT CAST(? AS STRING), CAST(?
AS STRING), CAST(? AS STRING), CAST(? AS STRING), 0 UNION ALL …

-- The fence: every row of the connection is this writer’s from now on.
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a transaction, which takes SELECT and DML. Again: the
-- same epoch again.
UPDATE `<project>`.`<dataset>`.`_tidemark_checkpoints_<connection>` SET sync_no = CAST(? AS INT64), attempt_at = CAST(? AS INT64) WHERE connection_id
= ?

-- What transactions decided and nobody has done yet, because a writer died in between. https://cloud.google.com/bigquery/docs/transactions. Outside
-- transactions: a statement by itself is one. Again: it changes nothing.
SELECT table_schema, table_name, replaced_from, replaced_to, replaced_generation FROM `<project>`.`<dataset>`.`_tidemark_tables` WHERE connection_id =
? AND replaced_from IS NOT NULL

-- What the source offered to the sync before. https://cloud.google.com/bigquery/docs/transactions. Outside transactions: a statement by itself is one.
-- Again: it changes nothing.
SELECT sync_no, offer, before_offer FROM `<project>`.`<dataset>`.`_tidemark_offers` WHERE connection_id = ?

-- What it offers now takes the place of that. A later sync’s stays.
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a transaction, which takes SELECT and DML. Again: deleted
-- rows are gone.
DELETE FROM `<project>`.`<dataset>`.`_tidemark_offers` WHERE connection_id = ? AND sync_no <= CAST(? AS INT64)

-- The new row, unless a later sync has one. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a transaction,
-- which takes SELECT and DML. Again: then nothing is inserted.
INSERT INTO `<project>`.`<dataset>`.`_tidemark_offers` (connection_id, sync_no, offer, before_offer) SELECT CAST(? AS STRING), CAST(? AS INT64),
CAST(? AS STRING), CAST(? AS STRING) FROM (SELECT 1 AS one) AS once WHERE NOT EXISTS (SELECT 1 FROM `<project>`.`<dataset>`.`_tidemark_offers` WHERE
connection_id = CAST(? AS STRING))

-- Those that were ended. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. Outside transactions: a statement by
-- itself is one. Again: deleted rows are gone.
DELETE FROM `<project>`.`<dataset>`.`_tidemark_sessions_<connection>` WHERE session_id IN (?, …)

-- # Tables of streams

-- A stream’s table, or the hidden one of its new data. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside
-- transactions, which take no DDL of what stays. Again: asked for only where it was not found; where another writer was quicker it fails, and what is
-- there is looked at again.
CREATE TABLE `<project>`.`<dataset>`.`<target>` (`id` INT64, `name` STRING, `big` BIGNUMERIC, `price` FLOAT64, `ok` BOOL, `day` DATE, `seen_at`
TIMESTAMP, `local` DATETIME, `clock` TIME, `doc` JSON, `list` JSON, `_ab_cdc_deleted_at` STRING, `_airbyte_raw_id` STRING, `_airbyte_extracted_at`
TIMESTAMP, `_airbyte_meta` JSON, `_airbyte_generation_id` INT64)

-- A stream’s table, or the hidden one of its new data. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside
-- transactions, which take no DDL of what stays. Again: asked for only where it was not found; where another writer was quicker it fails, and what is
-- there is looked at again.
CREATE TABLE `<project>`.`<dataset>`.`<target>` (`id` INT64, `price` FLOAT64, `_ab_cdc_deleted_at` STRING, `_airbyte_raw_id` STRING,
`_airbyte_extracted_at` TIMESTAMP, `_airbyte_meta` JSON, `_airbyte_generation_id` INT64) CLUSTER BY `id`

-- A stream’s table, or the hidden one of its new data. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside
-- transactions, which take no DDL of what stays. Again: asked for only where it was not found; where another writer was quicker it fails, and what is
-- there is looked at again.
CREATE TABLE `<project>`.`<dataset>`.`_tidemark_next_<table>_<generation>` (`id` INT64, `price` FLOAT64, `_ab_cdc_deleted_at` STRING,
`_airbyte_raw_id` STRING, `_airbyte_extracted_at` TIMESTAMP, `_airbyte_meta` JSON, `_airbyte_generation_id` INT64)

-- A stream’s table, or the hidden one of its new data. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside
-- transactions, which take no DDL of what stays. Again: asked for only where it was not found; where another writer was quicker it fails, and what is
-- there is looked at again.
CREATE TABLE `<project>`.`<dataset>`.`<target>` (`id` INT64, `price` FLOAT64, `_ab_cdc_deleted_at` STRING, `_airbyte_raw_id` STRING,
`_airbyte_extracted_at` TIMESTAMP, `_airbyte_meta` JSON, `_airbyte_generation_id` INT64)

-- A column that the stream has and the table lacks. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside
-- transactions, which take no DDL of what stays. Again: as above: where another writer was quicker it fails, and the table is looked at again.
ALTER TABLE `<project>`.`<dataset>`.`<target>` ADD COLUMN `<column>` STRING

-- Whether a wider type would lose a number that is there. Then the column stays.
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/conversion_functions#cast. Outside transactions: a statement by itself is one. Again: it
-- changes nothing.
SELECT 1 AS lost FROM `<project>`.`<dataset>`.`<target>` AS _tidemark_old WHERE `price` IS NOT NULL AND coalesce(CAST(SAFE_CAST(CAST(`price` AS
STRING) AS BIGNUMERIC) AS FLOAT64) <> `price`, TRUE) LIMIT 1

-- # Staging

-- A table of texts for the rows of one part. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside
-- transactions, which take no DDL of what stays. Again: its name is the part’s, which one writer makes once; it is dropped after the commit, or swept by
-- the next open.
CREATE TABLE `<project>`.`<dataset>`.`_tidemark_part_<connection>_<part>` (`_tidemark_ordinal` STRING, …)

-- Brings a file and loads it. All or nothing; a line that does not fit fails it. The rows that it loaded are counted.
-- https://cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobConfigurationLoad,
-- https://cloud.google.com/bigquery/docs/reference/api-uploads#multipart, https://cloud.google.com/bigquery/docs/batch-loading-data. A job of its own,
-- in no transaction. Again: the job’s name holds the file’s content: started again it is found, and loads once. What failed loaded nothing.
POST /upload/jobs?uploadType=multipart { "jobReference": { "projectId": "<project>", "jobId":
"tidemark_load__tidemark_part_<connection>_<part>-<file>_1", "location": "US" }, "configuration": { "load": { "sourceFormat":
"NEWLINE_DELIMITED_JSON", "writeDisposition": "WRITE_APPEND", "createDisposition": "CREATE_NEVER", "maxBadRecords": 0, "ignoreUnknownValues": false,
"destinationTable": { "projectId": "<project>", "datasetId": "<dataset>", "tableId": "_tidemark_part_<connection>_<part>" } }, "labels": {…} } }

-- After the commit, or of an earlier writer. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside
-- transactions, which take no DDL of what stays. Again: IF EXISTS.
DROP TABLE IF EXISTS `<project>`.`<dataset>`.`_tidemark_part_<connection>_<part>`

-- A column that came while the part was read. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside
-- transactions, which take no DDL of what stays. Again: sent once for each column that the part’s table lacks.
ALTER TABLE `<project>`.`<dataset>`.`_tidemark_part_<connection>_<part>` ADD COLUMN `<column>` STRING

-- Brings a file into the bucket, where there is one. https://cloud.google.com/storage/docs/json_api/v1/objects. A request of Cloud Storage, in no
-- transaction. Again: the same name is the same content: it is written over.
POST /upload/storage/v1/b/<bucket>/o?name=a/b/_tidemark_check_<id>.gz&uploadType=media

-- Objects whose names begin so: those that earlier writers left, or that are of no use any more.
-- https://cloud.google.com/storage/docs/json_api/v1/objects. A request of Cloud Storage, in no transaction. Again: it changes nothing.
GET /storage/v1/b/<bucket>/o?prefix=a/b/_tidemark_check_<id>&fields=items(name),nextPageToken

-- And removes it. https://cloud.google.com/storage/docs/json_api/v1/objects. A request of Cloud Storage, in no transaction. Again: 404: it is gone.
DELETE /storage/v1/b/<bucket>/o/a%2Fb%2F_tidemark_check_<id>.gz

-- Objects whose names begin so: those that earlier writers left, or that are of no use any more.
-- https://cloud.google.com/storage/docs/json_api/v1/objects. A request of Cloud Storage, in no transaction. Again: it changes nothing.
GET /storage/v1/b/<bucket>/o?prefix=a/b/_tidemark_part_&fields=items(name),nextPageToken

-- # A commit

-- Checkpoints are written anew: the old rows go, https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a
-- transaction, which takes SELECT and DML. Again: within one transaction with the INSERT.
DELETE FROM `<project>`.`<dataset>`.`_tidemark_checkpoints_<connection>` WHERE scope IN (?, …)

-- and the new ones come, up to 50 at a time. Invariant 1: beside the rows that they are about.
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a transaction, which takes SELECT and DML. Again: after
-- the DELETE of the same scopes, so that each is one row.
INSERT INTO `<project>`.`<dataset>`.`_tidemark_checkpoints_<connection>` (connection_id, scope, edition, sync_no, attempt_at, checkpoint_sync_no,
checkpoint_attempt_at, seq, state, records, bytes, complete, by_stream, committed_at) SELECT CAST(? AS STRING), CAST(? AS STRING), CAST(? AS INT64),
CAST(? AS INT64), CAST(? AS INT64), CAST(? AS INT64), CAST(? AS INT64), CAST(? AS INT64), CAST(? AS STRING), CAST(? AS INT64), CAST(? AS INT64),
CAST(? AS BOOL), CAST(? AS STRING), CAST(? AS STRING) UNION ALL …

-- Before the transaction: what was loaded is what was sent (invariant 6), and no key lacks a value. https://cloud.google.com/bigquery/docs/transactions.
-- Outside transactions: a statement by itself is one. Again: it changes nothing.
SELECT count(*) AS found, coalesce(sum(CAST(`_tidemark_nulled` AS INT64)), 0) AS nulled FROM
`<project>`.`<dataset>`.`_tidemark_part_<connection>_<part>` WHERE CAST(`_tidemark_ordinal` AS INT64) < <records>

-- Whether a newer writer owns a scope: then nothing is written. Invariant 3. https://cloud.google.com/bigquery/docs/transactions. In a transaction,
-- which takes SELECT and DML. Again: it changes nothing.
SELECT scope, sync_no, attempt_at FROM `<project>`.`<dataset>`.`_tidemark_checkpoints_<connection>` WHERE connection_id = ?

-- and the new ones come, up to 50 at a time. Invariant 1: beside the rows that they are about.
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a transaction, which takes SELECT and DML. Again: after
-- the DELETE of the same scopes, so that each is one row.
INSERT INTO `<project>`.`<dataset>`.`_tidemark_checkpoints_<connection>` (connection_id, scope, edition, sync_no, attempt_at, checkpoint_sync_no,
checkpoint_attempt_at, seq, state, records, bytes, complete, by_stream, committed_at) SELECT CAST(? AS STRING), CAST(? AS STRING), CAST(? AS INT64),
CAST(? AS INT64), CAST(? AS INT64), CAST(? AS INT64), CAST(? AS INT64), CAST(? AS INT64), CAST(? AS STRING), CAST(? AS INT64), CAST(? AS INT64),
CAST(? AS BOOL), CAST(? AS STRING), CAST(? AS STRING)

-- The rows with their types, as many as states cover. https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#parse_json,
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a transaction, which takes SELECT and DML. Again:
-- Invariant 1: in the transaction of the checkpoint, which a fenced or repeated writer does not reach.
INSERT INTO `<project>`.`<dataset>`.`<target>` (`id`, `name`, `big`, `price`, `ok`, `day`, `seen_at`, `local`, `clock`, `doc`, `list`,
`_ab_cdc_deleted_at`, `_airbyte_raw_id`, `_airbyte_extracted_at`, `_airbyte_meta`, `_airbyte_generation_id`) SELECT CAST(`id` AS INT64), `name`,
CAST(`big` AS BIGNUMERIC), CAST(`price` AS FLOAT64), CAST(`ok` AS BOOL), CAST(`day` AS DATE), CAST(`seen_at` || '+00' AS TIMESTAMP), CAST(`local` AS
DATETIME), CAST(`clock` AS TIME), PARSE_JSON(`doc`, wide_number_mode=>'round'), PARSE_JSON(`list`, wide_number_mode=>'round'), `_ab_cdc_deleted_at`,
`_airbyte_raw_id`, CAST(`_airbyte_extracted_at` || '+00' AS TIMESTAMP), PARSE_JSON(`_airbyte_meta`, wide_number_mode=>'round'), CAST(<generation> AS
INT64) FROM `<project>`.`<dataset>`.`_tidemark_part_<connection>_<part>` WHERE CAST(`_tidemark_ordinal` AS INT64) < <records>

-- The rows with their types, as many as states cover. https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#parse_json,
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a transaction, which takes SELECT and DML. Again:
-- Invariant 1: in the transaction of the checkpoint, which a fenced or repeated writer does not reach.
INSERT INTO `<project>`.`<dataset>`.`<target>` (`id`, `price`, `_ab_cdc_deleted_at`, `_airbyte_raw_id`, `_airbyte_extracted_at`, `_airbyte_meta`,
`_airbyte_generation_id`) SELECT CAST(`id` AS INT64), CAST(`price` AS FLOAT64), `_ab_cdc_deleted_at`, `_airbyte_raw_id`, CAST(`_airbyte_extracted_at`
|| '+00' AS TIMESTAMP), PARSE_JSON(`_airbyte_meta`, wide_number_mode=>'round'), CAST(<generation> AS INT64) FROM
`<project>`.`<dataset>`.`_tidemark_part_<connection>_<part>` WHERE CAST(`_tidemark_ordinal` AS INT64) < <records>

-- Before the transaction: what was loaded is what was sent (invariant 6), and no key lacks a value. https://cloud.google.com/bigquery/docs/transactions.
-- Outside transactions: a statement by itself is one. Again: it changes nothing.
SELECT count(*) AS found, coalesce(sum(CAST(`_tidemark_nulled` AS INT64)), 0) AS nulled, count(`id`) AS k0 FROM
`<project>`.`<dataset>`.`_tidemark_part_<connection>_<part>` WHERE CAST(`_tidemark_ordinal` AS INT64) < <records>

-- Rows whose keys come anew. Correlated by equality alone, within one level.
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a transaction, which takes SELECT and DML. Again: within
-- one transaction with the INSERT: both or neither.
DELETE FROM `<project>`.`<dataset>`.`<target>` WHERE EXISTS ( SELECT 1 FROM (SELECT DISTINCT CAST(`id` AS INT64) AS _tidemark_key_0 FROM
`<project>`.`<dataset>`.`_tidemark_part_<connection>_<part>` WHERE CAST(`_tidemark_ordinal` AS INT64) < <records>) AS _tidemark_staged WHERE
_tidemark_staged._tidemark_key_0 = `<target>`.`id`)

-- Of each key its last row (invariant 4), unless it says that the row is deleted.
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#parse_json,
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a transaction, which takes SELECT and DML. Again: after
-- the DELETE of the same keys. The transaction runs again only once it was rolled back.
INSERT INTO `<project>`.`<dataset>`.`<target>` (`id`, `price`, `_ab_cdc_deleted_at`, `_airbyte_raw_id`, `_airbyte_extracted_at`, `_airbyte_meta`,
`_airbyte_generation_id`) SELECT CAST(`id` AS INT64), CAST(`price` AS FLOAT64), `_ab_cdc_deleted_at`, `_airbyte_raw_id`, CAST(`_airbyte_extracted_at`
|| '+00' AS TIMESTAMP), PARSE_JSON(`_airbyte_meta`, wide_number_mode=>'round'), CAST(<generation> AS INT64) FROM (SELECT *, row_number() OVER
(PARTITION BY CAST(`id` AS INT64) ORDER BY CAST(`_tidemark_ordinal` AS INT64) DESC) AS _tidemark_place FROM
`<project>`.`<dataset>`.`_tidemark_part_<connection>_<part>` WHERE CAST(`_tidemark_ordinal` AS INT64) < <records>) AS _tidemark_last WHERE
_tidemark_place = 1 AND `_tidemark_gone` = '0'

-- Of each key its last row (invariant 4), unless it says that the row is deleted.
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#parse_json,
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a transaction, which takes SELECT and DML. Again: after
-- the DELETE of the same keys. The transaction runs again only once it was rolled back.
INSERT INTO `<project>`.`<dataset>`.`<target>` (`id`, `price`, `_ab_cdc_deleted_at`, `filler`, `fresh`, `_airbyte_raw_id`, `_airbyte_extracted_at`,
`_airbyte_meta`, `_airbyte_generation_id`) SELECT CAST(`id` AS INT64), CAST(`price` AS BIGNUMERIC), `_ab_cdc_deleted_at`, `filler`, `fresh`,
`_airbyte_raw_id`, CAST(`_airbyte_extracted_at` || '+00' AS TIMESTAMP), PARSE_JSON(`_airbyte_meta`, wide_number_mode=>'round'), CAST(<generation> AS
INT64) FROM (SELECT *, row_number() OVER (PARTITION BY CAST(`id` AS INT64) ORDER BY CAST(`_tidemark_ordinal` AS INT64) DESC) AS _tidemark_place FROM
`<project>`.`<dataset>`.`_tidemark_part_<connection>_<part>` WHERE CAST(`_tidemark_ordinal` AS INT64) < <records>) AS _tidemark_last WHERE
_tidemark_place = 1 AND `_tidemark_gone` = '0'

-- The rows with their types, as many as states cover. https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#parse_json,
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a transaction, which takes SELECT and DML. Again:
-- Invariant 1: in the transaction of the checkpoint, which a fenced or repeated writer does not reach.
INSERT INTO `<project>`.`<dataset>`.`_tidemark_next_<table>_<generation>` (`id`, `price`, `_ab_cdc_deleted_at`, `_airbyte_raw_id`,
`_airbyte_extracted_at`, `_airbyte_meta`, `_airbyte_generation_id`) SELECT CAST(`id` AS INT64), CAST(`price` AS FLOAT64), `_ab_cdc_deleted_at`,
`_airbyte_raw_id`, CAST(`_airbyte_extracted_at` || '+00' AS TIMESTAMP), PARSE_JSON(`_airbyte_meta`, wide_number_mode=>'round'), CAST(<generation> AS
INT64) FROM `<project>`.`<dataset>`.`_tidemark_part_<connection>_<part>` WHERE CAST(`_tidemark_ordinal` AS INT64) < <records>

-- No more rows than rows_min are counted, of a table that is to be published. https://cloud.google.com/bigquery/docs/transactions. In a transaction,
-- which takes SELECT and DML. Again: it changes nothing.
SELECT count(*) AS found FROM (SELECT 1 FROM `<project>`.`<dataset>`.`_tidemark_next_<table>_<generation>` LIMIT 2) AS counted

-- After a failure: whether a newer writer is why. https://cloud.google.com/bigquery/docs/transactions. Outside transactions: a statement by itself is
-- one. Again: it changes nothing.
SELECT sync_no, attempt_at FROM `<project>`.`<dataset>`.`_tidemark_checkpoints_<connection>` WHERE connection_id = ?

-- # Taking the place of a table

-- What an earlier attempt left of it, and what took the place of the table.
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside transactions, which take no DDL of what stays. Again:
-- IF EXISTS.
DROP TABLE IF EXISTS `<project>`.`<dataset>`.`_tidemark_wide_<table>_<epoch>`

-- A table with a wider column: no system alters such a type. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language.
-- Outside transactions, which take no DDL of what stays. Again: dropped before.
CREATE TABLE `<project>`.`<dataset>`.`_tidemark_wide_<table>_<epoch>` (`id` INT64, `price` BIGNUMERIC, `_ab_cdc_deleted_at` STRING, `_airbyte_raw_id`
STRING, `_airbyte_extracted_at` TIMESTAMP, `_airbyte_meta` JSON, `_airbyte_generation_id` INT64, `filler` STRING, `fresh` STRING) CLUSTER BY `id`

-- A table with a wider column gets the rows of the old. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a
-- transaction, which takes SELECT and DML. Again: in the transaction that decides that it takes its place; rolled back, it is empty.
INSERT INTO `<project>`.`<dataset>`.`_tidemark_wide_<table>_<epoch>` (`id`, `price`, `_ab_cdc_deleted_at`, `_airbyte_raw_id`, `_airbyte_extracted_at`,
`_airbyte_meta`, `_airbyte_generation_id`, `filler`, `fresh`) SELECT `id`, CAST(CAST(`price` AS STRING) AS BIGNUMERIC), `_ab_cdc_deleted_at`,
`_airbyte_raw_id`, `_airbyte_extracted_at`, `_airbyte_meta`, `_airbyte_generation_id`, `filler`, `fresh` FROM `<project>`.`<dataset>`.`<target>` AS
_tidemark_old

-- In a transaction: one table is to have the rows of another. Invariant 3: only its owner says so, never of older rows.
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. In a transaction, which takes SELECT and DML. Again: the
-- same again.
UPDATE `<project>`.`<dataset>`.`_tidemark_tables` SET replaced_from = CAST(? AS STRING), replaced_to = CAST(? AS STRING), replaced_generation = CAST(?
AS INT64) WHERE table_schema = ? AND table_name = ? AND connection_id = ? AND generation <= CAST(? AS INT64)

-- What was decided is done, at once for everybody who reads. https://cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobConfigurationTableCopy. A
-- job of its own, in no transaction. Again: the source of the rows has a name of its own and is gone once they are there: done again before that it is
-- the same, and after that nothing.
POST /jobs { "jobReference": { "projectId": "<project>", "jobId": "tidemark_copy_<uuid>", "location": "US" }, "configuration": { "copy": {
"sourceTable": { "projectId": "<project>", "datasetId": "<dataset>", "tableId": "_tidemark_wide_<table>_<epoch>" }, "destinationTable": { "projectId":
"<project>", "datasetId": "<dataset>", "tableId": "<target>" }, "writeDisposition": "WRITE_TRUNCATE", "createDisposition": "CREATE_IF_NEEDED" },
"labels": {…} } }

-- It is done. https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language. Outside transactions: a statement by itself is
-- one. Again: of what was decided since it says nothing, as that has another name.
UPDATE `<project>`.`<dataset>`.`_tidemark_tables` SET generation = CAST(? AS INT64), replaced_from = NULL, replaced_to = NULL, replaced_generation =
NULL WHERE table_schema = ? AND table_name = ? AND connection_id = ? AND replaced_from = ?

-- What was decided is done, at once for everybody who reads. https://cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobConfigurationTableCopy. A
-- job of its own, in no transaction. Again: the source of the rows has a name of its own and is gone once they are there: done again before that it is
-- the same, and after that nothing.
POST /jobs { "jobReference": { "projectId": "<project>", "jobId": "tidemark_copy_<uuid>", "location": "US" }, "configuration": { "copy": {
"sourceTable": { "projectId": "<project>", "datasetId": "<dataset>", "tableId": "_tidemark_next_<table>_<generation>" }, "destinationTable": {
"projectId": "<project>", "datasetId": "<dataset>", "tableId": "<target>" }, "writeDisposition": "WRITE_TRUNCATE", "createDisposition":
"CREATE_IF_NEEDED" }, "labels": {…} } }

-- What took the place of the table, or an earlier sync left hidden.
-- https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language. Outside transactions, which take no DDL of what stays. Again:
-- IF EXISTS.
DROP TABLE IF EXISTS `<project>`.`<dataset>`.`_tidemark_next_<table>_<generation>`

-- # Requests that carry statements

-- A statement outside sessions. https://cloud.google.com/bigquery/docs/reference/rest/v2/Job#JobConfigurationQuery,
-- https://cloud.google.com/bigquery/docs/running-jobs. Again: the job has a name of ours: started again, it is found, and runs once.
POST /jobs { "jobReference": { "projectId": "<project>", "jobId": "tidemark_query_<uuid>", "location": "US" }, "configuration": { "query": {
"useLegacySql": false, "query": "<statement>" }, "labels": {…} } }

-- Makes the session in which transactions run. https://cloud.google.com/bigquery/docs/sessions-intro. Again: as of every job. A session too many ends by
-- itself.
POST /jobs { "jobReference": { "projectId": "<project>", "jobId": "tidemark_query_<uuid>", "location": "US" }, "configuration": { "query": {
"useLegacySql": false, "query": "<statement>", "createSession": true }, "labels": {…} } }

-- A statement in a transaction: its session names it. https://cloud.google.com/bigquery/docs/sessions-intro. Again: as of every job.
POST /jobs { "jobReference": { "projectId": "<project>", "jobId": "tidemark_query_<uuid>", "location": "US" }, "configuration": { "query": {
"useLegacySql": false, "query": "<statement>", "connectionProperties": [ { "key": "session_id", "value": "<session>" } ] }, "labels": {…} } }

-- A statement with values in a transaction: all of them texts or null, cast in the statement.
-- https://cloud.google.com/bigquery/docs/parameterized-queries, https://cloud.google.com/bigquery/docs/sessions-intro. Again: as of every job.
POST /jobs { "jobReference": { "projectId": "<project>", "jobId": "tidemark_query_<uuid>", "location": "US" }, "configuration": { "query": {
"useLegacySql": false, "query": "<statement>", "parameterMode": "POSITIONAL", "queryParameters": [ { "parameterType": { "type": "STRING" },
"parameterValue": { "value": "<value>" } } ], "connectionProperties": [ { "key": "session_id", "value": "<session>" } ] }, "labels": {…} } }

-- The rows of a SELECT, page by page. https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs. Again: it changes nothing.
GET /queries/tidemark_query_<uuid>?location=US

-- A statement with values, outside. https://cloud.google.com/bigquery/docs/parameterized-queries. Again: as of every job.
POST /jobs { "jobReference": { "projectId": "<project>", "jobId": "tidemark_query_<uuid>", "location": "US" }, "configuration": { "query": {
"useLegacySql": false, "query": "<statement>", "parameterMode": "POSITIONAL", "queryParameters": [ { "parameterType": { "type": "STRING" },
"parameterValue": { "value": "<value>" } } ] }, "labels": {…} } }

-- Waits for the end of a job that runs. https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs. Again: it changes nothing.
GET /queries/tidemark_query_<uuid>?location=US&timeoutMs=20000&maxResults=0

-- What became of a job; also of one whose start was not answered. https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs. Again: it changes
-- nothing.
GET /jobs/tidemark_query_<uuid>?location=US

-- Ends a job that nobody waits for any more. https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs. Again: a job that has ended stays as it is.
POST /jobs/tidemark_query_<uuid>/cancel?location=US
