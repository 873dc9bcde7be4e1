import { DeployctlError, EXIT, PortError } from '../domain/errors.js';
import type { Ms } from '../domain/ids.js';
import type { StateDeps } from './lease-view.js';
import { retry } from './retry.js';

/** A read may lag behind a write. */
const READ_AGAIN: Ms = 500;

/** Everything below a path, retried. */
export function listRaw(
  deps: StateDeps,
  path: string,
  signal?: AbortSignal,
  attempts?: number,
): Promise<ReadonlyMap<string, string>> {
  return retry(deps, (inner) => deps.parameters.list(path, inner), {
    signal,
    ...(attempts === undefined ? {} : { attempts }),
  });
}

/** Creates; where the very same value is there already (a lost answer, or a second try), that is fine. `false`: another value is there. */
export async function createOnce(
  deps: StateDeps,
  name: string,
  value: string,
  isSame: (stored: string) => boolean,
  options: { readonly signal?: AbortSignal | undefined; readonly before?: () => void; readonly timeout?: Ms } = {},
): Promise<{ readonly is: 'stored' } | { readonly is: 'taken'; readonly stored: string }> {
  try {
    await retry(deps, (inner) => deps.parameters.create(name, value, inner), options);
    return { is: 'stored' };
  } catch (error) {
    if (!(error instanceof PortError) || error.kind !== 'already-exists') throw error;
  }
  for (let attempt = 1; ; attempt += 1) {
    const stored = await retry(deps, (inner) => deps.parameters.get(name, inner), { signal: options.signal });
    if (stored !== undefined) return isSame(stored) ? { is: 'stored' } : { is: 'taken', stored };
    if (attempt === 5) {
      throw new DeployctlError({
        code: 'state.inconsistent',
        message: `Parameter Store says that ${name} exists, and does not show it`,
        exitCode: EXIT.refused,
        next: ['try again in a minute'],
      });
    }
    await deps.clock.sleep(READ_AGAIN, options.signal);
  }
}

/** Creates or replaces. */
export async function put(
  deps: StateDeps,
  name: string,
  value: string,
  options: Parameters<typeof retry>[2],
): Promise<void> {
  // Far more often it is there than not, and an overwrite of nothing changes nothing.
  try {
    await retry(deps, (inner) => deps.parameters.overwrite(name, value, inner), options);
    return;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const created = await createOnce(deps, name, value, (stored) => stored === value, options);
  if (created.is === 'taken') await retry(deps, (inner) => deps.parameters.overwrite(name, value, inner), options);
}

/** An overwrite without Type of a name that is not there is refused as ParameterNotFound or ValidationException. */
function isMissing(error: unknown): boolean {
  return error instanceof PortError && (error.kind === 'not-found' || error.kind === 'invalid');
}
