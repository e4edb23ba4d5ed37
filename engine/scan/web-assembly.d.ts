/** The part of WebAssembly that is used here; TypeScript knows it only beside a browser's other types. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module);
    readonly exports: unknown;
  }
  interface Memory {
    /** Another one after each `grow`. */
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
}
