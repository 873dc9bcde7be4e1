import { DeployctlError, EXIT } from '../domain/errors.js';
import type { ExitCode } from '../domain/errors.js';
import type { Ms } from '../domain/ids.js';
import type { GateSettings } from '../domain/settings.js';
import { judgeGates } from '../strategies/gates.js';
import type { OperationResult } from './drive.js';
import { rollback } from './rollback.js';
import type { Toolbox } from './toolbox.js';
import { beforeChange, resolveTopology } from './topology.js';
import type { Topology } from './topology.js';

export interface ValidateRequest {
  /** Length of the validation; absent: `validation.duration`. */
  readonly for?: Ms;
  /** Length of the monitoring that follows; absent: `validation.monitor`. */
  readonly monitor?: Ms;
  readonly autoRollback: boolean;
}

export interface ValidateResult {
  readonly schemaVersion: 1;
  readonly ok: boolean;
  readonly outcome: 'passed' | 'failed' | 'rolled-back' | 'rollback-failed';
  readonly exitCode: ExitCode;
  readonly app: string;
  readonly environment: string;
  readonly phases: readonly {
    readonly phase: 'validation' | 'monitoring';
    readonly passed: boolean;
    readonly why: string;
    readonly seconds: number;
  }[];
  /** What the rollback that followed has answered. */
  readonly rollback?: OperationResult;
  readonly next: readonly string[];
}

type Phase = ValidateResult['phases'][number];

/** Time between two lines that say how it stands. */
const TELL_EVERY: Ms = 30_000;

/**
 * Watches what serves now through the probes of `validation` (those of `gates` where it has none) and the health of its targets, changing nothing: a
 * validation, then a longer monitoring. A failure ends it, and goes back where that was asked for.
 * @throws DeployctlError `validate.nothing` (exit 64), `validate.running` (exit 12)
 */
export async function validate(box: Toolbox, request: ValidateRequest): Promise<ValidateResult> {
  const { settings } = box;
  const { environment } = settings;
  const probes = settings.validation.probes.length > 0 ? settings.validation.probes : settings.gates.probes;
  if (probes.length === 0) {
    throw new DeployctlError({
      code: 'validate.nothing',
      message: `environment ${environment} has no probes to validate with, neither in validation nor in gates`,
      exitCode: EXIT.usage,
      next: [`add environments.${environment}.validation.probes: [{ name: home, url: https://… }] to deployctl.yml`],
    });
  }
  const unfinished = await beforeChange(() => box.state.unfinishedRollout(box.signal));
  if (unfinished !== undefined) {
    throw new DeployctlError({
      code: 'validate.running',
      message: `${unfinished.id} of ${environment} has not ended: it judges its release itself, with its gates`,
      exitCode: EXIT.refused,
      next: [`deployctl status --env ${environment} --watch   # and then validate`],
    });
  }
  const topology = await resolveTopology(box);
  const gates: GateSettings = { probes, commands: [], inconclusive: settings.gates.inconclusive };
  const phases: Phase[] = [];
  const lengths = [
    ['validation', request.for ?? settings.validation.duration],
    ['monitoring', request.monitor ?? settings.validation.monitor],
  ] as const;
  for (const [phase, length] of lengths) {
    if (length === 0) continue;
    const ended = await watch(box, topology, gates, phase, length);
    phases.push(ended);
    if (!ended.passed) return failed(box, request, phases, ended);
  }
  return { ...base(box, phases), ok: true, outcome: 'passed', exitCode: EXIT.done, next: [] };
}

async function watch(
  box: Toolbox,
  topology: Topology,
  gates: GateSettings,
  phase: Phase['phase'],
  length: Ms,
): Promise<Phase> {
  const { clock, signal } = box;
  const port = box.gates(gates);
  const began = clock.monotonic();
  let told = began;
  box.emit({
    type: 'note',
    level: 'info',
    text: `${phase} for ${String(Math.round(length / 1000))} s, nothing is changed`,
  });
  try {
    for (;;) {
      const { probes } = port.watch(phase);
      const now = clock.monotonic();
      const over = now - began >= length;
      const verdict = judgeGates(gates, probes, [], over);
      const seconds = Math.round((now - began) / 1000);
      if (verdict.is === 'fail') return { phase, passed: false, why: verdict.why, seconds };
      if (over) {
        const ill = await unhealthy(box, topology);
        return { phase, passed: ill === undefined, why: ill ?? verdict.why, seconds };
      }
      if (now - told >= TELL_EVERY) {
        told = now;
        box.emit({ type: 'note', level: 'info', text: `${phase}: ${verdict.why}` });
      }
      await clock.sleep(Math.min(box.settings.timing.poll, began + length - now), signal);
    }
  } finally {
    await port.close();
  }
}

/** A target that gets traffic and that the load balancer calls unhealthy. */
async function unhealthy(box: Toolbox, topology: Topology): Promise<string | undefined> {
  const groups = topology.groups.map(({ arn }) => arn);
  const routes = await beforeChange(() =>
    box.traffic.routes([...new Set(topology.services.flatMap((service) => service.routes))], groups, box.signal),
  );
  for (const service of topology.services) {
    for (const { group, color } of Object.values(service.colors)) {
      const weighted = service.routes.some((arn) =>
        routes.get(arn)?.weights.some((entry) => entry.group === group && entry.weight > 0),
      );
      if (!weighted) continue;
      const targets = await beforeChange(() => box.traffic.targets(group, box.signal));
      const ill = [...targets].filter(([, { state }]) => state === 'unhealthy').map(([key]) => key);
      if (ill.length > 0)
        return `${service.settings.name} ${color}: the load balancer calls ${ill.join(', ')} unhealthy`;
    }
  }
  return undefined;
}

async function failed(
  box: Toolbox,
  request: ValidateRequest,
  phases: readonly Phase[],
  { phase, why }: Phase,
): Promise<ValidateResult> {
  const env = `--env ${box.settings.environment}`;
  if (!request.autoRollback) {
    const next = [`deployctl rollback ${env}`, `deployctl status ${env}`];
    return { ...base(box, phases), ok: false, outcome: 'failed', exitCode: EXIT.needsHuman, next };
  }
  box.emit({ type: 'note', level: 'warning', text: `the ${phase} failed, so the release is rolled back: ${why}` });
  const undone = await undoing(box);
  if (undone instanceof DeployctlError) {
    // After a rollback, say, there is nothing that could be undone by itself: what was found out stays the answer.
    box.emit({ type: 'note', level: 'warning', text: `it is not rolled back: ${undone.message}` });
    return { ...base(box, phases), ok: false, outcome: 'failed', exitCode: EXIT.needsHuman, next: undone.next };
  }
  return {
    ...base(box, phases),
    ok: false,
    outcome: undone.ok ? 'rolled-back' : 'rollback-failed',
    exitCode: undone.ok ? EXIT.rolledBack : EXIT.needsHuman,
    rollback: undone,
    next: undone.next,
  };
}

/** The rollback, or why it was refused. */
async function undoing(box: Toolbox): Promise<OperationResult | DeployctlError> {
  try {
    return await rollback(box, { force: false, confirm: () => Promise.resolve(true) });
  } catch (error) {
    if (error instanceof DeployctlError && error.code === 'rollback.refused') return error;
    throw error;
  }
}

function base(
  box: Toolbox,
  phases: readonly Phase[],
): Pick<ValidateResult, 'schemaVersion' | 'app' | 'environment' | 'phases'> {
  return { schemaVersion: 1, app: box.settings.app, environment: box.settings.environment, phases };
}
