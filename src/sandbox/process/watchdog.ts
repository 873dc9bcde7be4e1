import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { kernelNames, removeLeftovers } from '../hosts/docker/names.js';
import { procList } from '../hosts/processes.js';
import { sleepReal } from '../time.js';
import { SandboxError } from './errors.js';
import { FILE as STATE_FILE, KEPT } from './state-file.js';

/**
 * Waits for the end of its standard input, whose other end only the sandbox's process holds: it ends when that process
 * dies, however it dies. A line on it says that the sandbox has cleaned up itself. Else everything that carries the
 * sandbox's mark in its environment is killed, until nothing is left; then what it had in the kernel and on disk is removed.
 */
const script = (stateDir: string): string => `
trap '' HUP INT TERM
if IFS= read -r word && [ "$word" = "$2" ]; then exit 0; fi
for round in 1 2 3 4 5 6 7 8 9 10; do
  found=$(grep -alzxF "DEPLOYCTL_SANDBOX=$1" /proc/[0-9]*/environ 2>/dev/null)
  [ -n "$found" ] || break
  for file in $found; do
    pid=\${file#/proc/}
    kill -9 "\${pid%/environ}" 2>/dev/null
  done
  sleep 0.2
done
${removeLeftovers(kernelNames(stateDir))}
find "$1" -mindepth 1 -maxdepth 1 ${[...KEPT, STATE_FILE].map((name) => `! -name ${name}`).join(' ')} -exec rm -rf {} +
`;
const NAME = 'deployctl-sandbox-watchdog';
const ALL_CLEAN = 'clean';
const POLL_MS = 50;
const END_LIMIT_MS = 30_000;

export interface Watchdog {
  readonly pid: number;
  /** Ends it; what it would have killed has been ended already. */
  dismiss(): void;
}

/** Starts a small process that kills what a sandbox leaves behind if this process dies without cleaning up. */
export function startWatchdog(stateDir: string): Watchdog {
  const child = spawn('/bin/sh', ['-c', script(stateDir), NAME, stateDir, ALL_CLEAN], {
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

/**
 * Waits for the watchdog of a sandbox that is dead: while it cleans up, nothing new may begin in the folder, or it would be
 * swept away too.
 * @throws SandboxError (70) naming the process when it does not come to an end
 */
export async function watchdogEnds(stateDir: string): Promise<void> {
  const end = performance.now() + END_LIMIT_MS;
  for (;;) {
    const pid = readdirSync('/proc').find((name) => {
      const words = /^\d+$/.test(name) ? procList(Number(name), 'cmdline') : undefined;
      return words?.[3] === NAME && words[4] === stateDir;
    });
    if (pid === undefined) return;
    if (performance.now() > end) {
      throw new SandboxError(
        `process ${pid} still cleans up after the last sandbox in ${stateDir}; look at \`ps ${pid}\`, and end it if it hangs`,
        70,
      );
    }
    await sleepReal(POLL_MS);
  }
}
