/** What `sandbox up` was asked for. */
export interface UpOptions {
  /** Absolute path. */
  readonly stateDir: string;
  /** 1 to 50. */
  readonly instances: number;
  /** How many times faster than AWS. */
  readonly timeScale: number;
  readonly runtime: 'process' | 'docker';
  readonly region: string;
  /** Whether to run release 1.0.0 of the example shop. */
  readonly release: boolean;
  /** Absolute path of an IAM policy that clients are held to. */
  readonly policy?: string;
}

/** The same as a command line. */
export function upArguments(options: UpOptions): string[] {
  return [
    'sandbox',
    'up',
    '--state-dir',
    options.stateDir,
    '--instances',
    String(options.instances),
    '--time-scale',
    String(options.timeScale),
    '--runtime',
    options.runtime,
    '--region',
    options.region,
    options.release ? '--release' : '--no-release',
    ...(options.policy === undefined ? [] : ['--policy', options.policy]),
  ];
}
