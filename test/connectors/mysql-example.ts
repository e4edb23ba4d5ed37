import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import {
  mysqlDestination,
  mysqlSource,
  type MysqlConfig,
  type MysqlSourceConfig,
} from '../../connectors/mysql/index.ts';
import type { ConfiguredStream, JsonObject } from '../../protocol/index.ts';
import { readConnectorsFile } from '../../worker/connectors-file.ts';
import { createRedactor } from '../../worker/redact.ts';
import { resolveSecrets } from '../../worker/secrets.ts';
import { validateConfig } from '../../worker/validate.ts';
import type { TestCertificate } from '../support/certificates.ts';

const page = new URL('../../docs/connectors.md', import.meta.url);

type StreamChoice = Pick<
  ConfiguredStream,
  'sync_mode' | 'destination_sync_mode' | 'cursor_field'
> & { readonly name: string; readonly namespace: string };

/** The example under a heading of docs/connectors.md, as a worker takes it; its certificate authority is the test's. */
export function mysqlExample(
  heading: string,
  environment: Readonly<Record<string, string>>,
  { files }: TestCertificate,
): {
  readonly config: MysqlConfig & MysqlSourceConfig;
  readonly streams: readonly StreamChoice[];
} {
  const text = readFileSync(page, 'utf8');
  const [, section = ''] = text.split(`\n### ${heading}\n`);
  const [connectors = '', connection = ''] = [...section.matchAll(/```yaml\n([^`]*)```/g)].map(
    ([, example]) => example!.replaceAll('/etc/tidemark/warehouse-ca.pem', files.ca),
  );
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-example-'));
  writeFileSync(join(directory, 'connectors.yaml'), connectors);
  const file = readConnectorsFile(join(directory, 'connectors.yaml'), ['mysql'], '/');
  rmSync(directory, { recursive: true });
  const example = parse(connection) as {
    readonly source?: { readonly connector: string; readonly config: JsonObject };
    readonly destination: { readonly connector: string; readonly config: JsonObject };
    readonly streams?: readonly StreamChoice[];
  };
  const origin = example.source === undefined ? 'destination' : 'source';
  const { connector, config: given } = example.source ?? example.destination;
  const { spec } = origin === 'source' ? mysqlSource : mysqlDestination;
  const schema = spec.connectionSpecification as JsonObject;
  const config = resolveSecrets(given, schema, {
    ...{
      entry: file.entries.get(connector)!,
      file,
      environment,
      redactor: createRedactor(),
      origin,
    },
  });
  validateConfig(config, schema, { connector, origin });
  return { config: config as MysqlConfig & MysqlSourceConfig, streams: example.streams ?? [] };
}
