import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createAws } from '../../src/aws/index.js';
import type { Aws } from '../../src/aws/index.js';
import { isArn } from '../../src/domain/ids.js';
import type { InstanceId, RouteArn, TargetGroupArn } from '../../src/domain/ids.js';
import type { CommandState } from '../../src/engine/ports.js';
import { createAccess } from '../../src/sandbox/access.js';
import { createSsm } from '../../src/sandbox/services/ssm/index.js';
import { startSandbox } from '../../src/sandbox/start.js';
import type { Sandbox } from '../../src/sandbox/start.js';
import type { Hosts } from '../../src/sandbox/types.js';
import { quickClock } from './wire.js';

/** Hosts without anything on them: a command prints its script and ends with 7 if that says so. */
const hosts: Hosts = {
  exec: (_id, script) => {
    const exitCode = script.includes('exit 7') ? 7 : 0;
    return Promise.resolve({ exitCode, signal: null, stdout: script, stderr: '', timedOut: false, cancelled: false });
  },
  containers: () => Promise.resolve([]),
  serving: () => undefined,
  addInstance: () => Promise.resolve(),
  removeInstance: () => Promise.resolve(),
  reboot: () => Promise.resolve(),
  build: () => Promise.reject(new Error('nothing is built here')),
  close: () => Promise.resolve(),
};

let sandbox: Sandbox;
let aws: Aws;
let stateDir: string;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'deployctl-aws-'));
  const region = 'eu-central-1';
  const access = createAccess();
  sandbox = await startSandbox(
    { stateDir, instances: 5, timeScale: 20, runtime: 'process', region, accountId: '123456789012' },
    { access, createHosts: () => hosts, createSsm },
  );
  vi.stubEnv('AWS_ENDPOINT_URL', sandbox.endpoint);
  vi.stubEnv('AWS_ACCESS_KEY_ID', access.client.id);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', access.client.secret);
  aws = createAws({ region, clock: quickClock() });
}, 30_000);

afterAll(async () => {
  aws.close();
  await sandbox.close();
  await rm(stateDir, { recursive: true, force: true });
  vi.unstubAllEnvs();
});

const fleet = async (): Promise<readonly InstanceId[]> =>
  (await aws.fleet.instances({ is: 'tags', tags: { App: 'shop' } }, { is: 'ports' })).map(({ id }) => id);
const groupNamed = (name: string): Promise<TargetGroupArn> => aws.traffic.resolveGroup({ is: 'name', name });
const apiRule = (): Promise<RouteArn> =>
  aws.traffic.resolveRoute({ is: 'match', loadBalancer: 'shop', path: '/api/*' });

it('sees the fleet', async () => {
  const seen = await aws.fleet.instances({ is: 'tags', tags: { App: 'shop' } }, { is: 'ports' });
  expect(seen).toHaveLength(5);
  expect(seen.every(({ agent }) => agent === 'online')).toBe(true);
  expect(new Set(seen.map(({ zone }) => zone)).size).toBe(2);
});

describe('traffic', () => {
  it('finds routes and the groups that they use', async () => {
    const { listenerArn } = sandbox.status().loadBalancer;
    expect(await aws.traffic.resolveRoute({ is: 'match', loadBalancer: 'shop' })).toBe(listenerArn);
    const blue = await groupNamed('shop-backend-blue');
    const uses = await aws.traffic.routesUsing([blue]);
    expect(uses).toEqual([{ route: await apiRule(), name: expect.stringMatching(/\/api/) as string, groups: [blue] }]);
    const [facts] = await aws.traffic.groups([blue]);
    expect(facts).toMatchObject({ name: 'shop-backend-blue', deregistrationDelay: 60_000, healthInterval: 5_000 });
  });

  it('appends the idle group at 0, then shifts, on a rule and on a default action', async () => {
    const { listenerArn } = sandbox.status().loadBalancer;
    for (const [service, route] of [
      ['backend', await apiRule()],
      ['frontend', isArn(listenerArn) ? listenerArn : 'arn:none'],
    ] as const) {
      const blue = await groupNamed(`shop-${service}-blue`);
      const green = await groupNamed(`shop-${service}-green`);
      const managed = [blue, green];
      const view = (await aws.traffic.routes([route], managed)).get(route);
      const frame = view?.frame ?? '';
      let expected = view?.weights ?? [];
      for (const weights of [
        [100, 0],
        [90, 10],
        [0, 100],
      ] as const) {
        const set = managed.map((group, index) => ({ group, weight: weights[index] ?? 0 }));
        const after = await aws.traffic.setWeights({ route, managed, frame, expected, set });
        expect(after).toMatchObject({ weights: set, frame });
        expected = set;
      }
    }
  });

  it('registers and deregisters', async () => {
    const [instance = 'i-00000000'] = await fleet();
    const green = await groupNamed('shop-backend-green');
    expect(await aws.traffic.targets(green)).toEqual(new Map());
    await aws.traffic.register(green, [{ instance, port: 8082 }]);
    expect([...(await aws.traffic.targets(green)).keys()]).toEqual([`${instance}:8082`]);
    const held = await aws.traffic.groupsHolding([`${instance}:8082`]);
    expect(held).toEqual([{ group: green, name: 'shop-backend-green', target: `${instance}:8082` }]);
    await aws.traffic.deregister(green, [{ instance, port: 8082 }]);
    expect((await aws.traffic.targets(green)).get(`${instance}:8082`)?.state).toBe('draining');
  });
});

describe('commands', () => {
  const end = async (commands: readonly { id: string; instance: InstanceId }[]): Promise<readonly CommandState[]> =>
    vi.waitFor(
      async () => {
        const states = [...(await aws.runner.poll(commands)).values()];
        expect(states.every(({ is }) => is !== 'pending' && is !== 'running')).toBe(true);
        return states;
      },
      { timeout: 10_000, interval: 100 },
    );
  const send = async (instance: InstanceId, script: string): Promise<{ id: string; instance: InstanceId }> => ({
    id: await aws.runner.send({ instance, script, comment: 'deployctl test', timeout: 60_000 }),
    instance,
  });

  it('one gives its exit code and output', async () => {
    const [instance = 'i-00000000'] = await fleet();
    expect(await end([await send(instance, 'exit 7')])).toMatchObject([
      { is: 'finished', exitCode: 7, stdout: expect.stringContaining('exit 7') as string },
    ]);
  });

  it('many are followed by a listing', async () => {
    const commands = await Promise.all((await fleet()).map((instance) => send(instance, 'true')));
    expect(await end(commands)).toMatchObject(commands.map(() => ({ is: 'finished', exitCode: 0 })));
    const live = await aws.runner.live('deployctl', Date.now() - 60_000);
    expect(live).toEqual([]);
  });
});

it('parameters are created once, overwritten, listed, removed, and stay removed', async () => {
  const { parameters } = aws;
  await parameters.create('/deployctl/shop/production/lease/1', 'a');
  await expect(parameters.create('/deployctl/shop/production/lease/1', 'b')).rejects.toMatchObject({
    kind: 'already-exists',
  });
  await parameters.overwrite('/deployctl/shop/production/lease/1', 'c');
  expect(await parameters.get('/deployctl/shop/production/lease/1')).toBe('c');
  for (let n = 2; n <= 12; n += 1) {
    await parameters.create(`/deployctl/shop/production/lease/${n}`, String(n));
  }
  expect((await parameters.list('/deployctl/shop/production')).size).toBe(12);
  await parameters.remove(['/deployctl/shop/production/lease/1', '/deployctl/never']);
  expect(await parameters.get('/deployctl/shop/production/lease/1')).toBeUndefined();
  await expect(parameters.overwrite('/deployctl/shop/production/lease/1', 'd')).rejects.toMatchObject({
    kind: 'not-found',
  });
}, 15_000);
