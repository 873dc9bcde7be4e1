import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { SandboxInstance } from '../../../types.js';
import { AwsError } from '../../../types.js';
import type { SsmDeps } from '../deps.js';
import { integer, listOf, readInput, text } from '../input.js';
import type { Command, Invocation, Target } from './command.js';
import type { ShellScript } from './document.js';
import { readDocument } from './document.js';

const DEFAULT_TIMEOUT_SECONDS = 3600;
/** Reads right after SendCommand don't find it yet: "eventual consistency" (SSM API, GetCommandInvocation). */
const INVISIBLE_AWS_MS = 300;

const INSTANCE_ID = z
  .string()
  .regex(
    /^(i-(\w{8}|\w{17})|mi-\w{17})$/,
    'Member must satisfy regular expression pattern: (^i-(\\w{8}|\\w{17})$)|(^mi-\\w{17}$)',
  );

const SEND = z.object({
  InstanceIds: listOf(INSTANCE_ID, 0, 50).optional(),
  Targets: listOf(z.object({ Key: text(1, 163), Values: listOf(z.string(), 0, 50) }), 0, 5).optional(),
  DocumentName: text(1, 256),
  DocumentVersion: z.string().optional(),
  TimeoutSeconds: integer(30, 2_592_000).optional(),
  Comment: text(0, 100).optional(),
  Parameters: z.record(z.string(), z.array(z.string())).optional(),
  MaxConcurrency: z
    .string()
    .regex(/^([1-9][0-9]{0,6}|[1-9][0-9]?%|100%)$/, 'Member must be a count above 0 or a percentage up to 100%')
    .optional(),
  MaxErrors: z
    .string()
    .regex(/^(0|[1-9][0-9]{0,6}|[0-9]{1,2}%|100%)$/, 'Member must be a count or a percentage up to 100%')
    .optional(),
});

/** Validates a SendCommand and makes its record; nothing has been sent yet. */
export function acceptCommand(
  deps: SsmDeps,
  params: Record<string, unknown>,
): { readonly command: Command; readonly script: ShellScript } {
  const input = readInput(SEND, params);
  const documentVersion = input.DocumentVersion ?? '$DEFAULT';
  const parameters = input.Parameters ?? {};
  const script = readDocument(input.DocumentName, documentVersion, parameters);
  const targets: Target[] = (input.Targets ?? []).map(({ Key, Values }) => ({ key: Key, values: Values }));
  const instances = choose(deps, input.InstanceIds ?? [], targets);
  const id = randomUUID();
  const command: Command = {
    id,
    documentName: input.DocumentName,
    documentVersion,
    comment: input.Comment ?? '',
    parameters,
    instanceIds: input.InstanceIds ?? [],
    targets,
    maxConcurrency: input.MaxConcurrency ?? '50',
    maxErrors: input.MaxErrors ?? '0',
    timeoutSeconds: input.TimeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS,
    executionSeconds: script.executionSeconds,
    requestedAt: new Date(),
    visibleAt: performance.now() + deps.time.real(INVISIBLE_AWS_MS),
    invocations: instances.map((instance) => pending(id, instance)),
    cancelled: false,
  };
  return { command, script };
}

/**
 * Whether SSM knows the instance as a managed node: it has had an agent and still exists. Stopped ones are accepted by
 * SendCommand and then never reached (SSM API, InvalidInstanceId lists the valid states).
 */
export function isManaged(instance: SandboxInstance): boolean {
  return instance.agent !== 'absent' && instance.state !== 'terminated' && instance.state !== 'shutting-down';
}

function choose(deps: SsmDeps, ids: readonly string[], targets: readonly Target[]): SandboxInstance[] {
  if (ids.length === 0 && targets.length === 0) {
    throw new AwsError('ValidationException', 'Either InstanceIds or Targets must be specified.');
  }
  if (ids.length > 0 && targets.length > 0) {
    throw new AwsError('ValidationException', 'InstanceIds and Targets cannot be specified together.');
  }
  if (ids.length > 0) {
    return byIds(deps, ids);
  }
  // Entries narrow each other down; the values of one entry widen it.
  return (
    targets.reduce<SandboxInstance[] | undefined>((chosen, target) => {
      const matching = byTarget(deps, target);
      return chosen === undefined ? matching : chosen.filter((instance) => matching.includes(instance));
    }, undefined) ?? []
  );
}

function byTarget(deps: SsmDeps, { key, values }: Target): SandboxInstance[] {
  if (key === 'InstanceIds') {
    return byIds(deps, values);
  }
  const managed = deps.fleet.list().filter((instance) => isManaged(instance) && instance.state === 'running');
  if (key === 'tag-key') {
    return managed.filter((instance) => values.some((name) => Object.hasOwn(instance.tags, name)));
  }
  if (key.startsWith('tag:')) {
    const name = key.slice('tag:'.length);
    return managed.filter(
      (instance) => Object.hasOwn(instance.tags, name) && values.includes(instance.tags[name] ?? ''),
    );
  }
  throw new AwsError('InvalidParameters', `target key ${key} is not known here; use tag:NAME, tag-key or InstanceIds`);
}

function byIds(deps: SsmDeps, ids: readonly string[]): SandboxInstance[] {
  if (new Set(ids).size !== ids.length) {
    throw new AwsError('DuplicateInstanceId', 'You cannot specify an instance ID in more than one association.');
  }
  const found = ids.map((id) => deps.fleet.get(id));
  const bad = ids.filter((_, index) => {
    const instance = found[index];
    return instance === undefined || !isManaged(instance);
  });
  if (bad.length > 0) {
    const message = `Instances [[${bad.join(', ')}]] not in a valid state for account ${deps.accountId}`;
    throw new AwsError('InvalidInstanceId', message);
  }
  return found.filter((instance) => instance !== undefined);
}

function pending(commandId: string, instance: SandboxInstance): Invocation {
  return {
    commandId,
    instanceId: instance.id,
    instanceName: instance.tags['Name'] ?? '',
    status: 'Pending',
    details: 'Pending',
    responseCode: -1,
    stdout: '',
    stderr: '',
    cancel: new AbortController(),
  };
}
