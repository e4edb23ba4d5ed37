import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectionHash } from '../../../connectors/kit/warehouse/ledger.ts';
import { connection } from '../harness.ts';

// What the product sends to a warehouse, and the list of it that a person has held against the vendor's reference: statements/*.sql.

/** A statement as the list has it, and what a person wrote above it. */
export interface Listed {
  readonly statement: string;
  readonly comment: string;
}

/** Empty lines divide the list. Lines of `--` are comments; a statement may be wrapped, and what follows is another. */
export function listIn(file: string): readonly Listed[] {
  const text = readFileSync(join(import.meta.dirname, 'statements', file), 'utf8');
  return text.split(/\n{2,}/).flatMap((block) => {
    const lines = block.split('\n');
    const comments = lines.filter((line) => line.startsWith('--'));
    const statement = inOneLine(lines.filter((line) => !line.startsWith('--')).join(' '));
    return statement === '' ? [] : [{ statement, comment: comments.join('\n') }];
  });
}

const inOneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** The first words of a statement, or the method and the place of a request: what it is for. */
export function headOf(statement: string): string {
  const [request] = /^(GET|POST|DELETE) (\/upload)?\/[a-z]+/.exec(statement) ?? [];
  const [words = ''] = /^([A-Z]+( |$)){1,5}/.exec(inOneLine(statement)) ?? [];
  return request ?? words.trim();
}

export interface Recorder {
  readonly file: string;
  /** The product sends this. */
  said(statement: string): void;
  /** Everything that is said meanwhile. */
  during(work: () => Promise<void>): Promise<readonly string[]>;
  /** Throws when something was said since the last call that begins like nothing of the list. */
  check(): void;
}

/** One for each system, as long as the process. */
export function createRecorder(file: string): Recorder {
  const heads = new Set(listIn(file).map(({ statement }) => headOf(statement)));
  /** By their heads. */
  const unknown = new Map<string, string>();
  let heard: string[] | null = null;
  return {
    file,
    said(statement) {
      heard?.push(statement);
      const head = headOf(statement);
      if (!heads.has(head)) unknown.set(head, statement);
    },
    async during(work) {
      const all: string[] = (heard = []);
      try {
        await work();
      } finally {
        heard = null;
      }
      return all;
    },
    check() {
      const found = [...unknown.values()];
      unknown.clear();
      if (found.length > 0)
        throw new Error(`Nothing in statements/${file} begins like:\n${found.join('\n')}`);
    },
  };
}

/** What changes from run to run, or from stream to stream without another reason than their names. */
const patterns: readonly (readonly [RegExp, string])[] = [
  [new RegExp(connectionHash(connection), 'gi'), '<connection>'],
  [/(_tidemark_part_<connection>)_\d+_\d+_\d+/gi, '$1_<part>'],
  [/(<part>)-\d+-[0-9a-f]{16}/gi, '$1-<file>'],
  [/(<part>)-\d+/gi, '$1-<n>'],
  [/(_tidemark_(?:wide|next))_[0-9a-f]{16}_/gi, '$1_<table>_'],
  [/(_wide_<table>)_\d+_\d+/gi, '$1_<epoch>'],
  [/(_next_<table>)_\d+/gi, '$1_<generation>'],
  [/(_tidemark_check(?:ed)?)_[0-9a-f]{32}/gi, '$1_<id>'],
  [/(_tidemark_check_<id>)-[0-9a-f]{16}/g, '$1-<hash>'],
  [/"labels": \{[^}]*\}/g, '"labels": {…}'],
  [/(tidemark_(?:query|copy))_[0-9a-f-]{36}/g, '$1_<uuid>'],
  [/(ABORT_SESSION)\('[^']*'\)/g, "$1('<session>')"],
  [/\b(?:orders|notes|customers|stock)\b/gi, '<target>'],
  [/(ADD COLUMN [`"])(?:filler|fresh)\b/gi, '$1<column>'],
  [/CAST\(\d+ AS/g, 'CAST(<generation> AS'],
  [/(\)) < \d+/g, '$1 < <records>'],
  [/(NAME tidemark_<connection>)_\d+_\d+/g, '$1_<epoch>'],
  [/(DESCRIBE TRANSACTION) \d+/g, '$1 <transaction>'],
  [/(ABORT_TRANSACTION|pg_terminate_backend)\(\d+\)/g, '$1(<number>)'],
  [/(session_id =) \d+/g, '$1 <process>'],
  [/file:\/\/\/[^']*/g, 'file://<path>'],
  // Redshift's driver numbers them.
  [/\$\d+/g, '?'],
  // As many as there are: of a staged table's columns each is a text.
  [/(IN) \(\?(, \?)*\)/g, '$1 (?, …)'],
  [/(FILES) = \(('[^']*')(, '[^']*')*\)/g, '$1 = ($2, …)'],
  [
    /(\([`"]_tidemark_ordinal[`"](?: STRING| VARCHAR| character varying\(\d+\))?), .*? *\)(?= |$)/gi,
    '$1, …)',
  ],
  [/(\(connection_id[^)]*\) OR \([^)]*\))( OR \1)+/g, '$1 OR …'],
  [/(SELECT (?:(?! UNION ALL ).)*)( UNION ALL \1)+/g, '$1 UNION ALL …'],
];

/** Without what is of this run only; what differs in that alone is one. `names`: of this run, and what stands for each. */
export function inGeneral(
  statements: readonly string[],
  names: Readonly<Record<string, string>>,
): ReadonlySet<string> {
  const own = Object.entries(names).flatMap(([name, by]) => [
    [name, by] as const,
    [name.toUpperCase(), by] as const,
  ]);
  const general = (statement: string): string => {
    const named = own.reduce((text, [name, by]) => text.replaceAll(name, by), statement);
    return patterns.reduce((text, [from, to]) => text.replace(from, to), inOneLine(named));
  };
  return new Set(statements.map(general));
}
