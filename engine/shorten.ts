/** Of names that people are told. */
export const nameCharsMax = 80;

/** At most `charsMax` characters, the last of them an ellipsis where some are left out. */
export const shorten = (text: string, charsMax: number): string =>
  text.length > charsMax ? `${text.slice(0, charsMax - 1)}…` : text;
