/** A refusal of the stand-in engine, in Docker's words, without the prefix "Error response from daemon: ". */
export class DaemonError extends Error {
  /** @param exitCode what `docker run` answers: 125 the engine, 126 not executable, 127 not found */
  constructor(
    message: string,
    readonly exitCode = 125,
  ) {
    super(message);
  }
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The errno name of a node error (`ENOENT`), or undefined. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
