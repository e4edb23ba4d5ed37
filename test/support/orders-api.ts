import { join } from 'node:path';
import { houseRoot, startProcess, untilSaid, type RunningProcess } from './processes.ts';

/** The directories of the examples of docs/writing-connectors.md. */
export const exampleOf = (name: string): string => join(houseRoot(), 'docs/examples', name);

export interface OrdersApi {
  readonly url: string;
  readonly process: RunningProcess;
}

export interface OrdersOptions {
  /** How long each page takes. */
  readonly pageMs: number;
  /** How many orders there are. */
  readonly count: number;
}

/** The service of the examples, at a free port. */
export async function startOrdersApi({ pageMs, count }: OrdersOptions): Promise<OrdersApi> {
  const program = join(exampleOf('own-source'), 'orders-api.mjs');
  const args = [0, pageMs, count].map(String);
  const process = startProcess({ program, args, directory: houseRoot(), env: {} });
  await untilSaid(process, '\n');
  return { url: process.said().trim(), process };
}

/** Of who may read. */
export const ordersToken = 'open-sesame';
