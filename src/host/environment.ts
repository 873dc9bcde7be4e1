/**
 * Variables on their way to `docker create`. They are exported around it and passed by name, so that none shows in a process list. A few names would
 * change the shell, its tools, the aws CLI or docker itself: these go by an env file, which docker reads line by line.
 */
import type { RunSpec } from '../domain/release.js';
import { HostRequestError, matching, misfit, word } from './words.js';

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const PARAMETER = /^[A-Za-z0-9_./-]+$/;

/** Names that the shell, the C library, Go, Python and the tools between them read. */
const RESERVED = new RegExp(
  `^(?:${[
    'PATH|HOME|PWD|OLDPWD|IFS|ENV|CDPATH|PS[0-9]|PPID|E?UID|GROUPS|SHELL|SHELLOPTS|BASH.*|POSIXLY_CORRECT|OPT(?:ARG|IND|ERR)',
    'LINENO|S?RANDOM|SECONDS|EPOCH[A-Z]+|SHLVL|FUNCNAME|FUNCNEST|DIRSTACK|PIPESTATUS|HISTCMD|TMPDIR|TMOUT|_',
    'LD_.*|GLIBC_.*|MALLOC_.*|GCONV_PATH|LOCPATH|NLSPATH|RES_OPTIONS|HOSTALIASES|LOCALDOMAIN',
    'GO[A-Z]+|SSL_CERT_.*|PYTHON.*|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NETRC|XDG_.*|SNAP(?:_.*)?',
    'DOCKER_.*|BUILDKIT_.*|COMPOSE_.*|AWS_.*|BOTO_.*|DEPLOYCTL_.*|[a-z]*_proxy|[A-Z]+_PROXY',
  ].join('|')})$`,
);
/** The script's own variables; exporting over one of them inside the subshell would break the loop that does it. */
const OWN = new Set([
  'word',
  'decoded',
  'secret',
  'secret_words',
  'env_words',
  'secrets',
  'work',
  'region',
  'root',
  'line_break',
  'REQUEST',
]);

/** Whether a variable of this name goes by file, one line for a variable: its value can have no line break. */
export function goesByFile(name: string): boolean {
  return RESERVED.test(name) || OWN.has(name);
}

const WANTED = 'a variable name: letters, digits and "_", not starting with a digit';

/** Plain variables, as lines of the request. */
export function variableLines(env: RunSpec['env']): string[] {
  return Object.entries(env).map(([key, value]) => {
    const field = `env ${matching('env', key, VARIABLE, WANTED)}`;
    if (!goesByFile(key)) return `env ${key}:${word(field, value)}`;
    if (/[\r\n]/.test(value)) {
      throw new HostRequestError(
        field,
        'its value has a line break; a variable of this name goes by an env file, which holds one line for each. Write it in one line, or give the variable another name',
      );
    }
    return `env-line ${word(field, `${key}=${value}`)}`;
  });
}

/** What the instance looks up itself: secrets and env files. */
export function lookedUpLines({ secrets, envFiles }: Pick<RunSpec, 'secrets' | 'envFiles'>): string[] {
  const lines = Object.entries(secrets).map(([key, parameter]) => {
    matching('secrets', key, VARIABLE, WANTED);
    const name = matching(`secret ${key}`, parameter, PARAMETER, 'a Parameter Store name');
    return `${goesByFile(key) ? 'secret-line' : 'secret'} ${key}:${name}`;
  });
  for (const file of envFiles) {
    if (!file.startsWith('/')) throw misfit('env file', file, 'an absolute path on the instance');
    lines.push(`env-file ${word('env file', file)}`);
  }
  return lines;
}
