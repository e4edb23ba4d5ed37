import { Ajv, type ErrorObject } from 'ajv';
import addFormats from 'ajv-formats';
import { SyncError, type FailureOrigin, type JsonObject } from '../protocol/index.ts';
import { suggestion } from '../protocol/nearest.ts';

/** Mistakes shown at once. */
const mistakesMax = 10;

export interface Validated {
  readonly connector: string;
  readonly origin: FailureOrigin;
}

/**
 * Checks a config against its connector's spec (JSON schema, draft-07). Throws a config_error that lists the paths and what is expected
 * there; never a value. Unknown keywords and formats are let through, and so is everything when the spec itself cannot be used:
 * then the connector's own check decides.
 */
export function validateConfig(
  config: JsonObject,
  schema: JsonObject,
  { connector, origin }: Validated,
): void {
  const ajv = new Ajv({
    strict: false,
    allErrors: true,
    validateSchema: false,
    addUsedSchema: false,
    unicodeRegExp: false,
    logger: false,
  });
  addFormats.default(ajv);
  let validate: ReturnType<Ajv['compile']>;
  try {
    validate = ajv.compile(schema);
  } catch {
    return;
  }
  if (validate(config)) return;
  const mistakes = [...new Set(relevant(validate.errors ?? []).map((e) => mistake(e, schema)))];
  const more = mistakes.length - mistakesMax;
  throw new SyncError('config_error', 'A connector config does not fit its spec.', {
    origin,
    place: `${connector}: ${mistakes.slice(0, mistakesMax).join('; ')}${more > 0 ? `; and ${more} more` : ''}`,
    remedy: `Correct the config of the ${origin}, then apply the connection again (tidemark connectors spec ${connector} shows what is expected).`,
    facts: { connector, mistakes: mistakes.slice(0, mistakesMax) },
  });
}

/** Of the branches of a oneOf, only those that the config's constants mean; their mistakes, not that none fits. */
function relevant(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const branchOf = (error: ErrorObject): string | undefined =>
    /^(.*\/(?:oneOf|anyOf)\/\d+)\//.exec(error.schemaPath)?.[1];
  const notMeant = new Set(
    errors
      .filter(({ keyword }) => keyword === 'const' || keyword === 'enum')
      .flatMap((error) => branchOf(error) ?? []),
  );
  const left = errors.filter((error) => !notMeant.has(branchOf(error) ?? ''));
  const inBranches = left.some((error) => branchOf(error) !== undefined);
  const isFrame = ({ keyword }: ErrorObject): boolean =>
    keyword === 'oneOf' || keyword === 'anyOf' || keyword === 'if';
  return inBranches ? left.filter((error) => !isFrame(error)) : left;
}

function mistake(
  { instancePath, keyword, params, message }: ErrorObject,
  schema: JsonObject,
): string {
  const at = instancePath === '' ? '/' : instancePath;
  const { missingProperty, additionalProperty, allowedValues } = params as {
    missingProperty?: string;
    additionalProperty?: string;
    allowedValues?: readonly unknown[];
  };
  if (missingProperty !== undefined) return `${instancePath}/${missingProperty} is missing`;
  if (additionalProperty !== undefined) {
    const known = instancePath === '' ? Object.keys(schema['properties'] ?? {}) : [];
    const meant = known.length === 0 ? '' : ` (${suggestion(additionalProperty, known)})`;
    return `${instancePath}/${additionalProperty} is unknown${meant}`;
  }
  if (allowedValues !== undefined) return `${at} must be one of ${JSON.stringify(allowedValues)}`;
  return `${at} ${message ?? `fails ${keyword}`}`;
}
