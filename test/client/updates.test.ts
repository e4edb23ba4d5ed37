import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectionText } from '../../client/cli/render-status.ts';
import type { ConfigUpdate, EndName } from '../../protocol/index.ts';
import { connectionDetails } from '../../workflows/details.ts';
import { run } from './fake-io.ts';
import { connectionState, now } from './samples.ts';

const update: ConfigUpdate = {
  ...{ no: 3, at: '2026-03-01T11:00:00.000Z', keyId: '0123abcd', sealed: 'tidemark1:0123abcd:AA' },
  keys: ['/credentials/refresh_token', '/credentials/access_token'],
};

test('status and the details tell what a connector changed: when, which keys, under which key, and no value', () => {
  const state = connectionState({ updates: { source: update } });
  const line =
    'config updated by the source connector at 2026-03-01T11:00:00.000Z, keys: credentials.refresh_token, credentials.access_token (encrypted with key 0123abcd)';
  expect(connectionText(state, null, now)).toContain(line);
  expect(connectionDetails(state)).toContain(line);
  expect(connectionDetails(state) + connectionText(state, null, now).join()).not.toContain('AA');
});

test('they tell that an update was dropped, and why', () => {
  const dropped = { at: '2026-03-01T11:30:00.000Z', because: 'applied' } as const;
  const state = connectionState({ updates: { destination: { ...update, sealed: null, dropped } } });
  expect(connectionText(state, null, now)).toContain(
    "the destination connector's config update of 2026-03-01T11:00:00.000Z was dropped at 2026-03-01T11:30:00.000Z: another config was applied, keys: credentials.refresh_token, credentials.access_token",
  );
});

test('apply --forget-updates drops updates after it has applied, and says of which ends', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-updates-'));
  const end = '{ connector: x, config: {} }';
  writeFileSync(join(directory, 'o.yaml'), `name: o\nsource: ${end}\ndestination: ${end}\n`);
  const calls: string[] = [];
  let ends: readonly EndName[] = ['source'];
  const client = {
    apply: async () => {
      calls.push('apply');
      return { connection: 'unchanged', schedule: 'none' } as const;
    },
    forgetUpdates: async (name: string) => {
      calls.push(`forget ${name}`);
      return ends;
    },
  };
  try {
    const apply = (...more: string[]) =>
      run(['apply', './o.yaml', ...more], { client, io: { directory } });
    expect((await apply()).out).toBe('o: unchanged\n');
    expect((await apply('--forget-updates')).out).toBe(
      'o: unchanged, config updates forgotten: source\n',
    );
    expect(calls).toEqual(['apply', 'apply', 'forget o']);
    ends = [];
    expect((await apply('--forget-updates')).out).toContain('no config update to forget');
    expect(JSON.parse((await apply('--forget-updates', '--json')).out)).toMatchObject({
      forgotten: [],
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
