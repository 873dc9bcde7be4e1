import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';

export type LogStream = 'stdout' | 'stderr';

export interface LogLine {
  readonly stream: LogStream;
  /** With its newline, unless the process ended in the middle of a line. */
  readonly log: string;
  readonly time: string;
}

/** A container's output as Docker's json-file driver keeps it: one JSON object a line. */
export class ContainerLog {
  private fd: number | undefined;
  private closed = false;
  private readonly partial: Record<LogStream, string> = { stdout: '', stderr: '' };
  private readonly listeners = new Set<(line: LogLine) => void>();

  constructor(readonly path: string) {}

  write(stream: LogStream, text: string): void {
    const lines = (this.partial[stream] + text).split('\n');
    this.partial[stream] = lines.pop() ?? '';
    for (const line of lines) this.append(stream, `${line}\n`);
  }

  /** Writes what is left of the last lines; call it when the process has ended. */
  flush(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      if (this.partial[stream] !== '') this.append(stream, this.partial[stream]);
      this.partial[stream] = '';
    }
  }

  private append(stream: LogStream, log: string): void {
    // A dead process may leave output in its pipe when its folder is gone already.
    if (this.closed) return;
    this.fd ??= openSync(this.path, 'a', 0o600);
    const line: LogLine = { stream, log, time: new Date().toISOString() };
    writeSync(this.fd, `${JSON.stringify(line)}\n`);
    for (const listener of this.listeners) listener(line);
  }

  read(): LogLine[] {
    if (!existsSync(this.path)) return [];
    return readFileSync(this.path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LogLine);
  }

  /** Calls `listener` for each line from now on; returns what ends that. */
  follow(listener: (line: LogLine) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    this.flush();
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
    this.closed = true;
  }
}
