import { gunzipSync } from 'node:zlib';
import type { Client } from '@temporalio/client';

/** Every text in a message of Temporal's API: payloads unpacked, whatever holds them. */
export function textIn(message: unknown): string {
  if (message instanceof Uint8Array) {
    const bytes = Buffer.from(message);
    const zipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
    return (zipped ? gunzipSync(bytes) : bytes).toString('utf8');
  }
  if (typeof message === 'string') return message;
  if (typeof message !== 'object' || message === null) return '';
  return Object.entries(message)
    .map(([key, value]) => `${key} ${textIn(value)}`)
    .join('\n');
}

export async function historyText(temporal: Client, workflowId: string): Promise<string> {
  const { events } = await temporal.workflow.getHandle(workflowId).fetchHistory();
  expect(events!.length).toBeGreaterThan(3);
  return textIn(events);
}

/** Of every workflow of a task queue that was heard of. */
export async function historyTexts(temporal: Client, query: string): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const { workflowId } of temporal.workflow.list({ query }))
    texts.push(await historyText(temporal, workflowId));
  return texts;
}
