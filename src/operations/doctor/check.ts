import type { AwsOperation } from '../../domain/aws-calls.js';
import { DeployctlError, fixFor, iamAction, isLacking, isOfIdentity, PortError } from '../../domain/errors.js';
import { UnsendableRequest } from '../../engine/host-port.js';
import type { Finding } from '../preflight.js';

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
 * Runs reads so that one that fails is told once and stops nothing else. A call that failed is an answer about that call, and what needs it is not
 * read again; whatever else went wrong belongs to the thing that was read.
 */
export class Reads {
  /** Calls that were answered. */
  readonly answered = new Set<AwsOperation>();
  /** Calls that failed, by the operation. */
  readonly failed = new Map<string, PortError>();

  /**
   * @param uses the calls that `read` needs
   * @param into where a failure is told that is not one of a call
   * @returns undefined when it failed, which is told already
   */
  async try<T>(uses: readonly AwsOperation[], into: Check[], read: () => Promise<T>): Promise<T | undefined> {
    const lacking = this.#lacking(uses);
    if (lacking !== undefined) {
      skipOnce(into, lacking);
      return undefined;
    }
    try {
      const value = await read();
      for (const operation of uses) this.answered.add(operation);
      return value;
    } catch (error) {
      const failure = callIn(error);
      if (failure === undefined) into.push(checkOf(error));
      else this.fail(failure, into);
      return undefined;
    }
  }

  fail(failure: PortError, into: Check[]): void {
    const before = this.#ofIdentity();
    if (before === undefined || !isOfIdentity(failure)) this.failed.set(failure.operation, failure);
    skipOnce(into, before ?? failure);
  }

  #lacking(uses: readonly AwsOperation[]): PortError | undefined {
    return this.#ofIdentity() ?? uses.flatMap((operation) => this.failed.get(operation) ?? [])[0];
  }

  /** Without valid credentials every call fails in the same way. */
  #ofIdentity(): PortError | undefined {
    return [...this.failed.values()].find(isOfIdentity);
  }
}

function skipOnce(into: Check[], failure: PortError): void {
  const why = isOfIdentity(failure) ? 'there are no valid credentials' : `${iamAction(failure.operation)} failed`;
  const check = skip(`not read: ${why} (see credentials and rights)`);
  if (!into.some(({ text }) => text === check.text)) into.push(check);
}

/** The call that failed, unless the service has answered it with a no to the question itself. */
export function callIn(error: unknown): PortError | undefined {
  const cause = error instanceof DeployctlError ? error.cause : error;
  return cause instanceof PortError && (isLacking(cause) || isOfIdentity(cause)) ? cause : undefined;
}

/** A call that failed, as a check of its own. */
export function failedCall(failure: PortError, level: 'fail' | 'warn'): Check {
  // No credentials at all: the same for every call.
  const same = failure.serviceCode === 'CredentialsProviderError' && failure.kind === 'access-denied';
  const text = same ? failure.message.replace(`${failure.operation}: `, '') : failure.message;
  return level === 'fail' ? fail(text, fixFor(failure)) : warn(text, fixFor(failure));
}

/** What failed outside is a check; anything else is a bug, and so is an interrupt no finding. */
function checkOf(error: unknown): Check {
  if (error instanceof PortError && error.kind !== 'aborted') return fail(error.message, fixFor(error));
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
