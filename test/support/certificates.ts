import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A certificate and those who vouch for it, in files that are gone with `drop`. */
export interface TestCertificate {
  /** PEM text of the authority, which is nobody else's. */
  readonly ca: string;
  readonly files: { readonly ca: string; readonly certificate: string; readonly key: string };
  drop(): Promise<void>;
}

/** For a server of this name, and of no address. */
export async function certificateFor(host: string): Promise<TestCertificate> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-certificate-'));
  const at = (name: string): string => join(directory, name);
  const make = (name: string, more: readonly string[]): Promise<unknown> =>
    run('openssl', [
      ...['req', '-x509', '-days', '2', '-subj', `/CN=test ${name}`, ...newKey],
      ...['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`), ...more],
    ]);
  await make('ca', []);
  const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key')];
  await make('server', [...signed, '-addext', `subjectAltName=DNS:${host}`]);
  return {
    ca: await readFile(at('ca.pem'), 'utf8'),
    files: { ca: at('ca.pem'), certificate: at('server.pem'), key: at('server.key') },
    drop: () => rm(directory, { recursive: true }),
  };
}
