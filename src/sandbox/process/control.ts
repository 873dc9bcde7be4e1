import { request } from 'undici';
import type { FaultSpec } from '../types.js';
import { SandboxError } from './errors.js';
import type { RunningState } from './state-file.js';

const TIMEOUT_MS = 30_000;

/** Where the control API of a sandbox is, and what opens it. */
export type ControlAt = Pick<RunningState, 'endpoint' | 'access'>;

/** Calls the control API of a running sandbox. @throws SandboxError with its words when it refuses or doesn't answer */
async function call(
  { endpoint, access }: ControlAt,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<unknown> {
  let status: number;
  let text: string;
  try {
    const answer = await request(`${endpoint}/_sandbox/${path}`, {
      method,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      headers: {
        authorization: `Bearer ${access.control}`,
        ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    status = answer.statusCode;
    text = await answer.body.text();
  } catch (error) {
    throw new SandboxError(`the sandbox at ${endpoint} does not answer ${method} ${path}: ${String(error)}`, 70);
  }
  const answer: unknown = text === '' ? undefined : JSON.parse(text);
  if (status >= 400) {
    throw new SandboxError(
      `the sandbox refused ${method} ${path} (${status}): ${words(answer) ?? text}`,
      status < 500 ? 12 : 70,
    );
  }
  return answer;
}

/** The sandbox's description of itself: `{endpoint, region, runtime, loadBalancer, targetGroups, instances, …}`. */
export async function getStatus(at: ControlAt): Promise<Record<string, unknown>> {
  const status = await call(at, 'GET', 'status');
  return typeof status === 'object' && status !== null ? { ...status } : {};
}

export async function addFault(at: ControlAt, fault: FaultSpec): Promise<void> {
  await call(at, 'POST', 'fault', fault);
}

export async function clearFaults(at: ControlAt): Promise<void> {
  await call(at, 'DELETE', 'fault');
}

/** The faults in force. */
export async function listFaults(at: ControlAt): Promise<readonly unknown[]> {
  const { faults } = await getStatus(at);
  return Array.isArray(faults) ? (faults as readonly unknown[]) : [];
}

/** Builds a folder's Dockerfile as `reference` (repository:tag) in the sandbox's registry. @returns the digest */
export async function buildImage(
  at: ControlAt,
  build: { readonly context: string; readonly reference: string; readonly args: Readonly<Record<string, string>> },
): Promise<string> {
  const answer = await call(at, 'POST', 'build', build);
  const digest = typeof answer === 'object' && answer !== null && 'digest' in answer ? answer.digest : undefined;
  if (typeof digest !== 'string') {
    throw new SandboxError(
      `the sandbox built ${build.reference} without giving a digest: ${JSON.stringify(answer)}`,
      70,
    );
  }
  return digest;
}

export async function askToShutDown(at: ControlAt): Promise<void> {
  await call(at, 'POST', 'shutdown');
}

/** The human part of an error answer: `{message}`, `{error}` or `{error: {message}}`. */
function words(answer: unknown): string | undefined {
  if (typeof answer === 'string') {
    return answer;
  }
  if (typeof answer !== 'object' || answer === null) {
    return undefined;
  }
  if ('message' in answer && typeof answer.message === 'string') {
    return answer.message;
  }
  return 'error' in answer ? words(answer.error) : undefined;
}
