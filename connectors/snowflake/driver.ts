// As soon as it is loaded the driver asks the metadata services of all clouds where it runs, and tells Snowflake. A static import would come before this.
process.env['SNOWFLAKE_DISABLE_PLATFORM_DETECTION'] ??= 'true';
const { default: snowflake } = await import('snowflake-sdk');

// It writes a log into the working directory otherwise.
snowflake.configure({ logLevel: 'OFF', additionalLogToConsole: false });

export { snowflake };
