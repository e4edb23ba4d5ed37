import { createLogger, describeError } from '../../worker/logger.ts';
import { createRedactor } from '../../worker/redact.ts';
import { SyncError } from '../../protocol/index.ts';

function redactorOf(...secrets: string[]) {
  const redactor = createRedactor();
  for (const secret of secrets) redactor.remember(secret);
  return redactor;
}

test('nothing remembered, nothing changed', () => {
  expect(createRedactor().redact('a $& b')).toBe('a $& b');
  expect(redactorOf('', '   ', 'true').redact('a   b true')).toBe('a   b true');
});

const odd = 'p"a\\s/s wörd+&=%$^.*(é)\n2nd-line-of-it';
test.each<[string, string]>([
  ['as it is', odd],
  ['in JSON', JSON.stringify({ x: odd })],
  ['in JSON in JSON', JSON.stringify({ log: JSON.stringify({ x: odd }) })],
  [
    'in JSON as Python writes it',
    JSON.stringify(odd).replace('ö', '\\u00f6').replace('é', '\\u00e9'),
  ],
  ['in JSON with escaped slashes', JSON.stringify(odd).replaceAll('/', '\\/')],
  ['in a URL', `https://h/?p=${encodeURIComponent(odd)}&q=1`],
  ['in a URL with small hex', encodeURIComponent(odd).replace(/%../g, (h) => h.toLowerCase())],
  ['in a form', new URLSearchParams({ p: odd }).toString()],
  ['in base64', Buffer.from(odd).toString('base64')],
  ['one line of it', 'error near 2nd-line-of-it, stop'],
])('a secret is masked %s', (_, text) => {
  const redacted = redactorOf(odd).redact(text);
  expect(redacted).toContain('****');
  expect(redacted).not.toContain('2nd-line');
  expect(redacted).not.toContain('a\\s');
  expect(redacted).not.toContain(Buffer.from(odd).toString('base64').slice(4, 20));
});

test('all occurrences are masked, the longer secret first', () => {
  expect(redactorOf('abcd', 'abcdefgh').redact('abcdefgh abcd xabcdx')).toBe('**** **** x****x');
});

test('a short secret is masked only as a word, so that text is not destroyed', () => {
  const redactor = redactorOf('an', '7');
  expect(redactor.redact('an apple and a banana, {"p":"an","n":7} 17 é7')).toBe(
    '**** apple and a banana, {"p":"****","n":****} 17 é7',
  );
});

test('the fields of a JSON key file are masked alone, its harmless ones are not', () => {
  const key = {
    type: 'service_account',
    project: 'my-project-1',
    private_key: '-----BEGIN\nMIIEvQIBADAN\n',
  };
  const redactor = redactorOf(JSON.stringify(key));
  expect(redactor.redact('bad key MIIEvQIBADAN of my-project-1')).toBe(
    'bad key **** of my-project-1',
  );
});

test.each([
  ['postgres://u:p%40ss-word@h/db', 'p@ss-word'],
  ['postgres://u:p%40ss-word@h/db', 'p%40ss-word'],
  ['mysql://u:per%cent@h/db', 'per%cent'],
])('the password of %s is masked as %s', (url, printed) => {
  expect(redactorOf(url).redact(`<${printed}>`)).toBe('<****>');
});

test('log lines are one line an entry, redacted before they are cut or quoted', () => {
  const lines: string[] = [];
  const redactor = redactorOf(odd, 'hunter22');
  const logger = createLogger({ level: 'INFO', redactor, write: (line) => lines.push(line) });
  logger.info('started\nwell', { queue: 'q-1', n: 12n, nested: { secret: odd }, text: `x ${odd}` });
  logger.error('failed', { error: new Error('no hunter22', { cause: new Error(odd) }) });
  logger.warn(`${'x'.repeat(3_000)}`, { long: `${'y'.repeat(1_996)}hunter22` });
  logger.info(`met ${odd} and ${JSON.stringify(odd)}`);
  logger.debug('not shown');
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z INFO {2}started \| well queue=q-1 n="?'?12/);
  for (const line of lines) {
    expect(line).not.toContain('\n');
    expect(line).not.toMatch(/hunte|2nd-line|wörd/);
  }
});

test('an error is described with its remedy and its causes, a circle of them ends', () => {
  const circle = new Error('round');
  circle.cause = circle;
  const text = describeError(
    new SyncError('config_error', 'Bad.', {
      origin: 'source',
      place: 'x',
      remedy: 'Fix it.',
      cause: circle,
    }),
  );
  expect(text).toContain('source config_error: Bad. (x) Fix it.; caused by Error: round');
  expect(text.length).toBeLessThan(2_000);
  expect(describeError('text')).toBe('text');
});
