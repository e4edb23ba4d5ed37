import type { ContainerSettings } from './runners/docker.ts';
import type { YamlValue } from './yaml-file.ts';

/** What a container may use unless its entry says otherwise. Invariant 7. */
const memoryDefault = '2g';
const cpusDefault = '2';

/** Registry and path, then a tag, a digest, or both. */
const imageRule =
  /^(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::([A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(@sha256:[0-9a-f]{64})?$/;

/** The keys of an entry whose runner is docker. Throws a config_error with file, line and column. */
export function readContainer(
  name: string,
  entry: YamlValue,
  keys: ReadonlyMap<string, YamlValue>,
): ContainerSettings {
  const given = keys.get('image');
  if (given === undefined)
    throw entry.refuse(
      'A connector lacks its image.',
      `Give ${name} an image with its tag: image: airbyte/source-example:1.2.3`,
    );
  return {
    image: readImage(given),
    network: matching(keys.get('network'), 'network', networkRule) ?? null,
    memory: matching(keys.get('memory'), 'memory', memoryRule) ?? memoryDefault,
    cpus: matching(keys.get('cpus'), 'cpus', cpusRule) ?? cpusDefault,
  };
}

function readImage(value: YamlValue): string {
  const image = value.text('an image');
  const [whole, tag, digest] = imageRule.exec(image) ?? [];
  if (whole === undefined)
    throw value.refuse(
      'A connector has an image that is not allowed.',
      'Name one as docker does: airbyte/source-example:1.2.3',
    );
  if (digest !== undefined || (tag !== undefined && tag !== 'latest')) return image;
  throw value.refuse(
    'A connector has an image without an exact version.',
    'Add a tag other than latest, or a digest: image: airbyte/source-example:1.2.3. Newest releases may be broken, and each worker would have another.',
  );
}

interface Rule {
  readonly pattern: RegExp;
  readonly example: string;
}

const networkRule: Rule = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/,
  example: 'host, none, or the name of a network',
};
const memoryRule: Rule = { pattern: /^[1-9]\d{0,8}[bkmg]$/, example: '512m or 2g' };
const cpusRule: Rule = { pattern: /^(?=.*[1-9])\d{1,3}(?:\.\d{1,3})?$/, example: '2 or 0.5' };

function matching(value: YamlValue | undefined, what: string, rule: Rule): string | undefined {
  if (value === undefined) return undefined;
  const text = value.scalar(what);
  if (rule.pattern.test(text)) return text;
  throw value.refuse(
    'A connector has a value that is not allowed.',
    `Correct ${what}, such as ${rule.example}.`,
  );
}
