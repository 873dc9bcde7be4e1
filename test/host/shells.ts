/** The shells that an instance may have as `sh`: Debian's, Amazon Linux's, and that of small distributions with its own tools. */
import { execaSync } from 'execa';
import { existsSync } from 'node:fs';

export interface Shell {
  readonly name: string;
  /** A script of encodeRequest to run under this shell. */
  readonly change: (script: string) => string;
}

const under =
  (interpreter: string, prelude = '') =>
  (script: string): string =>
    script.replace(/^#!.*\n/, `#!${interpreter}\n${prelude}`);

/** busybox's own awk, sed, flock, … come first, except what the stand-ins and Docker bring. */
const BUSYBOX = `mkdir -p "$DEPLOYCTL_ROOT/busybox" && busybox --install -s "$DEPLOYCTL_ROOT/busybox" && export PATH="$DEPLOYCTL_ROOT/busybox:$PATH"\n`;

const ALL: readonly (Shell & { readonly program: string })[] = [
  { name: 'dash', program: '/usr/bin/dash', change: under('/usr/bin/dash') },
  // As /bin/sh on Amazon Linux.
  { name: 'bash', program: '/bin/bash', change: under('/bin/bash', 'set -o posix\n') },
  { name: 'busybox', program: '/usr/bin/busybox', change: under('/usr/bin/busybox sh', BUSYBOX) },
];

/** Those that are here; one that is missing is named, and with CI=true an error. */
export function shellsHere(): readonly Shell[] {
  const missing = ALL.filter(({ program }) => !existsSync(program)).map(({ name }) => name);
  const flaw = missing.length > 0 ? `${missing.join(', ')} not installed (.ci/run installs them)` : undefined;
  if (flaw !== undefined && process.env['CI'] === 'true') throw new Error(`tests of the instance script: ${flaw}`);
  if (flaw !== undefined) process.stderr.write(`instance script not tested under all shells: ${flaw}\n`);
  return ALL.filter(({ program }) => existsSync(program));
}

/** Names that a shell gives a meaning or a value of its own. */
export function namesOfShells(): readonly string[] {
  const set = execaSync('bash', ['-c', 'compgen -v']).stdout.split('\n');
  return [
    ...new Set([
      ...set,
      'SHLVL',
      'SRANDOM',
      'EPOCHSECONDS',
      'TMOUT',
      'LC_ALL',
      'LANG',
      'TZ',
      'MAPFILE',
      'REPLY',
      'ENV',
    ]),
    ...['PS1', 'FUNCNAME', 'OPTARG', 'HISTFILE', 'GLOBIGNORE', 'PROMPT_COMMAND', 'COLUMNS', 'PATH', 'HOME', 'IFS'],
    ...[
      'LD_PRELOAD',
      'DOCKER_HOST',
      'AWS_PROFILE',
      'http_proxy',
      'word',
      'decoded',
      'secret',
      'secret_words',
      'line_break',
      'FUNCNEST',
      'GLIBC_TUNABLES',
      'PYTHONHOME',
      'work',
      'app',
      'state',
      'log',
    ],
  ].filter((name, index, names) => /^[A-Za-z_]\w*$/.test(name) && names.indexOf(name) === index);
}
