// `npm run test:warehouses`: the suites of the warehouses, kills at each step of a load, and a million rows, on the services themselves whose configs the
// environment names. See docs/connectors.md. `-- --rows N`: as many instead of a million; 0: none.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
/** By warehouse: what runs on the service, and what only an emulator can play. */
const suites = {
  snowflake: {
    run: ['test/connectors/snowflake.snowflake.test.ts'],
    emulated:
      'test/connectors/snowflake/session.snowflake.test.ts: roles that lack one right, a key of a user made for the test, locks held on purpose',
  },
  bigquery: {
    run: ['test/connectors/bigquery.bigquery.test.ts'],
    emulated:
      'test/connectors/bigquery-session.bigquery.test.ts: answers lost on purpose, sessions of dead writers, jobs that fail for a passing reason',
  },
  redshift: {
    run: ['test/connectors/redshift.redshift.test.ts'],
    emulated:
      'test/connectors/redshift/stage.redshift.test.ts: a role without rights, lines that are not taken; and of the suite a server that does not encrypt',
  },
};

const variableOf = (kind) => `TEST_${kind.toUpperCase()}_CONFIG`;
const { values } = parseArgs({ options: { rows: { type: 'string', default: '1000000' } } });
const named = Object.keys(suites).filter((kind) => process.env[variableOf(kind)]);
if (named.length === 0) {
  const variables = Object.keys(suites).map(variableOf);
  console.error(`Name a config in one of these: ${variables.join(', ')}. See docs/connectors.md.`);
  process.exit(2);
}

const statuses = [];
const run = (...args) => {
  console.log(`\n$ node ${args.join(' ')}`);
  statuses.push(spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status);
};
for (const kind of named) console.log(`Not run on ${kind}: ${suites[kind].emulated}`);
run('test/run.mjs', ...named.flatMap((kind) => suites[kind].run));
for (const kind of named) run('dist/test/chaos/chaos.js', '--only', 'warehouses', '--target', kind);
if (Number(values.rows) > 0)
  for (const kind of named)
    run('dist/bench/warehouses/main.js', '--rows', values.rows, '--target', kind);
process.exit(statuses.every((status) => status === 0) ? 0 : 1);
