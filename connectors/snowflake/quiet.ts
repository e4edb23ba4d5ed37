// The driver asks the metadata service of every cloud where it runs as soon as it is loaded, and tells Snowflake: so this comes before it.
process.env['SNOWFLAKE_DISABLE_PLATFORM_DETECTION'] ??= 'true';
