import { readFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { ModifyListenerCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import type { Handler, Kit } from './kit.js';
import { fetchRaw, healthOf, register, until } from './kit.js';

export interface Shift {
  readonly blue: number;
  readonly green?: number;
  readonly stickySeconds?: number;
}

/** Writes the default rule's weights for the frontend; the data plane hears of it after its lag. */
export async function shift(kit: Kit, { blue, green, stickySeconds }: Shift): Promise<void> {
  const groups = [{ TargetGroupArn: kit.group('frontend', 'blue'), Weight: blue }];
  if (green !== undefined) {
    groups.push({ TargetGroupArn: kit.group('frontend', 'green'), Weight: green });
  }
  await kit.elb.send(
    new ModifyListenerCommand({
      ListenerArn: kit.listenerArn,
      DefaultActions: [
        {
          Type: 'forward',
          ForwardConfig: {
            TargetGroups: groups,
            TargetGroupStickinessConfig:
              stickySeconds === undefined ? { Enabled: false } : { Enabled: true, DurationSeconds: stickySeconds },
          },
        },
      ],
    }),
  );
}

export const noLag = (kit: Kit) => kit.control('POST', 'fault', { kind: 'lag', ms: 0 });

/** Green frontends of version 2, registered and healthy behind weight 0; leaves the sandbox without lag. */
export async function warmGreen(kit: Kit, handler?: Handler): Promise<void> {
  for (const id of kit.ids) {
    await kit.hosts.run(id, 8092, '2', handler);
  }
  // A late change would hold up the ones after it.
  await noLag(kit);
  await shift(kit, { blue: 1, green: 0 });
  await register(kit, kit.group('frontend', 'green'), 8092);
  await until('green is healthy', async () => {
    const states = Object.values(await healthOf(kit, kit.group('frontend', 'green')));
    return states.length === kit.ids.length && states.every((state) => state === 'healthy');
  });
}

export async function bodies(
  kit: Kit,
  count: number,
  path = '/',
  agent: Agent | false = false,
): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  for (let index = 0; index < count; index++) {
    const { status, body } = await fetchRaw(`${kit.url}${path}`, { agent });
    const key = status === 200 ? body : String(status);
    seen[key] = (seen[key] ?? 0) + 1;
  }
  return seen;
}

export function keepAlive(sockets = 20): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: sockets });
  onTestFinished(() => {
    agent.destroy();
  });
  return agent;
}

/** Sends requests at a rate, whatever becomes of them, until stopped; returns what did not answer 200. */
export function load(kit: Kit, perSecond: number, path = '/'): () => Promise<{ sent: number; failures: string[] }> {
  const agent = keepAlive();
  const failures: string[] = [];
  const all: Promise<void>[] = [];
  const start = performance.now();
  const timer = setInterval(() => {
    // A busy machine fires late: what is due is sent then, so that the rate holds.
    const due = ((performance.now() - start) / 1000) * perSecond;
    while (all.length < due) {
      all.push(
        fetchRaw(`${kit.url}${path}`, { agent }).then(
          ({ status }) => {
            if (status !== 200) failures.push(String(status));
          },
          (error: unknown) => {
            failures.push(String(error));
          },
        ),
      );
    }
  }, 5);
  return async () => {
    clearInterval(timer);
    await Promise.all(all);
    return { sent: all.length, failures };
  };
}

const logLine = z.looseObject({
  path: z.string(),
  rule: z.string(),
  groupName: z.string().nullable(),
  target: z.string().nullable(),
  digest: z.string().nullable(),
  status: z.number(),
  targetStatus: z.number().nullable(),
  error: z.string().nullable(),
});

/** What happened, without the times. */
export async function eventLog(kit: Kit): Promise<readonly string[]> {
  const text = await readFile(`${kit.stateDir}/events.log`, 'utf8');
  return [...text.matchAll(/^\d+\.\d{3} (.*)$/gm)].map(([, what = '']) => what);
}

export async function accessLog(kit: Kit) {
  const text = await readFile(`${kit.stateDir}/access.log`, 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => logLine.parse(JSON.parse(line)));
}
