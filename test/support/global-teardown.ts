export default async function teardown(): Promise<void> {
  const { stopTestServers = [] } = globalThis as { stopTestServers?: (() => Promise<void>)[] };
  for (const stop of stopTestServers) await stop();
}
