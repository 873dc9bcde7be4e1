import type { FaultSpec } from '../types.js';
import { SandboxError } from './errors.js';

/** Kinds of faults, as `sandbox fault KIND` takes them. */
export const FAULT_KINDS = [
  'api-error',
  'api-drop',
  'api-hang',
  'api-html',
  'ssm-duplicate',
  'ssm-late',
  'ssm-lost',
  'agent-offline',
  'agent-online',
  'agent-absent',
  'instance-terminate',
  'instance-stop',
  'instance-start',
  'instance-reboot',
  'lag',
  'registry-down',
  'registry-slow',
  'registry-denied',
  'image-gone',
  'port-taken',
  'oom-kill',
  'docker-kill',
  'docker-restart',
  'disk-full',
  'network-cut',
] as const satisfies readonly FaultSpec['kind'][];

/** A call that hangs for a day hangs for as long as anybody waits. */
const untilGivenUp = 86_400_000;

export interface FaultFlags {
  readonly instance?: string | undefined;
  readonly operation?: string | undefined;
  readonly code?: string | undefined;
  readonly status?: number | undefined;
  readonly when?: string | undefined;
  readonly ms?: number | undefined;
  readonly times?: number | undefined;
  readonly port?: number | undefined;
  readonly image?: string | undefined;
  readonly container?: string | undefined;
}

/** Makes a fault of the flags of a command line. @throws SandboxError (64) naming the flag that a kind needs */
export function faultFromFlags(kind: string, flags: FaultFlags): FaultSpec {
  const need = <T>(value: T | undefined, flag: string): T => {
    if (value === undefined) {
      throw new SandboxError(`fault ${kind} needs ${flag}`, 64);
    }
    return value;
  };
  const times = flags.times === undefined ? {} : { times: flags.times };
  const instance = flags.instance === undefined ? {} : { instance: flags.instance };
  const operation = flags.operation ?? '*';
  const when = flags.when === 'after' ? 'after' : 'before';
  switch (kind) {
    case 'api-error':
      return {
        kind,
        operation,
        when,
        code: flags.code ?? 'ThrottlingException',
        status: flags.status ?? 400,
        ...times,
      };
    case 'api-drop':
      return { kind, operation, when, ...times };
    case 'api-hang':
      return { kind, operation, when, ms: flags.ms ?? untilGivenUp, ...times };
    case 'api-html':
      return { kind, operation, when, status: flags.status ?? 200, ...times };
    case 'ssm-duplicate':
    case 'ssm-late':
      return {
        kind,
        ms: need(flags.ms, '--ms (when the command runs, in milliseconds from now)'),
        ...instance,
        ...times,
      };
    case 'ssm-lost':
      return { kind, ...instance, ...times };
    case 'agent-offline':
    case 'agent-online':
    case 'agent-absent':
    case 'instance-terminate':
    case 'instance-stop':
    case 'instance-start':
    case 'instance-reboot':
    case 'docker-kill':
    case 'docker-restart':
    case 'disk-full':
    case 'network-cut':
      return { kind, instance: need(flags.instance, '--instance (an id like i-0123456789abcdef0)') };
    case 'lag':
      return { kind, ms: need(flags.ms, '--ms (the propagation lag in AWS milliseconds)') };
    case 'registry-down':
    case 'registry-denied':
      return { kind };
    case 'registry-slow':
      return { kind, ms: need(flags.ms, '--ms (how late each answer is, in milliseconds)') };
    case 'image-gone':
      return { kind, image: need(flags.image, '--image (like shop/backend:1.0.0)'), ...instance };
    case 'port-taken':
      return {
        kind,
        instance: need(flags.instance, '--instance (an id like i-0123456789abcdef0)'),
        port: need(flags.port, '--port (a host port like 8082)'),
      };
    case 'oom-kill':
      return {
        kind,
        instance: need(flags.instance, '--instance (an id like i-0123456789abcdef0)'),
        container: need(flags.container, '--container (its name or id)'),
      };
    default:
      throw new SandboxError(`no fault is called ${kind}; there are ${FAULT_KINDS.join(', ')}`, 64);
  }
}
