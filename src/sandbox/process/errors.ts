/**
 * A sandbox command that can't do what it was asked. `exitCode`: 12 refused, 64 usage, 70 the sandbox failed.
 * `oclif.exit` is what the command line framework reads.
 */
export class SandboxError extends Error {
  readonly oclif: { readonly exit: number };

  constructor(
    message: string,
    readonly exitCode: 1 | 12 | 64 | 70,
  ) {
    super(message);
    this.name = 'SandboxError';
    this.oclif = { exit: exitCode };
  }
}

/** The system's error code (ENOENT, ESRCH, …) of something that was thrown. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
