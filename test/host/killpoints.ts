/**
 * Ways in which a run of the instance script breaks off. It is ended by SIGKILL to its group at a chosen command, as the SSM agent does at any time. bash tells before each simple
 * command where it is (DEBUG trap); the script itself stays as it is sent. Or docker
 * stops to answer under it.
 */
import type { HostRequest } from '../../src/domain/host.js';
import type { Host } from './kit.js';

interface KillPoint {
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

/** A way for one run of a request to go wrong. */
export interface Breakage {
  readonly what: string;
  readonly change: (script: string) => string;
  /** Its end is SIGKILL: there is no answer, unless the kill came late. */
  readonly kills: boolean;
  /** It may come too late to matter. */
  readonly late: boolean;
}

async function run(host: Host, request: HostRequest, change: Breakage['change']): Promise<void> {
  const result = await host.ask(request, undefined, { change });
  if (!result.ok) throw new Error(`${request.phase} failed while it was traced: ${result.code}: ${result.message}`);
}

/** Runs a request to its end and tells where it could have been killed: at each change, or with `every` at each line by each way to it. */
export async function kills(host: Host, request: HostRequest, every: boolean, delays = [0.03]): Promise<Breakage[]> {
  await host.sh(`: >${TRACE}`);
  const record = `printf '%s\\t%s\\n' "\${BASH_LINENO[*]}" "\${1%%$'\\n'*}" >>${TRACE}`;
  await run(host, request, (script) => trapped(script, record));
  const seen = new Map<string, number>();
  const points = (await host.sh(`cat ${TRACE}`)).split('\n').map((line): KillPoint => {
    const [stack = '', command = ''] = line.split('\t');
    seen.set(stack, (seen.get(stack) ?? 0) + 1);
    return { stack, command, nth: seen.get(stack) ?? 1 };
  });
  const places = new Set<string>();
  const answered = points.findIndex(({ command }) => command.includes('>&3'));
  const late = new Set(points.slice(answered + 1));
  const chosen = points.filter(({ stack, command, nth }) => {
    if (every) return nth === 1;
    const known = places.has(stack + command);
    places.add(stack + command);
    return CHANGES.test(command) && !known;
  });
  const halfway = points
    .filter(({ command }) => LASTS.test(command))
    .flatMap((point) => delays.map((delay) => ({ ...point, delay })));
  return [...chosen.map((point) => killAt(point, late.has(point))), ...halfway.map((point) => killAt(point, true))];
}

function killAt({ stack, nth, command, delay }: KillPoint, late: boolean): Breakage {
  // On one line: the lines of the script keep their numbers.
  const kill = delay === undefined ? 'kill -9 0;' : `{ sleep ${delay}; kill -9 0; } &`;
  const at = `[ "\${BASH_LINENO[*]}" != '${stack}' ] || { met=$((\${met:-0} + 1)); [ "$met" != ${nth} ] || { ${kill} }; }`;
  return {
    what: `killed ${delay === undefined ? 'at' : `${delay} s into`} "${command}" (lines ${stack}, ${nth})`,
    change: (script) => trapped(script, at),
    kills: true,
    late,
  };
}

/** Runs a request to its end and tells after how many calls of docker the daemon could have died: each `step`th. */
export async function deaths(host: Host, request: HostRequest, step: number): Promise<Breakage[]> {
  await run(host, request, (script) => mortal(script, 1_000_000));
  const calls = Number(await host.sh('cat "$DEPLOYCTL_ROOT/calls"'));
  const which = Array.from({ length: Math.ceil(calls / step) }, (_, index) => calls - index * step);
  return which.map((nth) => ({
    what: `docker dead from call ${nth} of ${calls} on`,
    change: (script) => mortal(script, nth),
    kills: false,
    late: true,
  }));
}

/** The script with a docker that answers from its nth call on as one without a daemon. */
function mortal(script: string, nth: number): string {
  const prelude = `real=$(command -v docker); mkdir -p "$DEPLOYCTL_ROOT/mortal"; echo 0 >"$DEPLOYCTL_ROOT/calls"
cat >"$DEPLOYCTL_ROOT/mortal/docker" <<DOCKER
#!/bin/sh
read -r calls <"$DEPLOYCTL_ROOT/calls"
echo "\\$((calls + 1))" >"$DEPLOYCTL_ROOT/calls"
[ "\\$((calls + 1))" -lt ${nth} ] || { echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2; exit 1; }
exec "$real" "\\$@"
DOCKER
chmod +x "$DEPLOYCTL_ROOT/mortal/docker"; export PATH="$DEPLOYCTL_ROOT/mortal:$PATH"
`;
  return script.replace(/^#!.*\n/, (line) => line + prelude);
}
