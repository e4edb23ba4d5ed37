import { natives } from './natives.ts';
import { workerProcess } from './worker-process.ts';

process.exit(await workerProcess(natives));
