/** What people complain about in data movers, and what Tidemark does about it: kept by hand. Each test named must be in the test tree, to the letter. */
export interface Complaint {
  readonly kind: 'A' | 'B' | 'C' | 'D' | 'E' | 'F';
  readonly complaint: string;
  readonly answer: string;
  readonly tests: readonly string[];
}

export const kinds: Readonly<Record<Complaint['kind'], string>> = {
  A: 'Progress is lost, a retry starts over',
  B: 'The state is wrong, and data is lost silently',
  C: 'Stuck or killed',
  D: 'Memory and size',
  E: 'Control over state',
  F: 'Retries, isolation, duplicates, visibility',
};

export const complaints: readonly Complaint[] = [
  {
    kind: 'A',
    complaint: 'A failed attempt is not resumed; the next one starts over',
    answer:
      'Each attempt starts at the last state that the destination has made durable, however the last one ended',
    tests: [
      'ten records, states A, B and C, a crash after B is echoed: the next attempt starts at B (%s)',
      'a worker killed three times loses nothing, doubles nothing, and goes on from the truth (%s)',
    ],
  },
  {
    kind: 'A',
    complaint: 'A long first load times out and starts from zero',
    answer:
      'There is no time limit; a run of the workflow ends at a checkpoint and goes on. A full refresh resumes too where its source sends states',
    tests: [
      'a sync that lasts longer than a segment continues as new at a checkpoint and keeps its lease',
      'a reader of an overwritten table sees the old rows, then the new ones, though its worker is killed at each instant (%s)',
    ],
  },
  {
    kind: 'A',
    complaint: 'Checkpoints are rare: a failure costs hours',
    answer:
      'A commit at a state as often as commits cost 5 % of the time, and who is late is told. Between two states of the source nothing can be kept',
    tests: [
      'commits when the batch is big enough or old enough, and not before',
      'at half the time it says who is late',
    ],
  },
  {
    kind: 'A',
    complaint: 'The source is told of progress that was not saved',
    answer: 'States go back to the source only after they are checkpoints',
    tests: ['the states that became checkpoints go back to the source'],
  },
  {
    kind: 'B',
    complaint:
      'A state is saved whose records are not there: of another stream, or after a failure',
    answer:
      'A state is a checkpoint only after every record that it covers is durable; counts that disagree stop it',
    tests: [
      'whatever the interleaving, cadence and crashes: rows are exactly what the checkpoints say, and nothing is lost or doubled',
      'a state whose count disagrees with what came does not become a checkpoint',
    ],
  },
  {
    kind: 'B',
    complaint: 'A GLOBAL state is refused or half done, and a snapshot looks finished',
    answer: 'It covers all of its streams or none, and success is proven by every stream',
    tests: [
      'a state that cannot cover one of its streams covers none of them',
      'exit 0 with a stream that is INCOMPLETE or untold is no success',
    ],
  },
  {
    kind: 'B',
    complaint: 'A retried refresh exchanges good rows for a rest, or for nothing',
    answer:
      'The old rows stay until the new ones are complete, then they are exchanged in one step that may be repeated',
    tests: [
      'a reader of an overwritten table sees the old rows, then the new ones, though its worker is killed at each instant (%s)',
      'an overwrite that fails, and one with too few rows, leave the old rows (%s)',
      'an attempt after the answer was lost finds it published',
    ],
  },
  {
    kind: 'B',
    complaint: 'A failure is shown as a success; nobody compares the counts',
    answer:
      'Exit 0 is no proof; the source’s, our and the destination’s counts are compared where they are told',
    tests: [
      'exit 0 with uncovered records of an incremental stream is no success',
      'a destination that counts other rows fails the attempt and echoes nothing',
    ],
  },
  {
    kind: 'C',
    complaint: 'A sync hangs after a node is lost, or for days once an end has died',
    answer:
      'Heartbeats find a dead worker, the writer a dead or silent end; what a worker started dies with it',
    tests: [
      'a connector and what it started die with a worker that is killed',
      'one that takes nothing and says nothing is blocked; one that says something again is not',
      'a destination that does not come back from its %s fails the attempt, and the next one goes on',
      'of several limits that are passed, the guilty side is named, and the age of a checkpoint last',
    ],
  },
  {
    kind: 'C',
    complaint: 'A platform that was restarted does not go on by itself',
    answer:
      'The workflow lives in Temporal; worker, destination or Temporal may be away, and the sync goes on when they are back',
    tests: [
      'a sync that is struck once loses nothing, doubles nothing and completes by itself (%s)',
      'the only worker ends within its bound when told to, and a later one resumes',
    ],
  },
  {
    kind: 'C',
    complaint: 'False alarms: a source that waits for its rate limit is killed',
    answer:
      'Liveness, silence and late checkpoints are told apart, with limits of each connection’s own; a rate limit is waited for',
    tests: [
      'a rate limit is waited for, and a sync that waits is cancelled at once',
      'a source is neither silent nor idle before the reset of its rate limit',
      'a source is not silent while it shows life that no item tells of',
      'at the limit it warns or fails, as the policy says; a load of a whole stream is never failed',
    ],
  },
  {
    kind: 'C',
    complaint: 'A change of the platform breaks syncs that run',
    answer:
      'Recorded histories are replayed by every change; a sync that runs goes on with the new version',
    tests: [
      'the workflows replay every history that was ever recorded',
      'a sync that runs while workers are replaced by the next build goes on from its checkpoint (%s)',
    ],
  },
  {
    kind: 'D',
    complaint: 'States that nobody has confirmed fill the memory',
    answer: 'Every queue is bounded in bytes and holds its source back',
    tests: [
      'holds a push back while the queue is full, and lets one larger item pass alone',
      'states that nobody echoes are not heaped up: of each scope the newest goes out at the end',
    ],
  },
  {
    kind: 'D',
    complaint: 'Catalogs, states and errors exceed what Temporal takes',
    answer:
      'Records and catalogs never enter Temporal; heartbeats and failures are cut to its limits',
    tests: [
      'neither a secret nor a record is anywhere in Temporal',
      'a heartbeat holds every checkpoint while they are small, then only the unacknowledged ones',
      'whatever a failure holds, it stays below 3 KB with its kind and remedy',
    ],
  },
  {
    kind: 'D',
    complaint: 'A process that was killed for its memory is not named',
    answer:
      'A connector that was killed is told by its signal; which of a machine’s processes took the memory is not known to us',
    tests: ['tells that a source was killed, and drops the line it was printing'],
  },
  {
    kind: 'E',
    complaint: 'A state cannot be seen, set, or taken back',
    answer:
      'A state is shown to the digit, edited and reset; an edit wins, and the next sync starts there',
    tests: [
      'state show prints the exact state',
      'a state is not edited while a sync runs; afterwards the edit decides where the next one starts',
    ],
  },
  {
    kind: 'E',
    complaint: 'A reset forgets too little, or gets stuck',
    answer: 'It forgets what only the destination knows too, and is done when its command returns',
    tests: ['after a reset every stream starts from scratch, and then goes on'],
  },
  {
    kind: 'E',
    complaint: 'One stream alone cannot be read again',
    answer: 'Refresh and clear name their streams, under a state of all streams as well',
    tests: [
      'a refreshed stream is read from scratch, and then goes on (%s)',
      'under a GLOBAL state a stream leaves it, to the digit, and what is shared stays',
    ],
  },
  {
    kind: 'F',
    complaint: 'Retries cannot be set for each connection, and hammer a rate limit',
    answer:
      'A budget of attempts without progress for each connection; progress renews it, pauses grow, a rate limit’s reset is waited for',
    tests: [
      'a sync that makes no progress gives up when its budget is spent, and shows the cause',
      'progress renews the budget',
      'a source that gave up on its rate limit is asked again at its reset, though the worker was killed meanwhile',
    ],
  },
  {
    kind: 'F',
    complaint: 'One stream fails and takes the others along',
    answer:
      'What is done stays done: the sync is partial, says which, and the next one reads what is left',
    tests: [
      'a sync that fails for good once a stream is done is partial, and says which, also of those that it never reached',
    ],
  },
  {
    kind: 'F',
    complaint: 'Retries write records twice',
    answer:
      'Rows and checkpoint are one transaction behind a fence; a program as destination is at least once, and said to be',
    tests: [
      'a connection cut at COMMIT neither loses nor doubles a record (the answer is lost: %s)',
      'a worker that is frozen in a commit is replaced, and when it thaws it changes neither rows nor checkpoint (%s, %s it)',
      'a destination killed three times: nothing is lost, and each attempt goes on at the last echo',
    ],
  },
  {
    kind: 'F',
    complaint:
      'After a cancel it starts again; a summary shows the last attempt only; progress is not seen',
    answer:
      'A cancel keeps its checkpoint and the connection waits; a sync counts over all its attempts, live',
    tests: [
      'a cancelled sync keeps its checkpoint, and the next one resumes there',
      'over a failed attempt and the one after it, what is committed is counted once, what is read twice is read twice',
      'watching shows heartbeats, a failed attempt and the next one, then the summary',
    ],
  },
];

const texts = (values: readonly string[]): string => values.map((name) => `*${name}*`).join('; ');

/** The hand-kept part of the page. */
export function complaintsPart(): string {
  const parts = (Object.keys(kinds) as Complaint['kind'][]).map((kind) => {
    const rows = complaints
      .filter((one) => one.kind === kind)
      .map(({ complaint, answer, tests }) => `| ${complaint} | ${answer} | ${texts(tests)} |`);
    const head = ['| people say | Tidemark | shown by |', '|---|---|---|'];
    return [`### ${kind}. ${kinds[kind]}`, '', ...head, ...rows].join('\n');
  });
  return parts.join('\n\n');
}
