/** What Redshift has and Postgres has not: made in each database of the tests, in a schema of its own behind the search path. */
export const prelude = `
  CREATE SCHEMA redshift_own;
  CREATE DOMAIN redshift_own.super AS jsonb;
  CREATE FUNCTION redshift_own.json_parse(text) RETURNS redshift_own.super
    LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1::jsonb::redshift_own.super';
  CREATE FUNCTION redshift_own.json_serialize(redshift_own.super) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1::text';
  CREATE TABLE redshift_own.sys_load_error_detail (
    session_id int, start_time timestamp, file_name text, line_number bigint,
    column_name text, column_type text, error_code int, error_message text);
  CREATE VIEW redshift_own.sys_session_history AS
    SELECT usename::varchar AS user_id, pid AS session_id, datname::varchar AS database_name, 'active'::varchar AS status,
      0 AS session_timeout, backend_start AT TIME ZONE 'UTC' AS start_time, NULL::timestamp AS end_time
    FROM pg_stat_activity WHERE backend_type = 'client backend';
  GRANT USAGE ON SCHEMA redshift_own TO PUBLIC;
  GRANT SELECT ON redshift_own.sys_load_error_detail, redshift_own.sys_session_history TO PUBLIC;
`;

/** Of a database, once its schema is there. */
export const searchPath = '"$user", public, redshift_own';
