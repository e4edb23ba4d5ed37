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
  GRANT USAGE ON SCHEMA redshift_own TO PUBLIC;
  GRANT SELECT ON redshift_own.sys_load_error_detail TO PUBLIC;
`;

/** Of a database, once its schema is there. */
export const searchPath = '"$user", public, redshift_own';
