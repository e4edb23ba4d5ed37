import { refusalsOf } from '../refuse-config.ts';

/** What a person mends in the config of a destination that writes files. */
export const refusedConfig = refusalsOf('destination');
