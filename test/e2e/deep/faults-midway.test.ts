import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { CliResult, Running, Shop } from '../kit.js';
import { at, failed, openShop, rolloutTo, RUNTIME } from '../kit.js';

type Strategy = 'rolling' | 'blue-green';
const strategies = ['rolling', 'blue-green'] as const;

interface Case {
  readonly strategy: Strategy;
  /** Of the backend; absent: the one of 1.1.0 and 2.0.0 that does not serve. Some cases want one that no instance has pulled yet. */
  readonly version?: string;
  /** The line of progress after which the fault strikes. */
  readonly when: RegExp;
  readonly strike: () => Promise<unknown>;
  /** Of the rollout: 0, 10 or 11, as the truth is. After 11 a plain `rollback` ends what the way back could not. */
  readonly code: 0 | 10 | 11;
  /** Floor of the fleet of three; 2 when left out, as it is by default. */
  readonly minimumHealthy?: number;
  /** Words of its output that name the cause. */
  readonly why?: RegExp;
  /** The only instance whose requests may fail, because the fault ends what serves there. Absent: none may. */
  readonly struck?: string;
  readonly more?: readonly string[];
  /** Lifts the fault in the middle of the rollout; absent: it lasts until the rollout has ended. */
  readonly lift?: (running: Running) => Promise<unknown>;
  /** Ends what `fault --clear` does not. */
  readonly heal?: () => Promise<unknown>;
}

/** Machines, engines and the registry fail in the midst of a rollout. Each case leaves one release on all instances, from which the next one starts. */
describe('faults below AWS in the midst of a rollout', () => {
  let shop: Shop;
  let first: string;
  let last: string;
  /** What the backend serves between the cases; the frontend stays what it is. */
  let serving = '1.0.0';
  beforeAll(async () => {
    shop = await openShop({ instances: 3, longest: 400_000 });
    [first = '', , last = ''] = shop.status.instances.map(({ id }) => id);
  });
  afterEach(() => shop.clearFaults());
  afterAll(() => shop.dispose());

  const configure = (minimumHealthy: number | undefined): Promise<string> =>
    shop.config((file) => {
      const production = at(file, 'environments', 'production');
      if (minimumHealthy !== undefined) production['minimum-healthy'] = minimumHealthy;
      // What cannot be looked at for longer than this is given up. A start with its checks fits into it on a busy machine too.
      at(production, 'timing')['host-command'] = '20s';
      at(production, 'timing')['health-timeout'] = '10s';
      at(production, 'timing')['deadline'] = '3m';
    });

  const other = (): string => (serving === '1.1.0' ? '2.0.0' : '1.1.0');

  /** The backend's running container on a host port. */
  const containerOn = async (instance: string, port: number): Promise<string> => {
    const all = (await shop.containers())[instance] ?? [];
    const found = all.find(({ hostPorts, state }) => state === 'running' && hostPorts.includes(port));
    expect(found, `a container on port ${String(port)} of ${instance} in ${JSON.stringify(all)}`).toBeDefined();
    return found?.name ?? '';
  };
  /** Host ports of the backend: what serves it now, and the other one. */
  const ports = async (): Promise<{ readonly live: number; readonly idle: number }> => {
    const color = (await shop.serves({ backend: serving, frontend: '1.0.0' })).backend;
    return color === 'blue' ? { live: 8081, idle: 8082 } : { live: 8082, idle: 8081 };
  };

  /**
   * Plays a case under load, and looks at what it says and at what clients saw. Then the fault is lifted, and a rollout of the present release makes
   * every instance whole again.
   */
  const play = async (one: Case): Promise<CliResult> => {
    const version = one.version ?? other();
    await configure(one.minimumHealthy);
    const before = failed(await shop.accessLog()).length;
    const load = shop.load({ rate: 100 });
    const running = shop.start([...rolloutTo({ backend: version }, one.strategy), ...(one.more ?? [])]);
    try {
      await running.until(one.when);
      await one.strike();
      if (one.lift !== undefined) await one.lift(running);
      const ended = await running.done;
      if (ended.code === 0) serving = version;
      expect(ended.code, ended.transcript).toBe(one.code);
      if (one.why !== undefined) expect(ended.transcript).toMatch(one.why);
      await withinDeadline(ended);
      await shop.clearFaults();
      await one.heal?.();
      if (one.code === 11) await shop.run(0, ['rollback', '--yes']);
      if (one.code !== 0) await shop.run(0, ['rollout', '--yes']);
      await whole();
      return ended;
    } finally {
      if ((await running.done).code === 0) serving = version;
      const summary = await load.stop();
      const lost = failed(await shop.accessLog()).slice(before);
      const elsewhere = lost.filter(({ target }) => one.struck === undefined || !target?.startsWith(`${one.struck}:`));
      expect(elsewhere, 'requests that failed, and were not sent to what the fault had struck').toEqual([]);
      expect(summary.requests).toBeGreaterThan(100);
    }
  };
  /** The record of a rollout has its end, before the deadline that it gave itself. */
  const withinDeadline = async ({ transcript }: CliResult): Promise<void> => {
    const id = /ro-\d{8}-\d{6}-[0-9a-f]{4}/.exec(transcript)?.[0] ?? '';
    const record = JSON.parse(await shop.aws.parameter(`/deployctl/shop/production/rollouts/${id}`)) as object;
    const { deadline, endedAt } = z.object({ deadline: z.number(), endedAt: z.number() }).parse(record);
    expect(endedAt, transcript).toBeLessThan(deadline);
  };
  /** One release everywhere, in the load balancer on every instance. */
  const whole = (): Promise<unknown> =>
    vi.waitFor(() => shop.serves({ backend: serving, frontend: '1.0.0' }), { timeout: 20_000, interval: 500 });

  describe('the registry', () => {
    it.each([
      ['rolling', 'registry-down', 'errors', /cannot be pulled on shop-\d[^]*connection refused/],
      ['blue-green', 'registry-down', 'slow-start', /cannot be pulled on shop-\d[^]*connection refused/],
      ['rolling', 'registry-denied', 'slow-requests', /cannot be pulled on shop-\d[^]*token has expired/],
      ['blue-green', 'registry-denied', 'ignores-sigterm', /cannot be pulled on shop-\d[^]*token has expired/],
    ] as const)(
      'that is lost while images are pulled, %s, %s: back before any change, exit 10',
      async (strategy, fault, version, why) => {
        await shop.fault('registry-slow', '--ms', '1500');
        const { transcript } = await play({
          strategy,
          version,
          when: /pull the images on shop-1/,
          strike: () => shop.fault(fault),
          code: 10,
          why,
        });
        expect(transcript).not.toMatch(/start backend|deregister|of the traffic goes/);
      },
    );

    it.each(strategies)('that is slow makes a slow rollout: %s', async (strategy) => {
      await play({
        strategy,
        when: /pull the images on shop-1/,
        strike: () => shop.fault('registry-slow', '--ms', '300'),
        code: 0,
      });
    });

    it.each([
      ['rolling', 'registry-down'],
      ['blue-green', 'registry-denied'],
    ] as const)(
      'that is lost after the pull is not needed any more, and not for a rollback: %s, %s',
      async (strategy, fault) => {
        const earlier = serving;
        await play({
          strategy,
          when: /start backend/,
          strike: () => shop.fault(fault),
          code: 0,
        });
        await shop.fault(fault);
        await shop.run(0, ['rollback', '--yes']);
        await shop.clearFaults();
        serving = earlier;
        await whole();
      },
    );
  });

  describe('what serves is killed for memory', () => {
    it.each(strategies)('the new container, in the bake, %s: back, exit 10', async (strategy) => {
      const { live, idle } = await ports();
      await play({
        strategy,
        when: /bake: targets/,
        strike: async () => {
          const name = await containerOn(first, strategy === 'rolling' ? live : idle);
          await shop.fault('oom-kill', '--instance', first, '--container', name);
        },
        code: 10,
        // Whoever sees it first, the load balancer's check or a look at the container: the way back tells what it was, with the end of the log.
        why: /backend on shop-1[^]*was killed for memory[^]*set aside[^]*exited with 137 \(killed for want of memory\)[^]*log of the container/,
        struck: first,
        more: ['--steps', '50,100', '--bake', '6s'],
      });
    });

    it('the old container, before its turn: Docker starts it again, exit 0', async () => {
      const { live } = await ports();
      await play({
        strategy: 'rolling',
        when: /start backend \S+ \S+ on shop-1/,
        strike: async () => shop.fault('oom-kill', '--instance', last, '--container', await containerOn(last, live)),
        code: 0,
        struck: last,
      });
    });
  });

  it('a port of the idle color that something else takes meanwhile: back, exit 10', async () => {
    await shop.run(0, ['retire', '--yes']);
    const { idle } = await ports();
    // Slow enough for the port to be taken before the container comes.
    await shop.fault('registry-slow', '--ms', '700');
    await play({
      strategy: 'blue-green',
      when: /pull the images on shop-1/,
      strike: () => shop.fault('port-taken', '--instance', last, '--port', String(idle)),
      code: 10,
      why: new RegExp(`shop-3[^]*${String(idle)}`),
    });
  });

  describe('the SSM agent of an instance', () => {
    const offline = () => shop.fault('agent-offline', '--instance', last);
    const online = () => shop.fault('agent-online', '--instance', last);

    // Out of the load balancer, and with a minimum of two nobody can be spared for the way back of the others.
    it.each([
      ['rolling', 2, 11],
      ['rolling', 1, 10],
      ['blue-green', 2, 10],
    ] as const)(
      'is silent for too long, %s with a minimum of %i: exit %i, and it is named',
      async (strategy, minimumHealthy, code) => {
        const { stdout, stderr } = await play({
          strategy,
          minimumHealthy,
          when: strategy === 'rolling' ? /ready → warming/ : /bring up the idle color/,
          strike: offline,
          heal: online,
          code,
          why: /shop-3[^]*(agent|SSM)/,
        });
        expect(stderr + stdout).toContain(last);
      },
    );

    it('is silent for a moment: exit 0', async () => {
      await play({
        strategy: 'rolling',
        when: /start backend/,
        strike: offline,
        lift: online,
        code: 0,
      });
    });
  });

  describe('an instance reboots', () => {
    it.each(strategies)('in the bake, %s', async (strategy) => {
      await play({
        strategy,
        when: /bake: targets/,
        strike: () => shop.fault('instance-reboot', '--instance', last),
        code: 10,
        why: /shop-3/,
        struck: last,
        more: ['--steps', '50,100', '--bake', '6s'],
      });
    });

    it('before its turn, rolling: exit 0', async () => {
      await play({
        strategy: 'rolling',
        when: /start backend/,
        strike: () => shop.fault('instance-reboot', '--instance', last),
        code: 0,
        struck: last,
      });
    });

    it('after a rollback: every service is back', async () => {
      const earlier = serving;
      await shop.run(0, rolloutTo({ backend: other() }, 'rolling'));
      await shop.run(0, ['rollback', '--yes']);
      await shop.fault('instance-reboot', '--instance', first);
      serving = earlier;
      await whole();
    });
  });

  describe.skipIf(RUNTIME === 'process')('with real engines', () => {
    const inTheBake = { when: /bake: targets/, more: ['--steps', '50,100', '--bake', '4s'] } as const;

    it('an engine that restarts before its turn, rolling: exit 0', async () => {
      await play({
        strategy: 'rolling',
        when: /start backend/,
        strike: () => shop.fault('docker-restart', '--instance', last),
        code: 0,
        struck: last,
      });
    });

    it('an engine that restarts in the bake, blue-green: what was found well is gone, exit 10', async () => {
      await play({
        ...inTheBake,
        strategy: 'blue-green',
        strike: () => shop.fault('docker-restart', '--instance', last),
        code: 10,
        why: /backend on shop-3/,
        struck: last,
      });
    });

    it('an engine that is dead for a moment, rolling: exit 0', async () => {
      await play({
        strategy: 'rolling',
        when: /start backend \S+ \S+ on shop-2/,
        strike: () => shop.fault('docker-kill', '--instance', last),
        lift: async (running) => {
          await running.until(/docker does not answer/);
          await shop.clearFaults();
        },
        code: 0,
        struck: last,
      });
    });

    it.each(strategies)('an engine that stays dead, %s: back, exit 10', async (strategy) => {
      await play({
        ...inTheBake,
        strategy,
        strike: () => shop.fault('docker-kill', '--instance', last),
        code: 10,
        why: /backend on shop-3[^]*docker does not answer/i,
        struck: last,
      });
    });

    // It is out of the load balancer, and cannot take its old container back either.
    it.each([
      [2, 11, /cannot go back[^]*spared/],
      [1, 10, /left out: backend on shop-3[^]*disk/],
    ] as const)(
      'a disk that fills before its turn, rolling with a minimum of %i: exit %i',
      async (minimumHealthy, code, why) => {
        const { transcript } = await play({
          strategy: 'rolling',
          minimumHealthy,
          when: /start backend \S+ \S+ on shop-1/,
          strike: () => shop.fault('disk-full', '--instance', last),
          code,
          why,
        });
        expect(transcript).toMatch(/backend on shop-3[^]*disk full/);
      },
    );

    it('a disk that fills during the pull, blue-green: back, exit 10', async () => {
      await shop.fault('registry-slow', '--ms', '700');
      await play({
        strategy: 'blue-green',
        version: 'crashes',
        when: /pull the images on shop-1/,
        strike: () => shop.fault('disk-full', '--instance', last),
        code: 10,
        why: /shop-3[^]*(disk full|no space left)/,
      });
    });

    it.each([
      ['rolling', 2, 11],
      ['rolling', 1, 10],
      ['blue-green', 2, 10],
    ] as const)(
      'a network that is cut in the bake, %s with a minimum of %i: exit %i',
      async (strategy, minimumHealthy, code) => {
        await play({
          ...inTheBake,
          strategy,
          minimumHealthy,
          strike: () => shop.fault('network-cut', '--instance', last),
          code,
          why: /backend on shop-3/,
          struck: last,
        });
      },
    );
  });

  it.each(strategies)('an image that is gone from the registry after the pull, %s: exit 0', async (strategy) => {
    const image = `shop/backend:${other()}`;
    await play({
      strategy,
      when: /start backend \S+ \S+ on shop-1/,
      strike: () => shop.fault('image-gone', '--image', image),
      code: 0,
    });
  });
});
