import { createBook } from '../../activities/heart.ts';
import { compareWithHeld } from '../../activities/resume.ts';
import { createRoadBack } from '../../activities/road-back.ts';
import type { Checkpoint } from '../../protocol/index.ts';
import { id, streamState } from '../support/items.ts';

function checkpoint(scope: string, parts: Partial<Checkpoint> = {}): Checkpoint {
  return {
    scope: id(scope),
    edition: 0,
    epoch: { syncNo: 4, at: 1 },
    seq: 1,
    state: null,
    records: 0,
    bytes: 0,
    committedAt: '',
    ...parts,
  };
}

test('Temporal ahead of the destination in the same edition is told; an edit and a lost echo are not', () => {
  const held = [checkpoint('a', { seq: 3 })];
  expect(compareWithHeld([checkpoint('a', { seq: 5 })], held)).toContain('restored from a backup');
  expect(compareWithHeld([checkpoint('a', { seq: 1 })], held)).toBeNull();
  expect(compareWithHeld([checkpoint('a', { seq: 0, edition: 1 })], held)).toBeNull();
});

test('a heartbeat holds every checkpoint while they are small, then only the unacknowledged ones', () => {
  const small = createBook([checkpoint('a'), checkpoint('b')]);
  expect(small.shown(new Map())).toHaveLength(2);
  const state = streamState(id('x'), 'x'.repeat(1_000)).state;
  const many = Array.from({ length: 400 }, (_, n) => checkpoint(`s${n}`, { state }));
  const large = createBook(many);
  const unacknowledged = new Map([[many[0]!.scope, many[0]!]]);
  expect(large.shown(unacknowledged)).toEqual([many[0]]);
  expect(large.bytes).toBeGreaterThan(400_000);
});

test('a slow source sees the newest checkpoint of each stream, then the end', async () => {
  const road = createRoadBack();
  road.push(streamState(id('a'), 1));
  road.push(streamState(id('b'), 1));
  road.push(streamState(id('a'), 2));
  road.close();
  const seen: unknown[] = [];
  for await (const { state } of road.states) seen.push(state.stream!.stream_state);
  expect(seen).toEqual([1, 2]);
});
