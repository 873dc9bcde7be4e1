import { spawn } from 'node:child_process';

/**
 * Waits for the end of its standard input, whose other end only the sandbox's process holds: it ends when that process
 * dies, however it dies. A line on it says that the sandbox has cleaned up itself. Else everything that carries the
 * sandbox's mark in its environment is killed, until nothing is left.
 */
const SCRIPT = `
trap '' HUP INT TERM
if IFS= read -r word && [ "$word" = "$2" ]; then exit 0; fi
for round in 1 2 3 4 5 6 7 8 9 10; do
  found=$(grep -alzxF "DEPLOYCTL_SANDBOX=$1" /proc/[0-9]*/environ 2>/dev/null)
  [ -n "$found" ] || exit 0
  for file in $found; do
    pid=\${file#/proc/}
    kill -9 "\${pid%/environ}" 2>/dev/null
  done
  sleep 0.2
done
`;
const ALL_CLEAN = 'clean';

export interface Watchdog {
  readonly pid: number;
  /** Ends it; what it would have killed has been ended already. */
  dismiss(): void;
}

/** Starts a small process that kills what a sandbox leaves behind if this process dies without cleaning up. */
export function startWatchdog(stateDir: string): Watchdog {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'deployctl-sandbox-watchdog', stateDir, ALL_CLEAN], {
    detached: true,
    cwd: '/',
    // Without the mark, or it would kill itself when one sandbox is started from inside another.
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.on('error', (error) => process.emitWarning(`no watchdog for the sandbox: ${error.message}`));
  child.stdin.on('error', (error) => process.emitWarning(`the sandbox's watchdog is gone: ${error.message}`));
  child.unref();
  return {
    pid: child.pid ?? 0,
    dismiss: () => child.stdin.end(`${ALL_CLEAN}\n`),
  };
}
