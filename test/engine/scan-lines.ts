import * as fc from 'fast-check';

/** Lines as a connector may print them: any order of keys, white space, escapes, repeated keys. For property tests of the scanner. */

type Members = readonly (readonly [key: string, json: string])[];

interface Style {
  readonly gap: string;
  readonly escapeKeys: boolean;
}

const key = (text: string, { escapeKeys }: Style): string =>
  escapeKeys
    ? `"${text
        .split('')
        .map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
        .join('')}"`
    : JSON.stringify(text);

function object(members: Members, style: Style): string {
  const { gap } = style;
  const parts = members.map(([name, json]) => `${key(name, style)}${gap}:${gap}${json}`);
  return `{${gap}${parts.join(`${gap},${gap}`)}${gap}}`;
}

const style: fc.Arbitrary<Style> = fc.record({
  gap: fc.oneof(
    { arbitrary: fc.constant(''), weight: 6 },
    { arbitrary: fc.constantFrom(' ', '\t', '  '), weight: 1 },
  ),
  escapeKeys: fc.oneof(
    { arbitrary: fc.constant(false), weight: 8 },
    { arbitrary: fc.constant(true), weight: 1 },
  ),
});

/** Values that look like the envelope's own members. */
const trap = fc.constantFrom(
  '},"emitted_at":1}}',
  '","namespace":"b","x":"',
  '{"type":"RECORD","record":{"stream":"a"',
  'back\\slash\\',
  'quote"',
  'café ✓ 😀',
  '}',
  '{',
);

const leaf: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('1', '1.0', '9007199254740993', '-0', '1e400', 'null', 'true', '[]', '{}'),
  trap.map((text) => JSON.stringify(text)),
  fc.string({ maxLength: 6 }).map((text) => JSON.stringify(text)),
);

const fields = ['id', 'namespace', 'stream', 'record', 'type', 'emitted_at', 'data'];

const data: fc.Arbitrary<string> = fc
  .tuple(
    style,
    fc.array(
      fc.tuple(
        fc.constantFrom(...fields),
        fc.oneof(
          { arbitrary: leaf, weight: 3 },
          {
            arbitrary: fc
              .array(fc.tuple(fc.constantFrom(...fields), leaf), { maxLength: 2 })
              .map((members) => object(members, { gap: '', escapeKeys: false })),
            weight: 1,
          },
        ),
      ),
      { maxLength: 3 },
    ),
  )
  .map(([look, members]) => object(members, look));

const names = ['"a"', '"b"', '"caf\\u00e9"', '"café"', '"a/b"'];
const namespaces = ['"b"', '"a"', 'null', '""'];

/** The envelope's optional members: a namespace, what stands between it and the end, and repeated keys. */
const extra: fc.Arbitrary<readonly [string, string]> = fc.oneof(
  { arbitrary: fc.constantFrom(...namespaces).map((v) => ['namespace', v] as const), weight: 4 },
  {
    arbitrary: fc.constantFrom('{}', '{"changes":[]}').map((v) => ['meta', v] as const),
    weight: 4,
  },
  { arbitrary: fc.constantFrom(...names).map((v) => ['stream', v] as const), weight: 1 },
  { arbitrary: data.map((v) => ['data', v] as const), weight: 1 },
);

/** Mostly the usual order, so that envelopes repeat and are learned. */
function shuffled(members: Members): fc.Arbitrary<Members> {
  return fc.oneof(
    { arbitrary: fc.constant(members), weight: 3 },
    {
      arbitrary: fc.shuffledSubarray([...members], { minLength: members.length }),
      weight: 1,
    },
  );
}

export const recordLine: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...names),
    data,
    fc.constantFrom('1', '1795344671067', '12.5'),
    fc.array(extra, { maxLength: 2 }),
    fc.boolean(),
    style,
  )
  .chain(([name, json, emitted, extras, early, look]) => {
    const rest: Members = [
      ['data', json],
      ['emitted_at', emitted],
    ];
    const members: Members = early
      ? [['stream', name], ['data', json], ...extras, ['emitted_at', emitted]]
      : [['stream', name], ...rest, ...extras];
    return shuffled(members).chain((record) =>
      shuffled([
        ['type', '"RECORD"'],
        ['record', object(record, look)],
      ]).map((envelope) => object(envelope, look)),
    );
  });

export const stateLine: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom(...names), leaf, fc.constantFrom('1', '100.0'), style)
  .map(([name, state, count, look]) =>
    object(
      [
        ['type', '"STATE"'],
        [
          'state',
          object(
            [
              ['type', '"STREAM"'],
              [
                'stream',
                `{"stream_descriptor":{"name":${name}},"stream_state":{"cursor": ${state} }}`,
              ],
              ['sourceStats', `{"recordCount":${count}}`],
            ],
            look,
          ),
        ],
        ['later', '1.0'],
      ],
      look,
    ),
  );

export const otherLine: fc.Arbitrary<string> = fc.constantFrom(
  '{"type":"LOG","log":{"level":"INFO","message":"Read 10 records"}}',
  '{"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":1.5,"stream_status":{"stream_descriptor":{"name":"a"},"status":"STARTED"}}}',
  '{"type":"TRACE","tr****ce":{"type":"ERROR"}}',
  '{"type":"HELLO"}',
  'WARNING: plain text',
  '{not json',
  '[1,2]',
  '',
  '   ',
);
