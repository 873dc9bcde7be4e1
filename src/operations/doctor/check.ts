import { DeployctlError, PortError } from '../../domain/errors.js';
import { UnsendableRequest } from '../../engine/host-port.js';
import type { Finding } from '../preflight.js';
import { fixFor } from '../topology.js';

export type Level = 'ok' | 'warn' | 'fail' | 'skip';

/** One thing that was looked at. */
export interface Check {
  readonly level: Level;
  /** Names the thing and the value seen; for `fail` and `warn` also the value wanted, for `skip` why it was not looked at. */
  readonly text: string;
  /** What to do about it. */
  readonly fix?: string;
}

/** Checks of one kind, in the order in which people would look. */
export interface Area {
  readonly area: string;
  readonly checks: readonly Check[];
}

export const ok = (text: string): Check => ({ level: 'ok', text });
export const warn = (text: string, fix: string): Check => ({ level: 'warn', text, fix });
export const fail = (text: string, fix: string): Check => ({ level: 'fail', text, fix });
export const skip = (text: string, fix?: string): Check => ({
  level: 'skip',
  text,
  ...(fix === undefined ? {} : { fix }),
});

export const plural = (count: number, what: string): string => `${String(count)} ${what}${count === 1 ? '' : 's'}`;

/** What the preflight of a rollout says, in the levels of the doctor. */
export const ofFinding = ({ level, text, fix }: Finding): Check =>
  level === 'refuse' ? fail(text, fix) : warn(text, fix);

/**
 * Runs reads so that one that fails is told once and stops nothing else. What a read was refused (rights, credentials) is an answer about the
 * identity; whatever else went wrong belongs to the thing that was read.
 */
export class Reads {
  /** Calls that were answered, as `service:Operation`. */
  readonly allowed = new Set<string>();
  /** What was refused, each once. */
  readonly refused = new Map<string, Check>();

  /**
   * @param uses the API operations that `read` needs: `ssm:SendCommand, GetCommandInvocation`; none when it may need none
   * @param into where a failure is told that is not one of rights
   * @param optional no rollout needs this right, only the doctor
   * @returns undefined when it failed, which is told already
   */
  async try<T>(uses: string, into: Check[], read: () => Promise<T>, optional = false): Promise<T | undefined> {
    try {
      const value = await read();
      const [service = '', operations = ''] = uses.split(':');
      for (const operation of operations.split(', ')) if (operation !== '') this.allowed.add(`${service}:${operation}`);
      return value;
    } catch (error) {
      const check = checkOf(error);
      if (isRefusal(error)) this.refused.set(check.text, { ...check, level: optional ? 'warn' : 'fail' });
      else into.push(check);
      return undefined;
    }
  }
}

function isRefusal(error: unknown): boolean {
  const cause = error instanceof DeployctlError ? error.cause : error;
  return cause instanceof PortError && (cause.kind === 'access-denied' || cause.kind === 'expired-credentials');
}

/** What failed outside is a check; anything else is a bug, and so is an interrupt no finding. */
function checkOf(error: unknown): Check {
  if (error instanceof PortError && error.kind !== 'aborted') {
    // No credentials at all: the same for every call, so told once.
    const same = error.serviceCode === 'CredentialsProviderError';
    return fail(same ? error.message.replace(`${error.operation}: `, '') : error.message, fixFor(error));
  }
  if (error instanceof UnsendableRequest) {
    return fail(
      `a command cannot be sent to the instances: ${error.message}`,
      'correct what is named, in deployctl.yml',
    );
  }
  if (error instanceof DeployctlError && !(error.cause instanceof PortError && error.cause.kind === 'aborted')) {
    return fail(error.message.replace(/\. Nothing was changed$/, ''), error.next[0] ?? 'deployctl status');
  }
  throw error;
}
