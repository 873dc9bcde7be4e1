/**
 * Ends the instance script by SIGKILL to its group at a chosen command, as the SSM agent does at any time. bash tells before each simple
 * command where it is (DEBUG trap); the script itself stays as it is sent.
 */
import type { HostRequest } from '../../src/domain/host.js';
import type { HostResult } from '../../src/host/result.js';
import type { Host } from './kit.js';

export interface KillPoint {
  /** Line numbers: of the command, and of the calls that led to it. */
  readonly stack: string;
  /** How many times a command was there before, counted from 1. */
  readonly nth: number;
  /** First line of the command. */
  readonly command: string;
  /** Kill so many seconds later, in the middle of what it does. */
  readonly delay?: number;
}

/** What changes something outside of the shell. Killing before each of these is killing after each of them, too. */
const CHANGES = /^(dk (create|rename|update|stop|start|rm|rmi|tag)\b|mv |rm |mkdir |exec 9)/;
/** What takes dockerd a while: the client may die in the middle of it. The third is what comes before docker create. */
const LASTS = /^(dk (stop|start) |complaint=\$\((docker|dk) |set -- "\$@" "\$image_name")/;

const TRACE = '"$DEPLOYCTL_ROOT/trace"';

/** The script under bash with a trap that hands each command of the main shell to `at`. */
function trapped(script: string, at: string): string {
  const [, request, ...rest] = script.split('\n');
  const trap = `set -o posix; set -T; at() { ${at}; }; trap '[ "$BASH_SUBSHELL" != 0 ] || at "$BASH_COMMAND"' DEBUG`;
  return ['#!/bin/bash', request, trap, ...rest].join('\n');
}

/** Runs a request to its end and tells where it could have been killed: at each change, or with `every` at each line by each way to it. */
export async function killPoints(host: Host, request: HostRequest, every: boolean): Promise<KillPoint[]> {
  await host.sh(`: >${TRACE}`);
  const record = `printf '%s\\t%s\\n' "\${BASH_LINENO[*]}" "\${1%%$'\\n'*}" >>${TRACE}`;
  const result = await host.ask(request, undefined, { change: (script) => trapped(script, record) });
  if (!result.ok) throw new Error(`${request.phase} failed while it was traced: ${result.code}: ${result.message}`);
  const seen = new Map<string, number>();
  const points = (await host.sh(`cat ${TRACE}`)).split('\n').map((line): KillPoint => {
    const [stack = '', command = ''] = line.split('\t');
    seen.set(stack, (seen.get(stack) ?? 0) + 1);
    return { stack, command, nth: seen.get(stack) ?? 1 };
  });
  const places = new Set<string>();
  const chosen = points.filter(({ stack, command, nth }) => {
    if (every) return nth === 1;
    const known = places.has(stack + command);
    places.add(stack + command);
    return CHANGES.test(command) && !known;
  });
  return [
    ...chosen,
    ...points.filter(({ command }) => LASTS.test(command)).map((point) => ({ ...point, delay: 0.03 })),
  ];
}

/** Sends a request and kills it there. */
export async function killAt(
  host: Host,
  request: HostRequest,
  fence: readonly [number, number, number],
  { stack, nth, delay }: KillPoint,
): Promise<HostResult> {
  const kill = delay === undefined ? 'kill -9 0' : `{ sleep ${delay}; kill -9 0; } &`;
  const at = `[ "\${BASH_LINENO[*]}" != '${stack}' ] || { met=$((\${met:-0} + 1)); [ "$met" != ${nth} ] || ${kill.startsWith('{') ? `{ ${kill} }` : kill}; }`;
  return host.ask(request, fence, { change: (script) => trapped(script, at) });
}
