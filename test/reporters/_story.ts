import type { DeployctlEvent, EventBody, InstanceLine, Place, RolloutSummary, View } from '../../src/domain/event.js';
import type { HostFailure } from '../../src/domain/observation.js';

/** 2026-11-24 19:53:12 UTC */
export const START = Date.UTC(2026, 10, 24, 19, 53, 12);
export const ZONE = 'UTC';

export const summary: RolloutSummary = {
  rollout: 'ro-20261124-195312-4f2a',
  kind: 'rollout',
  app: 'shop',
  environment: 'production',
  strategy: 'rolling',
  from: 'r-1',
  to: 'r-2',
  by: 'anna@laptop',
  services: [
    { service: 'backend', from: '1.0.0', to: '1.1.0' },
    { service: 'frontend', from: '1.0.0', to: '1.1.0' },
  ],
  estimate: 250_000,
};

export const failure: HostFailure = {
  phase: 'start',
  service: 'backend',
  release: 'r-2',
  code: 'unhealthy',
  message: 'the health path did not pass 3 times in a row within 60 s',
  lastProbe: 'GET http://127.0.0.1:8081/health answered 503',
  exitCode: 137,
  oomKilled: true,
  logTail:
    'listening on 8080\n\u001b[31mERROR\u001b[0m cannot reach the database\n::error::pwned\n  ::add-mask::x\n##[error]old style\n',
  at: START + 60_000,
};

export const at = (seconds: number, body: EventBody): DeployctlEvent => ({ at: START + seconds * 1000, ...body });

export function line(n: number, place: Place, more: Partial<InstanceLine> = {}): InstanceLine {
  return {
    instance: `i-0abc00000000000${n}`,
    name: `shop-${n}`,
    zone: n % 2 === 1 ? 'eu-west-1a' : 'eu-west-1b',
    service: 'backend',
    color: 'blue',
    place,
    ...more,
  };
}

export function view(more: Partial<View> = {}): View {
  return {
    rollout: summary.rollout,
    kind: 'rollout',
    app: 'shop',
    environment: 'production',
    strategy: 'rolling',
    aim: 'new',
    phase: 'replacing',
    startedAt: START,
    estimate: 250_000,
    services: [
      { service: 'backend', from: '1.0.0', to: '1.1.0', live: 'blue', weights: { blue: 100 } },
      { service: 'frontend', from: '1.0.0', to: '1.1.0', live: 'blue', weights: { blue: 90, green: 10 } },
    ],
    instances: [
      line(1, 'serving'),
      line(2, 'draining', {
        waitsFor: 'the load balancer to finish open requests in shop-backend-blue',
        until: START + 106_000,
      }),
      line(3, 'old'),
      line(4, 'bad', { waitsFor: 'its kept old container' }),
    ],
    waits: [{ what: 'traffic to settle', service: 'frontend', until: START + 125_000 }],
    reason: 'one instance at a time, 3 targets stay healthy',
    ...more,
  };
}

export const ended = (more: Partial<Extract<EventBody, { type: 'rollout.ended' }>> = {}): EventBody => ({
  type: 'rollout.ended',
  summary,
  outcome: 'rolled-back',
  reason: 'backend did not become healthy on shop-2',
  took: 192_000,
  serving: 'backend 1.0.0, frontend 1.0.0',
  failure,
  next: ['deployctl history --env production', 'deployctl logs backend --env production'],
  ...more,
});

/** A rollout that goes wrong and undoes itself. */
export const story: readonly DeployctlEvent[] = [
  at(0, { type: 'rollout.started', summary, resumed: false }),
  at(1, { type: 'phase.changed', phase: 'pulling', reason: 'the old version serves meanwhile' }),
  at(2, {
    type: 'action.sent',
    action: { is: 'pull', instance: 'i-0abc000000000001' },
    text: 'pull backend 1.1.0 on shop-1',
  }),
  at(9, {
    type: 'host.done',
    instance: 'i-0abc000000000001',
    name: 'shop-1',
    text: 'pulled backend 1.1.0',
    took: 6400,
  }),
  at(10, { type: 'phase.changed', phase: 'replacing', reason: 'one instance at a time' }),
  at(11, {
    type: 'instance.moved',
    before: 'old',
    line: line(1, 'draining', { waitsFor: 'open requests', until: START + 71_000 }),
  }),
  at(12, { type: 'view', view: view() }),
  at(41, { type: 'instance.moved', before: 'draining', line: line(1, 'swapping') }),
  at(60, { type: 'host.failed', instance: 'i-0abc000000000001', name: 'shop-1', failure }),
  at(61, { type: 'rollback.started', reason: 'backend did not become healthy on shop-1', failure }),
  at(62, { type: 'view', view: view({ aim: 'old', phase: 'restoring' }) }),
  at(80, { type: 'instance.moved', before: 'bad', line: line(1, 'serving') }),
  at(192, ended()),
];
