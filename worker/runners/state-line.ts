import {
  sourceCount,
  stateText,
  type StateMessage,
  type StreamDescriptor,
} from '../../protocol/index.ts';
import { memberOf, membersOf } from '../../engine/scan/json-skip.ts';

/** What a destination is told with a state. */
export interface ToldState {
  readonly id: number;
  /** Records since the state of this scope that it was told before. */
  readonly given: number;
  /** The stream's name there; null: its own. */
  readonly to: StreamDescriptor | null;
}

/**
 * A STATE line as Airbyte's platform writes it: the source's own text, which is never parsed, with a number, and with the count of its records,
 * where the source gives none or states before it were left out. Some destinations hold a state back until they have seen that many.
 */
export function stateLine(message: StateMessage, { id, given, to }: ToldState): string {
  const bytes = Buffer.from(stateText(message));
  const text = (at: { start: number; end: number }): string =>
    bytes.toString('utf8', at.start, at.end);
  const isCounted = sourceCount(message.state) === given;
  const own = membersOf(bytes, bytes.indexOf('{'))
    .filter(({ key }) => key !== 'id' && (isCounted || key !== 'sourceStats'))
    .map((member) => {
      const value =
        member.key === 'stream' && to !== null
          ? withDescriptor(bytes, member.start, to)
          : text(member);
      return `${JSON.stringify(member.key)}:${value}`;
    });
  // A double on the wire: a whole number must have its point.
  const counted = isCounted ? [] : [`"sourceStats":{"recordCount":${given}.0}`];
  return `{"type":"STATE","state":{${[...own, ...counted, `"id":${id}`].join(',')}}}\n`;
}

function withDescriptor(bytes: Buffer, at: number, to: StreamDescriptor): string {
  const members = membersOf(bytes, at);
  const last = memberOf(members, 'stream_descriptor');
  const told = members.map((member) => {
    const value =
      member === last ? JSON.stringify(to) : bytes.toString('utf8', member.start, member.end);
    return `${JSON.stringify(member.key)}:${value}`;
  });
  return `{${told.join(',')}}`;
}
