import { createLogger } from '../../worker/logger.ts';
import { createRedactor } from '../../worker/redact.ts';

let lines: string[];
const redactor = createRedactor();
const odd = 'pa"ss\nwörd-of-2-lines';
redactor.remember('hunter22');
redactor.remember('987654321');
// Masked only as a whole word, and in JSON a line break before it looks like a letter.
redactor.remember('k7q');
redactor.remember(odd);
const logger = createLogger({
  level: 'INFO',
  format: 'json',
  redactor,
  write: (line) => lines.push(line),
});
beforeEach(() => {
  lines = [];
});
const only = (): unknown => {
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toContain('\n');
  return JSON.parse(lines[0]!);
};

test('an entry is one JSON object with time, level, message and its fields as they are', () => {
  logger.warn('two\nlines', {
    ...{ sync: 7, ok: true, none: null, big: 12n, text: 'a "b"' },
    nested: { list: [1, 'x'] },
  });
  expect(only()).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    ...{ level: 'WARN', message: 'two\nlines', sync: 7, ok: true, none: null, big: '12' },
    ...{ text: 'a "b"', nested: { list: [1, 'x'] } },
  });
});

test('secrets are masked in every field, however they are written there', () => {
  logger.info(`the word is ${odd}`, {
    text: 'hunter22',
    number: 987654321,
    lines: ['a\nk7q'],
    nested: { deep: [`x ${odd}`], hunter22: 1, quoted: JSON.stringify({ odd }) },
    error: new Error('no hunter22', { cause: new Error(odd) }),
    late: `${'y'.repeat(1_996)}hunter22`,
  });
  const line = only() as Record<string, unknown>;
  expect(lines[0]).not.toMatch(/hunt|987654321|k7q|2-lines|wörd/);
  expect(line).toMatchObject({ message: 'the word is ****', text: '****', number: '****' });
  expect(JSON.stringify(line['nested'])).toContain('x ****');
});

test('what is too long is cut, what is no JSON is said to be none, the level holds', () => {
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  logger.info('long', {
    text: 'z'.repeat(5_000),
    list: Array(5_000).fill(1),
    circle,
    no: undefined,
  });
  const line = only() as Record<string, string>;
  expect(line['text']).toHaveLength(2_001);
  expect(line['list']).toHaveLength(2_001);
  expect(line).toMatchObject({ circle: '(not writable as JSON)', no: '' });
  logger.debug('not shown');
  expect(lines).toHaveLength(1);
});

test('a field cannot pass for the time, the level or the message of the entry', () => {
  logger.info('real', { time: 'then', level: 'ERROR', message: 'false' });
  expect(only()).toMatchObject({
    ...{ level: 'INFO', message: 'real', time_: 'then', level_: 'ERROR', message_: 'false' },
  });
});
