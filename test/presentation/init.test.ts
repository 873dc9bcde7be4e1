import { describe, expect, it } from 'vitest';
import { parseSettings } from '../../src/config/load.js';
import type { Draft } from '../../src/operations/init/draft.js';
import { configText } from '../../src/presentation/init.js';

const draft: Draft = {
  app: 'shop',
  region: 'eu-west-1',
  environment: 'production',
  fleet: { is: 'tags', tags: { App: 'shop', 'aws: odd key': 'yes', Number: '007' } },
  layout: { is: 'ports' },
  strategy: 'blue-green',
  services: [
    {
      name: 'backend',
      repository: 'localhost:5000/shop/backend',
      containerPort: 3000,
      healthPath: '/health?full=1',
      blue: { port: 8081, group: 'shop-backend-blue' },
      green: { port: 8082, group: 'shop-backend-green' },
      routes: [
        { is: 'match', loadBalancer: 'shop', port: 443, path: '/api/*', host: '*.example.com' },
        {
          is: 'arn',
          arn: 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2',
        },
      ],
    },
  ],
  remarks: ['something to look at'],
};

const load = (text: string) =>
  parseSettings(text, { path: '/x/deployctl.yml', name: 'deployctl.yml', env: {} }).environments['production'];

describe('configText', () => {
  it.each([true, false])('loads, and says what the draft says (on the sandbox: %s)', (local) => {
    const text = configText(draft, local);
    expect(text).toContain('# Look at this: something to look at.');
    const settings = load(text);
    expect(settings).toMatchObject({
      app: 'shop',
      region: 'eu-west-1',
      fleet: draft.fleet,
      layout: { is: 'ports' },
      strategy: 'blue-green',
      services: [
        {
          name: 'backend',
          repository: 'localhost:5000/shop/backend',
          run: { containerPort: 3000, health: { path: '/health?full=1' } },
          colors: { blue: { port: 8081 }, green: { port: 8082 } },
          routes: draft.services[0]?.routes,
        },
      ],
    });
    expect(settings?.timing.settle).toBe(local ? 6_000 : 60_000);
  });
  it('rolling, on ids, with two sets of instances', () => {
    const ids = ['i-0123456789abcdef0'] as const;
    const layout = { is: 'instances', tag: 'Set', values: { blue: 'b', green: 'true' } } as const;
    const settings = load(configText({ ...draft, fleet: { is: 'ids', ids }, layout, strategy: 'rolling' }, false));
    expect(settings).toMatchObject({ fleet: { is: 'ids', ids }, layout, strategy: 'rolling' });
  });
});
