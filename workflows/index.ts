export { connectionWorkflow } from './connection.ts';
export { probeWorkflow } from './probe.ts';
export { syncWorkflow } from './sync.ts';
