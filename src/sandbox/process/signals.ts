const ENDING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs `work` with a signal that aborts at the first SIGINT, SIGTERM or SIGHUP of this process. A second one ends the
 * process at once, as if nobody listened.
 */
export async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    ENDING.forEach((one) => process.off(one, onSignal));
    stop.abort(new Error(`ended by ${name}`));
  };
  ENDING.forEach((name) => process.on(name, onSignal));
  try {
    return await work(stop.signal);
  } finally {
    ENDING.forEach((name) => process.off(name, onSignal));
  }
}
