import type { JsonObject, State } from '../../protocol/index.ts';
import { compareEcho, createEchoes, stateKey, type Echoes } from '../../engine/echoes.ts';
import { globalState, id, streamState } from '../support/items.ts';

const [A, B] = [id('a'), id('b')];
const stateOf = (value: JsonObject): State => streamState(A, value).state;

/** States of stream a, two records before each. */
function sent(...values: readonly JsonObject[]): Echoes {
  const echoes = createEchoes();
  for (const value of values) {
    echoes.records(A, 2);
    echoes.send(A, stateOf(value), null);
  }
  return echoes;
}

const covered = (echoes: Echoes, state: State): readonly number[] | string => {
  const answer = echoes.echo(A, state);
  return answer.type === 'covers' ? answer.states.map((one) => one.id) : answer.type;
};

test('by its number a state is known whatever it says; without, by what it says', () => {
  const echoes = sent({ n: 1 }, { n: 2 }, { n: 3 });
  expect(covered(echoes, { ...stateOf({ other: true }), id: 1 })).toEqual([1]);
  expect(covered(echoes, stateOf({ n: 3 }))).toEqual([2, 3]);
  expect(covered(echoes, stateOf({ n: 3 }))).toBe('old');
  expect(covered(echoes, { ...stateOf({ n: 3 }), id: 2 })).toBe('old');
  expect(covered(echoes, { ...stateOf({ n: 3 }), id: 4 })).toBe('unknown');
  expect(covered(echoes, stateOf({ n: 4 }))).toBe('unknown');
  expect(echoes.echo(B, stateOf({ n: 3 })).type).toBe('unknown');
  expect([echoes.pending, echoes.unechoed()]).toEqual([0, []]);
});

test('of states that say the same the first is meant, and those behind it that brought nothing', () => {
  const echoes = sent({ n: 1 }, { n: 1 });
  echoes.send(A, stateOf({ n: 1 }), null);
  expect(covered(echoes, stateOf({ n: 1 }))).toEqual([1]);
  expect(echoes.unechoed()).toEqual(['a']);
  expect(covered(echoes, stateOf({ n: 1 }))).toEqual([2, 3]);
});

test.each([
  ['{"b":1,"a":{"y":2,"x":1}}', '{"a":{"x":1.0,"y":2e0},"b":1}', true],
  ['{"a":1,"b":null}', '{"a":1}', true],
  ['{"a":[1,null]}', '{"a":[1]}', false],
  ['{"a":"1"}', '{"a":1}', false],
])('%s and %s say the same: %s', (one, other, expected) => {
  const key = (text: string): string => stateKey(stateOf(JSON.parse(text) as JsonObject));
  expect(key(one) === key(other)).toBe(expected);
});

test('records count for their stream and for all streams, from state to state', () => {
  const echoes = createEchoes();
  echoes.records(A, 2);
  echoes.records(B, 3);
  expect(echoes.uncovered()).toEqual([
    { stream: 'a', records: 2 },
    { stream: 'b', records: 3 },
  ]);
  expect(echoes.send(A, stateOf({}), null).given).toBe(2);
  expect(echoes.uncovered()).toEqual([{ stream: 'b', records: 3 }]);
  expect(echoes.send('*', globalState(1).state, null).given).toBe(5);
  expect(echoes.uncovered()).toEqual([]);
});

test.each([
  [{ recordCount: 2 }, true],
  [{ recordCount: 4 }, true],
  [{ recordCount: 1, rejectedRecordCount: 1 }, true],
  [{ recordCount: 3 }, false],
  [{ recordCount: 0 }, false],
  [{}, true],
])('the destination counts %j of two states of two records: it agrees: %s', (stats, agrees) => {
  const answer = sent({ n: 1 }, { n: 2 }).echo(A, stateOf({ n: 2 }));
  if (answer.type !== 'covers') throw new Error(answer.type);
  const echo: State = { ...stateOf({ n: 2 }), destinationStats: stats };
  const compare = (): void => compareEcho(echo, answer.states);
  if (agrees) compare();
  else
    expect(compare).toThrow(
      expect.objectContaining({
        code: 'counts_disagree',
        place: expect.stringContaining('given 2 (4 since its last echo)') as unknown,
      }),
    );
});
