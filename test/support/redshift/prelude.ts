/** What Redshift has and Postgres has not: made in each database of the tests, in a schema of its own behind the search path. */
export const prelude = `
  CREATE SCHEMA pg_redshift;
  CREATE DOMAIN pg_redshift.super AS jsonb;
  CREATE FUNCTION pg_redshift.json_parse(text) RETURNS pg_redshift.super
    LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1::jsonb::pg_redshift.super';
  CREATE FUNCTION pg_redshift.json_serialize(pg_redshift.super) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1::text';
  CREATE TABLE pg_redshift.sys_load_error_detail (
    session_id int, start_time timestamp, file_name text, line_number bigint,
    column_name text, column_type text, error_code int, error_message text);
  GRANT USAGE ON SCHEMA pg_redshift TO PUBLIC;
  GRANT SELECT ON pg_redshift.sys_load_error_detail TO PUBLIC;
`;

/** Of a database, once its schema is there. */
export const searchPath = '"$user", public, pg_redshift';
