export type { FilesConfig } from './config.ts';
export type { FilesTargetConfig } from './destination/config.ts';
export { filesDestination } from './destination/destination.ts';
export { filesSource } from './source.ts';
