const labelWidth = 14;
const barWidth = 40;

const colours = { bold: 1, dim: 2, red: 31, green: 32, cyan: 36 } as const;

/** The terminal: short lines, and one line that is written over while something runs. */
export interface Screen {
  title(text: string): void;
  text(text?: string): void;
  done(label: string, text: string): void;
  broken(label: string, text: string): void;
  fact(label: string, text: string): void;
  /** Replaces the last progress line; on a pipe nothing is shown. */
  progress(done: number, all: number, text: string): void;
  /** Ends the progress line and keeps it. */
  keepProgress(): void;
}

export function createScreen(out: NodeJS.WriteStream): Screen {
  const colour = (name: keyof typeof colours, text: string): string =>
    out.isTTY && !process.env['NO_COLOR'] ? `\u001B[${colours[name]}m${text}\u001B[0m` : text;
  let last = '';
  const keepProgress = (): void => {
    if (last !== '') out.write(out.isTTY ? '\n' : `${last}\n`);
    last = '';
  };
  const line = (text: string): void => {
    keepProgress();
    out.write(`${text}\n`);
  };
  const marked = (mark: string, label: string, text: string): void =>
    line(`  ${mark} ${label.padEnd(labelWidth)}${text}`);
  return {
    title: (text) => line(colour('bold', text)),
    text: (text = '') => line(text),
    done: (label, text) => marked(colour('green', '✓'), label, text),
    broken: (label, text) => marked(colour('red', '✗'), label, text),
    fact: (label, text) => marked(' ', label, text),
    progress(done, all, text) {
      const full = Math.round((Math.min(done, all) / all) * barWidth);
      const bar = '█'.repeat(full) + colour('dim', '░'.repeat(barWidth - full));
      last = `    ${bar} ${text}`;
      if (out.isTTY) out.write(`\r\u001B[K${last}`);
    },
    keepProgress,
  };
}

export const count = (n: number): string => n.toLocaleString('en-US');
export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
