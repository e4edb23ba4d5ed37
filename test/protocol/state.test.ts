import {
  parsesExactly,
  parseState,
  scopeOf,
  sourceCount,
  stateText,
  streamDescriptor,
  streamId,
} from '../../protocol/index.ts';
import fc from 'fast-check';

test('a stream’s id is unambiguous and turns back into its descriptor', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string(), (name, namespace) => {
      const id = streamId({ name, namespace });
      expect(streamDescriptor(id)).toEqual(namespace === '' ? { name } : { name, namespace });
      expect(id).not.toMatch(/^\*$|#/);
    }),
  );
});

test('a null, empty and missing namespace are the same stream', () => {
  expect(streamId({ name: 'a', namespace: null })).toBe(streamId({ name: 'a' }));
  expect(streamId({ name: 'a', namespace: '' })).toBe('a');
  expect(streamId({ name: '*' })).not.toBe('*');
});

test.each([
  ['{"a":1,"b":"9007199254740993","c":-0.5}', true],
  ['{"a":9007199254740993}', false],
  ['{"a":1.0}', false],
  ['{"a":1e400}', false],
  ['{"a":"\\"1.0"}', true],
])('%s parses exactly: %s', (text, exact) => expect(parsesExactly(text)).toBe(exact));

test('a state with an id past 2^53 keeps its text to the digit', () => {
  const text =
    '{"type":"STREAM","stream":{"stream_descriptor":{"name":"s"},"stream_state":{"id":9007199254740993}}}';
  const message = parseState(text);
  expect(stateText(message)).toBe(text);
  expect(scopeOf(message.state)).toBe('s');
});

test('a state without a type is LEGACY and covers everything; unknown properties are kept', () => {
  const message = parseState('{"data":{"x":1},"id":7}');
  expect(scopeOf(message.state)).toBe('*');
  expect(JSON.parse(stateText(message))).toEqual({ data: { x: 1 }, id: 7 });
});

test.each(['{"type":"STREAM"}', '{"type":"GLOBAL"}', '{"type":"WHAT"}', '[]', 'nonsense'])(
  'refuses %s as a source error',
  (text) => expect(() => parseState(text)).toThrow(expect.objectContaining({ origin: 'source' })),
);

test('the source’s count may be absent, and is a double on the wire', () => {
  expect(sourceCount(parseState('{"data":1,"sourceStats":{"recordCount":12.0}}').state)).toBe(12);
  expect(sourceCount(parseState('{"data":1}').state)).toBeUndefined();
});
