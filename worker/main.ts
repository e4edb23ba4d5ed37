import { natives } from './natives.ts';
import { workerProcess } from './process.ts';

process.exit(await workerProcess(natives));
