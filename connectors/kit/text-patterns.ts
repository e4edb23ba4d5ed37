const day = '[0-9]{4,6}-[0-9]{2}-[0-9]{2}';
// A leap second is no second of these systems; Postgres alone would take it for the next one.
const clock = '[0-9]{2}:[0-9]{2}(:[0-5][0-9]([.][0-9]+)?)?';
const utc = '(Z|z|[+-]00(:?00)?)';
const zone = '(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)';

/**
 * Which text may be cast to a type at all: the systems alone would take more (`now`, `0x1f`), or drop a zone or a time of day silently.
 * Regular expressions for the whole text, in what Postgres and RE2 have in common.
 */
export const textPatterns = {
  numeral: '-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]{1,4})?',
  day,
  /** A day, or its midnight in UTC. */
  date: `${day}([T ]00:00(:00([.]0+)?)? ?${utc}?)?`,
  timestamp: `${day}([T ]${clock} ?${utc}?)?`,
  timestamptz: `${day}([T ]${clock} ?${zone}?)?`,
  time: `${clock} ?${utc}?`,
  timetz: `${clock} ?${zone}?`,
  /** Within a time: digits below the microsecond, which no system here holds. Postgres alone would round, even into the next day. */
  belowMicros: '[.][0-9]{6}[0-9]*[1-9]',
} as const;
