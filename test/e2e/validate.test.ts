import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documentSchemas } from '../../src/presentation/schemas/documents.js';
import type { Shop } from './kit.js';
import { at, openShop, rolloutTo } from './kit.js';

/** The fast mode, and the validation that it left out. */
describe('validate', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
  });
  afterAll(() => shop.dispose());

  /** Probes the backend through the load balancer. */
  const probed = (): Promise<string> =>
    shop.config((file) => {
      const probe = {
        name: 'api',
        url: new URL('/api/', shop.status.loadBalancer.url).href,
        interval: '100ms',
        'min-samples': 5,
        'success-rate': '90%',
      };
      at(file, 'environments', 'production')['validation'] = { duration: '2s', monitor: '1s', probes: [probe] };
      for (const service of Object.values(at(file, 'services'))) (service as { checks?: unknown }).checks = [];
    });

  it('without probes there is nothing to validate with: 64, and what to write', async () => {
    expect((await shop.run(64, ['validate'])).stderr).toMatch(/no probes to validate with[^]*validation\.probes/);
  });

  it('passes for what is well, and changes nothing', async () => {
    await probed();
    const before = await shop.calls();
    const result = await shop.json(0, ['validate']);
    expect(documentSchemas.validate.safeParse(result).error).toBeUndefined();
    expect(result).toMatchObject({ outcome: 'passed', phases: [{ phase: 'validation' }, { phase: 'monitoring' }] });
    const short = await shop.json<{ phases: readonly unknown[] }>(0, ['validate', '--for', '1s', '--monitor', '0s']);
    expect(short.phases).toHaveLength(1);
    const after = await shop.calls();
    for (const call of ['PutParameter', 'SendCommand', 'ModifyRule', 'ModifyListener', 'DeregisterTargets'])
      expect(after[call] ?? 0, call).toBe(before[call] ?? 0);
  });

  it('a bad release that the fast mode let through: 11, and with --auto-rollback 10', async () => {
    await shop.run(0, rolloutTo({ backend: 'errors' }, 'blue-green', '--skip-validation'));
    const { stdout } = await shop.run(11, ['validate']);
    expect(stdout).toMatch(
      /failed; nothing was changed\n {2}validation failed after .*probe api: \d+ of \d+ samples good/,
    );
    expect(stdout).toMatch(/Next:\n {2}deployctl rollback --env production/);
    const undone = await shop.run(10, ['validate', '--auto-rollback']);
    expect(undone.stdout).toMatch(/the previous release is serving/);
    await shop.serves({ backend: '1.0.0', frontend: '1.0.0' });
  });
});
