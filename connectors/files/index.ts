export type { FilesConfig } from './config.ts';
export { filesSource } from './source.ts';
