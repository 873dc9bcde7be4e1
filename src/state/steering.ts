import { DeployctlError, EXIT } from '../domain/errors.js';
import type { RolloutId } from '../domain/ids.js';
import type { Steer } from '../domain/observation.js';
import { decode, encode } from './codec.js';
import { readable } from './damage.js';
import type { StateDeps } from './lease-view.js';
import { retry } from './retry.js';
import { isUnfinished, readRecord } from './rollouts.js';
import { steerSchema } from './schemas.js';
import { createOnce, listRaw } from './store.js';

export type SteerRequest = Pick<Steer, 'is' | 'by' | 'reason' | 'for'>;

/**
 * Leaves a request for the loop of a rollout, which picks it up at its next tick. Needs no lease.
 * @throws DeployctlError `steer.no-rollout`, `steer.ended` (exit 12)
 */
export async function requestSteer(
  deps: StateDeps,
  rollout: RolloutId,
  request: SteerRequest,
  signal?: AbortSignal,
): Promise<Steer> {
  const record = await readRecord(deps, rollout, signal);
  if (record === undefined || !isUnfinished(record)) {
    throw new DeployctlError({
      code: record === undefined ? 'steer.no-rollout' : 'steer.ended',
      message:
        record === undefined
          ? `there is no rollout ${rollout} in ${deps.app}/${deps.environment} to ${request.is}`
          : `the rollout ${rollout} is over (${record.outcome ?? 'ended'}): nothing is left to ${request.is}`,
      exitCode: EXIT.refused,
      next: [`deployctl status --env ${deps.environment}`, `deployctl history --env ${deps.environment}`],
    });
  }
  const at = deps.clock.now();
  // Digits of the same length sort as text.
  const id = `${String(at).padStart(13, '0')}-${deps.random.hex(8)}`;
  const steer: Steer = { id, at, ...request };
  const name = deps.names.steer(rollout, id);
  const value = encode(name, { schema: 1, ...steer });
  await createOnce(deps, name, value, (stored) => decode(name, stored, steerSchema).id === id, { signal });
  return steer;
}

/** Requests that were not removed, oldest first. What cannot be read asks for nothing. */
export async function listSteers(
  deps: StateDeps,
  rollout: RolloutId,
  signal?: AbortSignal,
  attempts?: number,
): Promise<readonly Steer[]> {
  const stored = await listRaw(deps, deps.names.steers(rollout), signal, attempts);
  const { values } = readable(stored, (name, raw) => decode(name, raw, steerSchema));
  return values.toSorted((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
}

/** Removes requests that were obeyed and whose effect is in the record, so that a resume does not obey them again. */
export async function removeSteers(
  deps: StateDeps,
  rollout: RolloutId,
  ids: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  if (ids.length === 0) return;
  const names = ids.map((id) => deps.names.steer(rollout, id));
  await retry(deps, (inner) => deps.parameters.remove(names, inner), { signal });
}
