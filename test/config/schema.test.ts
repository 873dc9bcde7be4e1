import { describe, expect, test } from 'vitest';
import { SMALL, added, edited, parse, problems } from './helpers.js';

const FLEET = 'write { tags: { App: shop } } or { instances: [i-0123456789abcdef0] }';
const WHERE =
  'write { env: NAME_OF_A_VARIABLE } or { parameter: /name/in/parameter-store }; the secret itself never stands in this file';
const ENV = 'environments.production';
const SVC = `${ENV}.services.backend`;

/** Each: what is wrong, the text, the whole refusal. */
const REFUSED: readonly (readonly [name: string, text: string, ...lines: string[]])[] = [
  [
    'a misspelt key of a service',
    edited(7, '    helth: { path: /health }'),
    '4: services.backend.health: required: path, passes, interval, timeout, start-timeout',
    '7: services.backend.helth: unknown key; did you mean "health"?',
  ],
  [
    'a misspelt key inside an environment',
    added(14, '        chekcs: []'),
    `15: ${SVC}.chekcs: unknown key; did you mean "checks"?`,
  ],
  [
    'a key that had another name',
    added(10, '    floor: 50%', '    timing: { min-healthy: 10s }'),
    '12: environments.production.timing.min-healthy: unknown key; did you mean "stabilize"?',
    '11: environments.production.floor: unknown key; did you mean "minimum-healthy"?',
  ],
  [
    'a key in camel case',
    edited(13, '        blue: { port: 8081, targetGroup: b }'),
    `13: ${SVC}.blue.target-group: required; write the name or the ARN of a target group`,
    `13: ${SVC}.blue.targetGroup: unknown key; did you mean "target-group"?`,
  ],
  [
    'a key like no other',
    added(7, '    zzzzzzzzzz: 1'),
    '8: services.backend.zzzzzzzzzz: unknown key; known here: image, container, health, checks, env, env-files, secrets, run, command, stop-timeout, task, rollback, warm, adopt',
  ],
  [
    'two unknown keys at once',
    added(2, 'regoin: x', 'servces: {}'),
    '3: regoin: unknown key; did you mean "region"?',
    '4: servces: unknown key; did you mean "services"?',
  ],
  [
    'a duration without a unit',
    added(10, '    timing: { bake: 5 }'),
    `11: ${ENV}.timing.bake: "5": a duration needs a unit, such as 5s or 5m`,
  ],
  [
    'a duration out of range',
    added(7, '    stop-timeout: 10m'),
    '8: services.backend.stop-timeout: "10m": must be from 1s to 9m59s999ms',
  ],
  [
    'a strategy that is not one',
    added(10, '    strategy: blue_green'),
    `11: ${ENV}.strategy: "blue_green" is not one of rolling, blue-green; did you mean blue-green?`,
  ],
  [
    'a layout that is not one',
    added(10, '    layout: port'),
    `11: ${ENV}.layout: "port": write ports, or { tag: Color, blue: blue, green: green }`,
  ],
  [
    'a layout that lacks a color',
    added(10, '    layout: { tag: Color, blue: b }'),
    `11: ${ENV}.layout.green: required; write the value of the tag on green instances`,
  ],
  [
    'steps that do not ascend',
    added(10, '    steps: [50, 10, 100]'),
    `11: ${ENV}.steps: [50,10,100]: steps must ascend, like 10,50,100`,
  ],
  [
    'steps that do not end at 100',
    added(10, '    steps: [10]'),
    `11: ${ENV}.steps: [10]: the last step must be 100: a shift ends with all traffic on the new version`,
  ],
  [
    'a step of 0',
    added(10, '    steps: [0, 100]'),
    `11: ${ENV}.steps: [0,100]: steps are whole percentages from 1 to 100, like 10,50,100`,
  ],
  [
    'a tag in the image',
    edited(5, '    image: shop/backend:1.0.0'),
    '5: services.backend.image: "shop/backend:1.0.0": has a version; write shop/backend here and name 1.0.0 in `deployctl rollout`',
  ],
  ['no image', edited(5), '4: services.backend.image: required; write an image repository like shop/backend'],
  [
    'a port out of range',
    edited(6, '    container: { port: 70000 }'),
    '6: services.backend.container.port: 70000: write a whole number from 1 to 65535',
  ],
  [
    'a number as a variable',
    added(7, '    env: { PORT: 3000 }'),
    '8: services.backend.env.PORT: not text; put the value in quotes',
  ],
  [
    'a bad name of a variable',
    added(7, '    env: { 1X: a }'),
    '8: services.backend.env.1X: "1X": a variable is letters, digits and _, and starts with no digit',
  ],
  [
    'a bad name of a service',
    edited(4, '  Backend:'),
    '4: services.Backend: "Backend": write 1 to 32 lower case letters, digits and dashes, a letter first, no dash last',
  ],
  [
    'a bad name of a parameter',
    added(7, '    secrets: { DB: "a b" }'),
    '8: services.backend.secrets.DB: "a b": write the name of a parameter in Parameter Store, like /shop/production/database-url',
  ],
  [
    'a check of a relative path',
    added(7, '    checks:', '      - { path: api }'),
    '9: services.backend.checks[0].path: "api": write a path that starts with /, like /health',
  ],
  ['a fleet of nothing', edited(10, '    fleet: {}'), `10: ${ENV}.fleet: names neither tags nor instances; ${FLEET}`],
  [
    'a fleet of both',
    edited(10, '    fleet: { tags: { A: b }, instances: [i-0123456789abcdef0] }'),
    `10: ${ENV}.fleet: names both tags and instances; ${FLEET}`,
  ],
  ['a fleet without tags', edited(10, '    fleet: { tags: {} }'), `10: ${ENV}.fleet: selects nothing; ${FLEET}`],
  ['a fleet that is text', edited(10, '    fleet: web'), `10: ${ENV}.fleet: ${FLEET}`],
  ['no fleet', edited(10), `9: ${ENV}.fleet: ${FLEET}`],
  [
    'no route',
    edited(14, '        routes: []'),
    `14: ${SVC}.routes: empty; name at least one listener or rule that forwards to the service`,
  ],
  [
    'a route with a misspelt key',
    edited(14, '        routes: [{ load-balancer: shop, pth: /api/* }]'),
    `14: ${SVC}.routes[0].pth: unknown key; did you mean "path"?`,
  ],
  [
    'a route that is no ARN',
    edited(14, '        routes: [shop]'),
    `14: ${SVC}.routes[0]: "shop": write the ARN of a listener or of a listener rule of an Application Load Balancer, or { load-balancer: name, path: /api/* }`,
  ],
  [
    'a service that is text',
    edited(4, '  backend: shop')
      .split('\n')
      .filter((line) => !/^ {4}(image|container|health)/.test(line))
      .join('\n'),
    '4: services.backend: "shop": write a map of keys and values: image, container, health, checks, env, env-files, secrets, run, command, stop-timeout, task, rollback, warm, adopt',
  ],
  ['no region', edited(2), '1: region: required; write a Region like eu-west-1'],
  [
    'a webhook inline',
    added(14, '    notifications: { discord: { webhook: https://discord.com/api/webhooks/1/s3cret } }'),
    `15: ${ENV}.notifications.discord.webhook: ${WHERE}`,
  ],
  [
    'a webhook as the name of a variable',
    added(14, '    notifications: { discord: { webhook: { env: https://discord.com/api/webhooks/1/s3cret } } }'),
    `15: ${ENV}.notifications.discord.webhook.env: not the name of a variable; ${WHERE}`,
  ],
  [
    'a webhook as the name of a parameter',
    added(14, '    notifications: { discord: { webhook: { parameter: https://discord.com/api/webhooks/1/s3cret } } }'),
    `15: ${ENV}.notifications.discord.webhook.parameter: not the name of a parameter; write the name of a parameter in Parameter Store, like /shop/production/database-url`,
  ],
  [
    'a webhook from nowhere',
    added(14, '    notifications: { discord: { webhook: {} } }'),
    `15: ${ENV}.notifications.discord.webhook: ${WHERE}`,
  ],
  [
    'a password in a probe',
    added(14, '    gates: { probes: [{ name: home, url: "https://u:s3cret@example.com/" }] }'),
    `15: ${ENV}.gates.probes[0].url: has a user or password, which logs would show; probe a route that needs none`,
  ],
  [
    'a probe of no URL',
    added(14, '    gates: { probes: [{ name: home, url: /api }] }'),
    `15: ${ENV}.gates.probes[0].url: "/api": write a URL like https://shop.example.com/api/`,
  ],
];

describe('the shape of the file', () => {
  test('the small file is right', () => {
    expect(problems(SMALL)).toEqual([]);
  });

  test.each(REFUSED)('refused: %s', (_name, text, ...lines) => {
    expect(problems(text)).toEqual(lines.map((line) => `deployctl.yml:${line}`));
  });

  test('no message repeats a secret that stands in the wrong place', () => {
    for (const [, text] of REFUSED) expect(problems(text).join('\n')).not.toContain('s3cret');
    expect(problems(`${SMALL}notifications: { discord: https://x/s3cret\n`).join('\n')).not.toContain('s3cret');
  });
});

describe('YAML', () => {
  test.each([
    ['a key twice', `${SMALL}app: again\n`, 'deployctl.yml:15: not YAML: Map keys must be unique'],
    ['broken brackets', edited(2, 'region: [eu-west-1'), expect.stringMatching(/^deployctl\.yml:\d+: not YAML: /)],
    ['nothing', '# only a comment\n', 'deployctl.yml:1: empty; start from examples/shop/deployctl.yml'],
    [
      'an alias to nothing',
      edited(2, 'region: *x'),
      expect.stringMatching(/^deployctl\.yml:1: not YAML that can be used: /),
    ],
    [
      'a list',
      '- app\n',
      'deployctl.yml:1: ["app"]: write a map of keys and values: app, region, services, environments',
    ],
  ])('refused: %s', (_name, text, first) => {
    expect(problems(text)[0]).toEqual(first);
  });

  test('anchors and aliases work, and lines are found through them', () => {
    const text = edited(7, '    health: &h { path: /health, passes: 4 }').concat('\n        health: *h\n');
    expect(parse(text).environments.production?.services[0]?.run.health.passes).toBe(4);
    const wrong = text.replace('passes: 4', 'passes: 0');
    expect(problems(wrong)).toEqual([
      'deployctl.yml:7: services.backend.health.passes: 0: write a whole number from 1 to 100',
      'deployctl.yml:7: environments.production.services.backend.health.passes: 0: write a whole number from 1 to 100',
    ]);
  });
});
