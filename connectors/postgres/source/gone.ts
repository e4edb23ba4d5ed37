import { refusalsOf } from '../../kit/refuse-config.ts';

export function gone(id: string): Error {
  return refusalsOf('source')(
    'The source has no such table any more, or its user may not read it.',
    `stream ${id}`,
    'Put it back, GRANT SELECT on it and USAGE on its schema, or take the stream out of the connection.',
    id,
  );
}
