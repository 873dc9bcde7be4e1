import { describe, expect, it } from 'vitest';
import { createHostPort } from '../../src/compose/host-port.js';
import type { HostRequest } from '../../src/domain/host.js';
import type { Plan, ServicePlan } from '../../src/domain/plan.js';
import type { RunSpec, ServiceRelease } from '../../src/domain/release.js';
import { possibleRequests } from '../../src/engine/act.js';
import { UnsendableRequest } from '../../src/engine/host-port.js';
import type { RunnerPort } from '../../src/engine/ports.js';
import { configuredPlan, judgeRequests } from '../../src/operations/requests.js';
import { blueGreenHow, planOf, rollingHow, servicePlan, serviceRelease } from '../_helpers/plan.js';

const notUsed = (): Promise<never> => Promise.reject(new Error('nothing may be sent'));
const runner: RunnerPort = { send: notUsed, poll: notUsed, live: notUsed };
const hosts = createHostPort(runner, { app: 'shop', environment: 'test', region: 'eu-west-1' });

const released = (name: 'old' | 'new', change: Partial<RunSpec>): ServiceRelease => {
  const made = serviceRelease('backend', name);
  return { ...made, spec: { ...made.spec, ...change } };
};
const withNew = (change: Partial<RunSpec>): Plan =>
  planOf(rollingHow, { services: [servicePlan('backend', { to: released('new', change) })] });
const texts = (plan: Plan): readonly string[] => judgeRequests({ hosts }, plan).map(({ text }) => text);
const many = (count: number, length: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`SETTING_${String(index)}`, 'x'.repeat(length)]));

describe('a configuration that cannot be sent', () => {
  it.each<[string, Partial<RunSpec>, RegExp]>([
    [
      'lines in PATH',
      { env: { PATH: 'a\nb' } },
      /^the new release of backend cannot be sent to an instance: env PATH: its value has a line break/,
    ],
    [
      'lines in a name that docker reads',
      { env: { DOCKER_HOST: 'a\nb' } },
      /env DOCKER_HOST: its value has a line break/,
    ],
    ['NUL', { env: { A: 'a\0' } }, /env A: its value holds a NUL/],
    ['an option of ours', { runOptions: ['--rm'] }, /run option: "--rm" cannot be sent/],
    [
      '20 values of 1,000 characters',
      { env: many(20, 1000) },
      /^the new release of backend cannot be sent to an instance: its command would be [67]\d\.\d KB, of which the instance script takes 4\d\.\d KB; SSM takes at most 64\.0 KB/,
    ],
    [
      'a task of NUL',
      { task: { command: ['\0'], timeout: 1000 } },
      /^the one-off task of backend cannot be sent to an instance: command: its value/,
    ],
  ])('%s', (_, change, message) => {
    const found = texts(withNew(change));
    expect(found[0]).toMatch(message);
    // Told once, although it is in both colors, and in the pull.
    expect(new Set(found).size).toBe(found.length);
    expect(found.filter((text) => text.startsWith('the new release')).length).toBeLessThan(2);
  });

  it('is found in the old release too, which may have to be brought back', () => {
    const from = released('old', { env: { HOME: 'a\nb' } });
    const found = judgeRequests({ hosts }, planOf(blueGreenHow, { services: [servicePlan('backend', { from })] }));
    expect(found).toEqual([
      {
        level: 'refuse',
        text: expect.stringMatching(/^release r-old of backend cannot be sent to an instance: env HOME: /) as string,
        fix: 'deployctl history --env test   # what else has served here',
      },
    ]);
  });

  it('does not keep a rollback from leaving it', () => {
    const from = released('new', { env: { HOME: 'a\nb' } });
    const to = released('old', {});
    const back = planOf(rollingHow, { kind: 'rollback', services: [servicePlan('backend', { from, to })] });
    expect(judgeRequests({ hosts }, back)).toMatchObject([
      { level: 'warn', text: expect.stringMatching(/^release r-new of backend cannot be sent/) as string },
    ]);
    const worse = planOf(rollingHow, { kind: 'rollback', services: [servicePlan('backend', { from: to, to: from })] });
    expect(judgeRequests({ hosts }, worse)).toMatchObject([{ level: 'refuse' }]);
  });

  it('is named with its service where another one says the same', () => {
    const bad = (service: string): ServicePlan => {
      const made = serviceRelease(service, 'new');
      return servicePlan(service, { to: { ...made, spec: { ...made.spec, env: { IFS: '\n' } } } });
    };
    const found = texts(planOf(rollingHow, { services: [bad('backend'), bad('frontend')] }));
    expect(found).toHaveLength(2);
    expect(found.map((text) => /of (\w+)/.exec(text)?.[1])).toEqual(['backend', 'frontend']);
  });

  it('is found by the configuration alone, without a goal', () => {
    const plan = planOf(rollingHow);
    const [service] = plan.services;
    if (service === undefined) throw new Error('no service');
    const settings = {
      name: 'backend',
      repository: 'shop/backend',
      containerName: 'backend',
      run: { ...serviceRelease('backend', 'new').spec, env: { ENV: 'a\nb' } },
      colors: { blue: { port: 8080, targetGroup: { is: 'name', name: 'x' } } },
      routes: [],
      warm: 'until-next',
    } as const;
    const topology = { groups: [], services: [{ settings, colors: service.colors, routes: [] }] };
    expect(texts(plan)).toEqual([]);
    expect(texts(configuredPlan(plan, topology))[0]).toMatch(/^the new release of backend .*env ENV/);
    // As doctor has it where nothing could be read of what serves.
    const blank = planOf(rollingHow, { services: [] });
    expect(texts(configuredPlan(blank, topology))[0]).toMatch(/env ENV/);
  });

  it('is nothing that a sound one is taken for', () => {
    const sound: Partial<RunSpec> = {
      env: { PATH: '/bin', HOME: '/srv', LINES: 'a\nb', ...many(10, 1000) },
      secrets: { AWS_SECRET_ACCESS_KEY: '/shop/x', IFS: '/shop/y', LD_PRELOAD: '/shop/z' },
      task: { command: ['true'], timeout: 1000 },
    };
    expect(texts(withNew(sound))).toEqual([]);
  });

  it('never shows a value', () => {
    const secret = 'tr0ub4dor';
    for (const env of [{ PATH: `${secret}\n` }, { A: `${secret}\0` }, many(30, 1000)]) {
      expect(JSON.stringify(judgeRequests({ hosts }, withNew({ env })))).not.toMatch(/tr0ub4dor|xxx/);
    }
  });
});

describe('what a plan may send', () => {
  it('is each phase, in each color, on the way to each release', () => {
    const task = { command: ['true'], timeout: 1000 };
    const plan = withNew({ task });
    const shown = ({ request }: { readonly request: HostRequest }): string => {
      if ('slot' in request)
        return `${request.phase} ${request.slot.color} ${'release' in request ? request.release : ''}`.trim();
      return request.phase;
    };
    expect(possibleRequests(plan).map(shown).sort()).toEqual(
      [
        ...['inspect', 'pull', 'task', 'stop blue', 'stop green'],
        ...['restore blue r-new', 'restore blue r-old', 'restore green r-new', 'restore green r-old'],
      ].sort(),
    );
  });
});

describe('a request that is sent all the same', () => {
  it('is refused before SSM hears of it, whatever goes wrong with it', async () => {
    const spec = released('new', { env: many(40, 1000) }).spec;
    const slot = { service: 'backend', containerName: 'backend', color: 'blue', port: 8080 } as const;
    const send = (request: HostRequest): Promise<string> =>
      hosts.send({ instance: 'i-00000001', request, fence: [1, 0, 0], timeout: 1000 });
    await expect(send({ phase: 'start', slot, release: 'r-1', spec, keep: 1 })).rejects.toThrow(UnsendableRequest);
    // No error of the encoder's own: something that it did not expect.
    const broken = { phase: 'start', slot, release: 'r-1', keep: 1 } as object as HostRequest;
    await expect(send(broken)).rejects.toThrow(UnsendableRequest);
  });
});
