import type { Catalog, Item, Source } from '../../protocol/index.ts';
import { never } from '../connectors/harness.ts';
import type { CaseStream, PlacedCase } from './layout.ts';

/** A source that was given the cases of some streams. */
export interface CaseSource {
  readonly catalog: Catalog;
  /** A case of a stream as it says it; undefined: it has no spelling there. */
  given(stream: string, name: string): PlacedCase | undefined;
  read(catalog: Parameters<Source<never>['read']>[0]['catalog']): AsyncIterable<Item>;
  drop(): Promise<void>;
}

export const reading = <C>(source: Source<C>, config: C): Pick<CaseSource, 'read'> => ({
  read: (catalog) =>
    source.read({
      ...{ config, catalog, state: [], accepts: () => ['jsonl'], drain: never, abort: never },
      checkpoints: { async *[Symbol.asyncIterator]() {} },
    }),
});

export function givenOf(streams: readonly CaseStream[]): CaseSource['given'] {
  const byName = new Map(
    streams.map(({ name, cases }) => [name, new Map(cases.map((one) => [one.name, one]))]),
  );
  return (stream, name) => byName.get(stream)?.get(name);
}
