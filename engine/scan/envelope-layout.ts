/**
 * Where `envelopes.as.ts` and its caller meet in memory. Addresses and sizes in bytes; both compilers read this file.
 *
 * A node is eight 32-bit words: next node or 0; the pattern as address and length of a literal, 1 or 0 for whether digits follow it, and
 * address and length of the literal after them; its value; one word unused.
 * A run is four: stream number, records, where it ends, and 1 when it is one line that ends in CR LF.
 */
export const firstHeadAt = 0;
export const runCountAt = 4;
export const nodesAt = 64;
export const nodeBytes = 32;
/** Where a node's value stands: in a head the first of its tails, in a tail its stream's number. */
export const valueOffset = 24;
export const nodesMax = 1000;
export const runsAt = 32768;
export const runBytes = 16;
export const runsMax = 2000;
export const literalsAt = 65536;
export const literalsEnd = 327680;
export const inputAt = 327680;
/** What may be read behind the input: never used, but loads are whole. */
export const paddingBytes = 128;
