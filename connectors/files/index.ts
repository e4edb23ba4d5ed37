export type { FilesTargetConfig } from './destination/config.ts';
export { filesDestination } from './destination/destination.ts';
export type { FilesConfig } from './source/config.ts';
export { filesSource } from './source/source.ts';
