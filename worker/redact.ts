/** Masks the secrets that this process has resolved, wherever text leaves it: logs, failures, answers. */
export interface Redactor {
  /** From now on the value is masked, and what others may print of it: its lines, a URL's password, the fields of a JSON key file. */
  remember(secret: string): void;
  redact(text: string): string;
}

export const mask = '****';

/** Rotated secrets add up in a long-lived process; the oldest are forgotten past this many. */
const secretsMax = 10_000;
/** Shorter ones are masked only as whole words: everywhere, they would destroy the text. */
const anywhereLengthMin = 4;
/** Parts of a secret are masked only if they are this long. */
const partLengthMin = 8;
/** Settings, not secrets, wherever they come from: masking them would destroy the text. */
const neverMasked: readonly string[] = ['true', 'false', 'null'];
export const secretField = /secret|passw|token|key|credential/i;

export function createRedactor(): Redactor {
  const secrets = new Set<string>();
  let pattern: RegExp | null = null;
  const add = (secret: string): void => {
    if (secret.trim() === '' || neverMasked.includes(secret) || secrets.has(secret)) return;
    secrets.add(secret);
    pattern = null;
    const [oldest] = secrets;
    if (secrets.size > secretsMax && oldest !== undefined) secrets.delete(oldest);
  };
  return {
    remember(secret) {
      add(secret);
      for (const part of partsOf(secret)) add(part);
    },
    redact(text) {
      if (secrets.size === 0) return text;
      pattern ??= patternOf(secrets);
      return text.replace(pattern, mask);
    },
  };
}

/** What programs print of a secret instead of the whole. */
function partsOf(secret: string): readonly string[] {
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= partLengthMin);
  return [...(secret.includes('\n') ? lines : []), ...urlPasswords(secret), ...jsonFields(secret)];
}

function urlPasswords(secret: string): string[] {
  if (!URL.canParse(secret)) return [];
  const { password } = new URL(secret);
  if (password === '') return [];
  // As it stands too: the parser encodes what was written plainly.
  const written = /:\/\/[^:/?#]*:([^/?#]*)@/.exec(secret)?.[1];
  return [password, decoded(password), ...(written === undefined ? [] : [written])];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone `%`: it was never encoded
  }
}

function jsonFields(secret: string): string[] {
  if (!secret.trimStart().startsWith('{')) return [];
  const found: string[] = [];
  try {
    JSON.parse(secret, (key, value: unknown) => {
      if (typeof value === 'string' && value.length >= partLengthMin && secretField.test(key))
        found.push(value, ...value.split('\n').filter((line) => line.length >= partLengthMin));
      return value;
    });
  } catch {
    return []; // it only looked like JSON: it is masked as a whole
  }
  return found;
}

function patternOf(secrets: ReadonlySet<string>): RegExp {
  const forms = new Map<string, string>();
  for (const secret of secrets)
    for (const form of formsOf(secret))
      forms.set(form, secret.length < anywhereLengthMin ? wholeWord(form) : escaped(form));
  // The longest first: a secret that holds another is masked whole.
  const sorted = [...forms].sort(([a], [b]) => b.length - a.length);
  return new RegExp(sorted.map(([, source]) => source).join('|'), 'gu');
}

function formsOf(secret: string): ReadonlySet<string> {
  const forms = new Set([secret]);
  const json = JSON.stringify(secret).slice(1, -1);
  // Twice: a log line that quotes a JSON text.
  forms.add(json).add(JSON.stringify(json).slice(1, -1)).add(json.replaceAll('/', '\\/'));
  forms.add(asciiJson(json));
  const url = new URLSearchParams([['', secret]]).toString().slice(1);
  forms.add(url).add(lowerHex(url));
  const component = encodeURIComponent(secret);
  forms.add(component).add(lowerHex(component));
  if (secret.length >= partLengthMin) forms.add(Buffer.from(secret).toString('base64'));
  return forms;
}

/** As Python's json module writes it. */
function asciiJson(json: string): string {
  return json.replace(
    /[\u0080-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function lowerHex(url: string): string {
  return url.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase());
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

function wholeWord(text: string): string {
  return `(?<![\\p{L}\\p{N}_])${escaped(text)}(?![\\p{L}\\p{N}_])`;
}
