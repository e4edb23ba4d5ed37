/** A stream as the Airbyte protocol names it. A null, empty and missing namespace are the same stream. */
export interface StreamDescriptor {
  readonly name: string;
  readonly namespace?: string | null;
}

/** A stream's name in one string: `name` or `namespace/name`, with `%`, `/`, `#` and `*` percent-encoded inside each part. */
export type StreamId = string & { readonly brand: 'StreamId' };

const encode = (part: string): string =>
  part.replace(/[%/#*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
const decode = (part: string): string =>
  part.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));

export function streamId({ name, namespace }: StreamDescriptor): StreamId {
  const id = namespace ? `${encode(namespace)}/${encode(name)}` : encode(name);
  return id as StreamId;
}

export function streamDescriptor(id: StreamId): StreamDescriptor {
  const slash = id.indexOf('/');
  if (slash < 0) return { name: decode(id) };
  return { namespace: decode(id.slice(0, slash)), name: decode(id.slice(slash + 1)) };
}
