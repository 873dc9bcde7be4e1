import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  DescribeRulesCommand,
  ElasticLoadBalancingV2Client,
  ModifyRuleCommand,
  ModifyTargetGroupAttributesCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { request } from 'undici';
import { vi } from 'vitest';
import { createAws, localRates } from '../../src/aws/index.js';
import { createHostPort } from '../../src/compose/host-port.js';
import type { Digest, TargetGroupArn } from '../../src/domain/ids.js';
import { isArn, isDigest, isInstanceId } from '../../src/domain/ids.js';
import { systemClock } from '../../src/engine/clock.js';
import { createAccess } from '../../src/sandbox/access.js';
import type { FaultSpec } from '../../src/sandbox/types.js';
import { createProcessHosts } from '../../src/sandbox/hosts/index.js';
import { createSsm } from '../../src/sandbox/services/ssm/index.js';
import { startSandbox } from '../../src/sandbox/start.js';
import type { Image, World } from './world.js';

const region = 'eu-west-1';
const shop = fileURLToPath(new URL('../../examples/shop/', import.meta.url));
const scale = 50;
/** Only ends a test that fails. */
const longest = 30_000;

const behaviours: Readonly<Record<Image, string>> = { old: 'good', new: 'good', bad: 'never-healthy' };

/** The adapters of src/aws, over HTTP, on a sandbox whose instances run the instance script. */
export async function openWire(): Promise<World> {
  const stateDir = await mkdtemp(join(tmpdir(), 'deployctl-contract-'));
  const digests = new Map<Image, Digest>();
  const access = createAccess();
  const sandbox = await startSandbox(
    { stateDir, instances: 2, timeScale: scale, runtime: 'process', region, accountId: '123456789012' },
    {
      access,
      createHosts: createProcessHosts,
      createSsm,
      seed: async ({ hosts, fleet }) => {
        for (const [image, behaviour] of Object.entries(behaviours)) {
          const args = { VERSION: image, BEHAVIOUR: behaviour };
          const digest = await hosts.build(join(shop, 'backend'), `shop/backend:${image}`, args);
          if (isDigest(digest)) digests.set(image as Image, digest);
        }
        const line = 'docker run -d --name backend -p 8081:3000 --restart unless-stopped shop/backend:old';
        for (const { id } of fleet.list()) {
          const result = await hosts.exec(id, line, { timeoutMs: 60_000 });
          if (result.exitCode !== 0) throw new Error(`${line}: ${result.stderr}`);
        }
      },
    },
  );
  vi.stubEnv('AWS_ENDPOINT_URL', sandbox.endpoint);
  vi.stubEnv('AWS_ACCESS_KEY_ID', access.client.id);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', access.client.secret);
  const aws = createAws({ region, clock: systemClock, rates: localRates });
  const elb = new ElasticLoadBalancingV2Client({ region });
  const close = async (): Promise<void> => {
    aws.close();
    elb.destroy();
    await sandbox.close();
    await rm(stateDir, { recursive: true, force: true });
    vi.unstubAllEnvs();
  };
  const groupOf = (color: string): TargetGroupArn => {
    const arn =
      sandbox.status().targetGroups.find((one) => one.service === 'backend' && one.color === color)?.arn ?? '';
    if (!isArn(arn)) throw new Error(`no ${color} target group`);
    return arn;
  };
  const fault = async (spec: FaultSpec): Promise<void> => {
    const body = JSON.stringify(spec);
    const headers = { authorization: `Bearer ${access.control}`, 'content-type': 'application/json' };
    const answer = await request(`${sandbox.endpoint}/_sandbox/fault`, { method: 'POST', headers, body });
    const said = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`${body}: ${said}`);
  };
  try {
    const ids = sandbox
      .status()
      .instances.map(({ id }) => id)
      .sort();
    const [first = '', second = ''] = ids;
    if (!isInstanceId(first) || !isInstanceId(second)) throw new Error(`instances ${ids.join(', ')}`);
    const groups = { blue: groupOf('blue'), green: groupOf('green') };
    for (const arn of Object.values(groups)) {
      const Attributes = [{ Key: 'deregistration_delay.timeout_seconds', Value: '30' }];
      await elb.send(new ModifyTargetGroupAttributesCommand({ TargetGroupArn: arn, Attributes }));
    }
    const route = await aws.traffic.resolveRoute({ is: 'match', loadBalancer: 'shop', path: '/api/*' });
    const write = async (weights: ReadonlyMap<string, number>): Promise<void> => {
      const TargetGroups = [...weights].map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight }));
      const Actions = [{ Type: 'forward' as const, ForwardConfig: { TargetGroups } }];
      await elb.send(new ModifyRuleCommand({ RuleArn: route, Actions }));
    };
    const read = async (): Promise<ReadonlyMap<string, number>> => {
      const { Rules = [] } = await elb.send(new DescribeRulesCommand({ RuleArns: [route] }));
      const tuples = Rules[0]?.Actions?.[0]?.ForwardConfig?.TargetGroups ?? [];
      return new Map(tuples.map(({ TargetGroupArn, Weight }) => [TargetGroupArn ?? '', Weight ?? 1]));
    };
    const rest = (scaledMs: number): Promise<void> => systemClock.sleep(scaledMs / scale);
    return {
      fleet: aws.fleet,
      traffic: aws.traffic,
      hosts: createHostPort(aws.runner, { app: 'shop', environment: 'production', region }),
      parameters: aws.parameters,
      instances: [first, second],
      route,
      groups,
      ports: { blue: 8081, green: 8082 },
      digest: (image) => {
        const digest = digests.get(image);
        if (digest === undefined) throw new Error(`no image ${image}`);
        return digest;
      },
      until: async (look, wanted) => {
        const end = performance.now() + longest;
        for (;;) {
          const seen = await look();
          if (wanted(seen)) return seen;
          if (performance.now() > end) throw new Error(`not as wanted: ${JSON.stringify(seen)}`);
          await systemClock.sleep(20);
        }
      },
      rest,
      foreignWeights: write,
      foreignEdit: async () => {
        const before = await read();
        // A group of the other service, which is in use by the same listener.
        const other = sandbox
          .status()
          .targetGroups.find(({ service, color }) => service === 'frontend' && color === 'green');
        await write(new Map([...before, [other?.arn ?? '', 0]]));
        return () => write(before);
      },
      nextCommand: (fate) => {
        switch (fate) {
          case 'twice':
            return fault({ kind: 'ssm-duplicate', ms: 0, times: 1 });
          case 'late':
            return fault({ kind: 'ssm-late', ms: 2000, times: 1 });
          case 'never':
            return fault({ kind: 'ssm-lost', times: 1 });
        }
      },
      silence: (instance) => fault({ kind: 'agent-offline', instance }),
      terminate: (instance) => fault({ kind: 'instance-terminate', instance }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
