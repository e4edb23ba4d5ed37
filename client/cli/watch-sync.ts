import type { SyncHandle, SyncView } from '../index.ts';
import type { SyncSummary } from '../../protocol/index.ts';
import { summaryText, eventText, frame } from './render-sync.ts';
import type { Session } from './io.ts';
import { rateOf, sampled } from './rates.ts';
import { eventsBetween, progressOf } from './sync-events.ts';

const lineEveryMs = 5_000;
/** Lines of the live display besides the streams. */
const frameLinesOther = 10;
const streamsShownMin = 3;

/** Shows a sync until it ends or the person leaves with Ctrl-C, which leaves it running: then null. */
export async function watchSync(session: Session, handle: SyncHandle): Promise<SyncSummary | null> {
  const left = new AbortController();
  const stopListening = session.io.onInterrupt(() => left.abort());
  const show = display(session);
  try {
    for await (const view of handle.watch({ signal: left.signal })) {
      show(view);
      if (view.summary !== null) return view.summary;
    }
    return null;
  } finally {
    stopListening();
  }
}

function display(session: Session): (view: SyncView) => void {
  return session.io.isTerminal && !session.json ? liveDisplay(session) : lineDisplay(session);
}

/** Redraws one block of lines in place. */
function liveDisplay({ io }: Session): (view: SyncView) => void {
  let samples: Parameters<typeof sampled>[0] = [];
  let drawn = 0;
  return (view) => {
    const now = io.now();
    const erase = drawn === 0 ? '' : `\u001B[${drawn}A\u001B[J`;
    samples = sampled(samples, view, now);
    const lines =
      view.summary === null
        ? frame(view, {
            now,
            columns: io.columns,
            streamsMax: Math.max(streamsShownMin, io.rows - frameLinesOther),
            rateOf: rateOf(samples),
          }).slice(0, Math.max(1, io.rows - 1))
        : summaryText(view.summary);
    io.out(`${erase}${lines.join('\n')}\n`);
    drawn = view.summary === null ? lines.length : 0;
  };
}

/** A line for each change, and one every few seconds in between. */
function lineDisplay({ io, json }: Session): (view: SyncView) => void {
  let previous: SyncView | null = null;
  let lastAt = io.now();
  return (view) => {
    const now = io.now();
    const changes = eventsBetween(previous, view);
    const isDue = changes.length === 0 && now - lastAt >= lineEveryMs;
    const events = isDue ? progressOf(view) : changes;
    for (const event of events) {
      const at = new Date(now).toISOString();
      if (json) io.out(`${JSON.stringify({ at, connection: view.connection, ...event })}\n`);
      else if (event.type === 'ended') io.out(`${eventText(event, now)}\n`);
      else io.out(`${at} ${view.connection}: ${eventText(event, now)}\n`);
    }
    if (events.length > 0) lastAt = now;
    previous = view;
  };
}
