import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createAws } from '../../src/aws/index.js';
import type { Aws } from '../../src/aws/index.js';
import { systemClock, systemRandom } from '../../src/engine/clock.js';
import { createAccess } from '../../src/sandbox/access.js';
import { createFaults } from '../../src/sandbox/faults.js';
import { createFleet } from '../../src/sandbox/fleet.js';
import { startWire } from '../../src/sandbox/server.js';
import { createSsm } from '../../src/sandbox/services/ssm/index.js';
import { createTime } from '../../src/sandbox/time.js';
import type { Hosts } from '../../src/sandbox/types.js';
import { AwsError } from '../../src/sandbox/types.js';
import { createCallLog } from '../../src/sandbox/wire/call-log.js';
import { createState } from '../../src/state/index.js';
import type { AcquireOptions, State } from '../../src/state/index.js';
import { outcome, record, release, spec } from './world.js';

/*
 * The same state over the SDK, HTTP and the sandbox's Parameter Store: what the in-memory store promises, the wire has to keep.
 */

const nothing = (): Promise<never> => Promise.reject(new AwsError('InternalFailure', 'not part of this test'));
const hosts: Hosts = {
  exec: nothing,
  containers: () => Promise.resolve([]),
  serving: () => undefined,
  addInstance: () => Promise.resolve(),
  removeInstance: () => Promise.resolve(),
  reboot: () => Promise.resolve(),
  build: nothing,
  close: () => Promise.resolve(),
};

let aws: Aws;
let state: State;
let close: () => Promise<void>;

beforeAll(async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'deployctl-state-'));
  const faults = createFaults();
  const region = 'eu-west-1';
  const ssm = createSsm({
    time: createTime(50),
    fleet: createFleet(),
    hosts,
    faults,
    stateDir,
    region,
    accountId: '123456789012',
  });
  const access = createAccess();
  const wire = await startWire({
    access,
    region,
    services: { ssm, ec2: nothing, elbv2: nothing, sts: nothing },
    faults,
    calls: createCallLog(),
    control: nothing,
  });
  vi.stubEnv('AWS_ENDPOINT_URL', wire.endpoint);
  vi.stubEnv('AWS_ACCESS_KEY_ID', access.client.id);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', access.client.secret);
  aws = createAws({ region, clock: systemClock });
  state = createState({
    parameters: aws.parameters,
    clock: systemClock,
    random: systemRandom,
    app: 'shop',
    environment: 'production',
  });
  close = async () => {
    aws.close();
    await wire.close();
    ssm.close();
    await rm(stateDir, { recursive: true, force: true });
    vi.unstubAllEnvs();
  };
});

afterAll(() => close());

const take = (name: string): AcquireOptions => ({
  actor: { name, host: 'here', bootId: 'b', pid: 1, processStart: '1' },
  command: 'rollout',
  ttl: 3000,
  heartbeat: 500,
  isAlive: () => undefined,
});

it('of two that start at once one gets the lease, and takes a rollout from start to end', async () => {
  const results = await Promise.allSettled([state.acquireLease(take('anna')), state.acquireLease(take('bob'))]);
  const lease = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))[0];
  const refused = results.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  expect(refused).toMatchObject([{ code: 'lease.held', exitCode: 13 }]);
  if (lease === undefined) throw new Error('nobody got the lease');

  const beat = new Promise((resolve) => lease.onHeartbeat(resolve));
  let text = '';
  for (let at = 1; text.length < 8000; at += 1) text += Math.imul(at, 0x9e3779b1).toString(36);
  const one = release('r-2', {
    services: { backend: { release: 'r-2', spec: spec({ env: { BIG: text, TRICKY: '{{ssm:x}} {{{{ ü' } }) } },
  });
  const { generation } = lease;
  await state.putRelease(one);
  expect(await state.getRelease('r-2')).toEqual(one);
  await state.writeRecord(record({ generation, phase: 'pulling {{x}}' }), lease);
  await state.writeRecord(record({ generation }), lease);
  expect(await state.unfinishedRollout()).toEqual(record({ generation }));
  await state.requestSteer(record().id, { is: 'abort', by: 'bob' });
  expect(await state.listSteers(record().id)).toMatchObject([{ is: 'abort', by: 'bob' }]);
  await state.writeOutcome(outcome(generation), lease);
  await state.writeOutcome(outcome(generation), lease);
  expect(await state.listOutcomes()).toEqual([outcome(generation)]);
  expect(await beat).toMatchObject({ is: 'acknowledged' });
  await lease.release();
  expect(await state.readLease({ isAlive: () => undefined })).toEqual({ is: 'free', generation });
});

it('a lease whose parameter was deleted is lost', async () => {
  const lease = await state.acquireLease(take('anna'));
  const lost = new Promise((resolve) => {
    lease.lost.addEventListener('abort', resolve);
  });
  await aws.parameters.remove([`/deployctl/shop/production/lease/${lease.generation}`]);
  await lost;
  expect(lease.lost.reason).toMatchObject({ code: 'lease.lost', exitCode: 13 });
  await lease.release();
});
