import { createWriteStream } from 'node:fs';

/**
 * One request that the load balancer answered, or failed to. Times are ISO 8601, durations ms; null where there was none.
 * `status` is what the client got: 460 when it went away itself (ALB guide, access logs), 101 for an upgrade.
 */
export interface AccessEntry {
  readonly time: string;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly host: string;
  /** Priority of the rule, or `default`. */
  readonly rule: string;
  readonly ruleArn: string | null;
  readonly group: string | null;
  readonly groupName: string | null;
  /** `i-…:port` */
  readonly target: string | null;
  readonly address: string | null;
  readonly image: string | null;
  readonly digest: string | null;
  readonly status: number;
  readonly targetStatus: number | null;
  readonly durationMs: number;
  /** What went wrong, for an answer that the load balancer made up or cut short. */
  readonly error: string | null;
}

export interface AccessLog {
  write(entry: AccessEntry): void;
  /** Writes what is buffered and closes the file. */
  close(): Promise<void>;
}

const flushMs = 100;

/** Appends entries to `file`, one JSON object a line, at most 100 ms late. */
export function createAccessLog(file: string, onError: (error: unknown) => void): AccessLog {
  const stream = createWriteStream(file, { flags: 'a', mode: 0o600 });
  stream.on('error', onError);
  let lines: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    timer = undefined;
    if (lines.length > 0) {
      stream.write(lines.join(''));
      lines = [];
    }
  };
  return {
    write(entry) {
      lines.push(`${JSON.stringify(entry)}\n`);
      timer ??= setTimeout(flush, flushMs);
    },
    close: () =>
      new Promise((resolve) => {
        clearTimeout(timer);
        flush();
        stream.end(() => {
          resolve();
        });
      }),
  };
}
