import { get } from 'node:http';
import type { HealthCheckSettings, HealthReader, Registration, TargetHealth } from '../services/elbv2/model.js';
import { forwardOf } from '../services/elbv2/actions.js';
import type { SandboxTime } from '../types.js';
import type { Follower } from './propagation.js';
import type { GroupView, ListenerView, TargetView } from './views.js';

/** Checks the targets of the groups that are in use, and knows their health. */
export interface HealthChecker extends HealthReader, Follower {
  isHealthy(registration: Registration): boolean;
  close(): void;
}

interface Checked {
  health: TargetHealth;
  /** Passes or failures in a row. */
  streak: number;
  streakOk: boolean;
  readonly stop: AbortController;
}

type Verdict = { readonly ok: true } | { readonly ok: false; readonly reason: string; readonly description: string };

/** Below this, a stall of a busy machine would look like a timeout of the target. */
const leastTimeoutMs = 1000;

const registering: TargetHealth = {
  state: 'initial',
  reason: 'Elb.RegistrationInProgress',
  description: 'Target registration is in progress',
};
const firstCheck: TargetHealth = {
  state: 'initial',
  reason: 'Elb.InitialHealthChecking',
  description: 'Initial health checks in progress',
};

/**
 * Health checks as an ALB does them: only for groups that a rule forwards to, weight 0 included; one pass makes a new
 * target healthy; the thresholds rule all later changes. Source: ALB guide, health checks for target groups.
 * @param onHealth told when a target has become healthy or unhealthy
 */
export function createHealthChecker(
  time: SandboxTime,
  onHealth: (registration: Registration, state: TargetHealth['state']) => void,
): HealthChecker {
  const groups = new Map<string, GroupView>();
  const listeners = new Map<string, ReadonlySet<string>>();
  const checks = new Map<string, Checked>();

  const inUse = (arn: string): boolean => [...listeners.values()].some((arns) => arns.has(arn));

  const sync = (): void => {
    const wanted = new Map<string, { group: GroupView; target: TargetView }>();
    for (const group of groups.values()) {
      if (!inUse(group.arn)) {
        continue;
      }
      for (const target of group.targets) {
        if (!target.registration.draining && target.running) {
          wanted.set(keyOf(target.registration), { group, target });
        }
      }
    }
    for (const [key, checked] of checks) {
      if (!wanted.has(key)) {
        checked.stop.abort(new Error('no longer checked'));
        checks.delete(key);
      }
    }
    for (const [key, { group, target }] of wanted) {
      if (!checks.has(key)) {
        const checked: Checked = { health: firstCheck, streak: 0, streakOk: true, stop: new AbortController() };
        checks.set(key, checked);
        void watch(group.arn, target, checked);
      }
    }
  };

  const watch = async (groupArn: string, target: TargetView, checked: Checked): Promise<void> => {
    const { signal } = checked.stop;
    while (!signal.aborted) {
      const settings = groups.get(groupArn)?.healthCheck;
      if (settings === undefined) {
        return;
      }
      const start = performance.now();
      const verdict = await check(
        target,
        settings,
        Math.max(time.real(settings.timeoutSeconds * 1000), leastTimeoutMs),
      );
      if (signal.aborted) {
        return;
      }
      const before = checked.health.state;
      count(checked, verdict, settings);
      if (checked.health.state !== before) onHealth(target.registration, checked.health.state);
      const rest = Math.max(0, time.real(settings.intervalSeconds * 1000) - (performance.now() - start));
      await pause(rest, signal);
    }
  };

  return {
    setListener(view: ListenerView) {
      const arns = view.rules.flatMap((rule) => forwardOf(rule.actions)?.groups.map((group) => group.arn) ?? []);
      listeners.set(view.arn, new Set(arns));
      sync();
    },
    setGroup(view) {
      groups.set(view.arn, view);
      sync();
    },
    removeGroup(arn) {
      groups.delete(arn);
      sync();
    },
    healthOf(groupArn, registration) {
      return inUse(groupArn) ? (checks.get(keyOf(registration))?.health ?? registering) : undefined;
    },
    isHealthy: (registration) => checks.get(keyOf(registration))?.health.state === 'healthy',
    close() {
      for (const checked of checks.values()) {
        checked.stop.abort(new Error('the load balancer is closing'));
      }
      checks.clear();
    },
  };
}

function keyOf(registration: Registration): string {
  return `${registration.id}#${registration.epoch}`;
}

function count(checked: Checked, verdict: Verdict, settings: HealthCheckSettings): void {
  checked.streak = verdict.ok === checked.streakOk ? checked.streak + 1 : 1;
  checked.streakOk = verdict.ok;
  const { state } = checked.health;
  if (verdict.ok) {
    if (state === 'initial' || (state === 'unhealthy' && checked.streak >= settings.healthyThreshold)) {
      checked.health = { state: 'healthy' };
    }
  } else if (state === 'unhealthy' || checked.streak >= settings.unhealthyThreshold) {
    checked.health = { state: 'unhealthy', reason: verdict.reason, description: verdict.description };
  }
}

/** One check: a GET without keep-alive whose Host is the target's own address. */
function check(target: TargetView, settings: HealthCheckSettings, timeoutMs: number): Promise<Verdict> {
  return new Promise((resolve) => {
    const port = settings.port === 'traffic-port' ? target.registration.port : Number(settings.port);
    const request = get({
      host: target.address,
      port,
      path: settings.path,
      agent: false,
      headers: {
        host: `${target.address}:${port}`,
        'user-agent': 'ELB-HealthChecker/2.0',
        connection: 'close',
      },
    });
    const timer = setTimeout(() => {
      finish({ ok: false, reason: 'Target.Timeout', description: 'Request timed out' });
    }, timeoutMs);
    const finish = (verdict: Verdict): void => {
      clearTimeout(timer);
      request.destroy();
      resolve(verdict);
    };
    request.on('response', (response) => {
      const code = response.statusCode ?? 0;
      response.resume();
      finish(
        matches(settings.matcher, code)
          ? { ok: true }
          : {
              ok: false,
              reason: 'Target.ResponseCodeMismatch',
              description: `Health checks failed with these codes: [${code}]`,
            },
      );
    });
    request.on('error', () => {
      finish({ ok: false, reason: 'Target.FailedHealthChecks', description: 'Health checks failed' });
    });
  });
}

/** `200`, `200,202`, `200-299`, or a mix. */
function matches(matcher: string, code: number): boolean {
  return matcher.split(',').some((part) => {
    const [low = '', high = low] = part.split('-');
    return code >= Number(low) && code <= Number(high);
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
