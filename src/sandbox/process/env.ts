import type { Caller } from '../access.js';
import type { RunningState } from './state-file.js';

/** Variables that point every AWS client of a shell at the sandbox, and sign its calls. */
function variables(
  at: Pick<RunningState, 'endpoint' | 'region'>,
  key: { readonly id: string; readonly secret: string },
): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: at.endpoint,
    AWS_REGION: at.region,
    AWS_DEFAULT_REGION: at.region,
    AWS_ACCESS_KEY_ID: key.id,
    AWS_SECRET_ACCESS_KEY: key.secret,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}
/** Would win over the keys above, or go with them to nowhere. */
const IN_THE_WAY = ['AWS_PROFILE', 'AWS_SESSION_TOKEN'];

/** The variables as an object, for --json. */
export function environment(state: RunningState, caller: Caller): Record<string, string> {
  return variables(state, state.access[caller]);
}

/** Lines for `eval`: exports, and what must not be set. */
export function exportLines(state: RunningState, caller: Caller): string[] {
  return [
    ...Object.entries(environment(state, caller)).map(([name, value]) => `export ${name}=${shellQuote(value)}`),
    ...IN_THE_WAY.map((name) => `unset ${name}`),
  ];
}

/** Lines for `eval` that take the exports back. */
export function unsetLines(): string[] {
  return Object.keys(variables({ endpoint: '', region: '' }, { id: '', secret: '' })).map((name) => `unset ${name}`);
}

/** One word for a POSIX shell, whatever it holds. */
export function shellQuote(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
