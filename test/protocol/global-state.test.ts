import fc from 'fast-check';
import { withoutStream } from '../../protocol/global-state.ts';
import { parseState, streamId, type Json } from '../../protocol/index.ts';

const entry = (name: string, state: string, namespace?: string): string =>
  `{"stream_descriptor":{"name":${JSON.stringify(name)}${namespace === undefined ? '' : `,"namespace":${JSON.stringify(namespace)}`}},"stream_state":${state}}`;
const globalText = (shared: string, ...entries: readonly string[]): string =>
  `{"type":"GLOBAL","global":{"shared_state":${shared},"stream_states":[${entries.join(',')}]},"kept":[1.50]}`;
const cut = (text: string, stream: string): string => {
  const { state, exact } = withoutStream(parseState(text), streamId({ name: stream }));
  return exact ?? JSON.stringify(state);
};

test('a stream leaves, what is shared and the others stay to the digit', () => {
  const shared = '{"lsn":9007199254740993,"at":1.0,"e":1e400}';
  const text = globalText(shared, entry('a', '{"id":1.0}'), entry('b', '{"id":-0.10}'));
  expect(cut(text, 'a')).toBe(globalText(shared, entry('b', '{"id":-0.10}')));
  expect(cut(cut(text, 'a'), 'b')).toBe(globalText(shared));
});

test('a state that is no longer inexact has no exact text', () => {
  const text = globalText('{}', entry('a', '1.0')).replace('1.50', '1');
  const { state, exact } = withoutStream(parseState(text), streamId({ name: 'a' }));
  expect(exact).toBeUndefined();
  expect(state.global?.stream_states).toEqual([]);
});

test('streams are told apart by namespace, and a state without parts stays as it is', () => {
  const text = globalText('{}', entry('a', '1', 'shop'), entry('a', '2', ''), entry('a', '3'));
  expect(cut(text, 'a')).toBe(globalText('{}', entry('a', '1', 'shop')));
  const bare = '{"type":"GLOBAL","global":{"shared_state":{"lsn":1.0}}}';
  expect(cut(bare, 'a')).toBe(bare);
});

test('whatever a state holds, the text that is cut means what the object that is cut means', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('n1', 't', '"', '\\', '1.0'),
  );
  const json = fc.jsonValue({ stringUnit: 'binary' }).map((value) => value as Json);
  fc.assert(
    fc.property(
      json,
      fc.array(fc.tuple(texts.filter(Boolean), json)),
      texts,
      (shared, all, name) => {
        const states = [...all, [name || 'x', shared] as const];
        const entries = states.map(([one, state]) => entry(one, JSON.stringify(state)));
        const text = globalText(JSON.stringify(shared), ...entries);
        const edited = cut(text, name || 'x');
        const expected = JSON.parse(text) as { global: { stream_states: unknown[] } };
        expected.global.stream_states = expected.global.stream_states.filter(
          (_, i) => states[i]![0] !== (name || 'x'),
        );
        expect(JSON.parse(edited)).toEqual(expected);
        // Not exact by way of `kept`, so the text was edited and not the object.
        expect(edited).toContain('1.50');
      },
    ),
  );
});
