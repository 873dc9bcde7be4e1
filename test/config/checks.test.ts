import { describe, expect, test } from 'vitest';
import { SMALL, added, edited, problems } from './helpers.js';

const ENV = 'environments.production';
const SVC = `${ENV}.services.backend`;
const STAGING = (fleet: string, port: number, group: string, routes: string): string =>
  `${SMALL}  staging:
    fleet: ${fleet}
    services:
      backend:
        blue: { port: ${port}, target-group: ${group} }
        routes: [${routes}]
`;
const OTHER = '{ tags: { App: other } }';
const RULE =
  'arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/shop/0123456789abcdef/0123456789abcdef/0123456789abcdef';
const GREEN = '        green: { port: 8082, target-group: backend-green }';

const REFUSED: readonly (readonly [name: string, text: string, ...lines: string[]])[] = [
  [
    'two environments on one target group',
    STAGING(OTHER, 8081, 'backend-blue', '{ load-balancer: staging }'),
    `19: environments.staging.services.backend.blue.target-group: backend-blue is also the target group of ${SVC}.blue.target-group (line 13); each color needs its own`,
  ],
  [
    'the same by ARN',
    STAGING(
      OTHER,
      8081,
      'arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/backend-blue/0123456789abcdef',
      '{ load-balancer: staging }',
    ),
    `19: environments.staging.services.backend.blue.target-group: backend-blue is also the target group of ${SVC}.blue.target-group (line 13); each color needs its own`,
  ],
  [
    'two environments on one route',
    STAGING(OTHER, 8081, 'staging-blue', '{ load-balancer: shop }'),
    `20: environments.staging.services.backend.routes[0]: shop default action is also the route of ${SVC}.routes[0] (line 14); a route has one owner`,
  ],
  [
    'one fleet and host port',
    STAGING('{ tags: { App: shop } }', 8081, 'staging-blue', '{ load-balancer: staging }'),
    `19: environments.staging.services.backend.blue.port: port 8081 is also the port of ${SVC}.blue.port (line 13) on the same instances; each needs its own`,
  ],
  [
    'blue and green on one target group and port',
    added(13, '        green: { port: 8081, target-group: backend-blue }'),
    `14: ${SVC}.green.target-group: backend-blue is also the target group of ${SVC}.blue.target-group (line 13); each color needs its own`,
    `14: ${SVC}.green.port: port 8081 is also the port of ${SVC}.blue.port (line 13) on the same instances; each needs its own`,
  ],
  [
    'an ARN of another Region',
    edited(14, `        routes: ['${RULE.replace('eu-west-1', 'us-east-1')}']`),
    `14: ${SVC}.routes[0]: the ARN is of Region us-east-1, but region is eu-west-1`,
  ],
  [
    'blue-green without green',
    added(10, '    strategy: blue-green'),
    `13: ${SVC}: no green, which strategy blue-green needs; add green: { port, target-group }, or write strategy: rolling`,
  ],
  [
    'layout values that are equal',
    added(10, '    layout: { tag: Color, blue: x, green: x }'),
    `11: ${ENV}.layout: blue and green are both "x"; each color needs its own value of Color`,
  ],
  [
    'a lease too short for a change',
    added(10, '    lease: { ttl: 19s, heartbeat: 9s }'),
    `11: ${ENV}.lease: ttl 19s is not more than heartbeat 9s and the 10s that an AWS call may take: no change could be sent under it; raise ttl`,
  ],
  [
    'a heartbeat too slow',
    added(10, '    lease: { ttl: 28s, heartbeat: 14s }'),
    `11: ${ENV}.lease: heartbeat 14s is not less than half of ttl 28s: one lost heartbeat would lose the lease; raise ttl or lower heartbeat`,
  ],
  [
    'bakes beyond the deadline',
    added(10, '    timing: { bake: 3h }'),
    `11: ${ENV}.timing: the bakes alone take 3h, but the deadline is 2h; raise deadline or lower bake`,
  ],
  [
    'a start that does not fit',
    added(7, '    stop-timeout: 5m'),
    `13: ${SVC}: stop-timeout 5m and health.start-timeout 1m do not fit into timing.host-command 5m; raise host-command`,
  ],
  [
    'checks that always pass',
    added(7, '    checks: [{ path: /, samples: 3, max-failures: 3 }]'),
    '8: services.backend.checks[0].max-failures: 3 failures of 3 samples would pass whatever happens; write a number below samples',
  ],
  [
    'a variable that is plain and secret',
    added(7, '    env: { TOKEN: x }', '    secrets: { TOKEN: /shop/token }'),
    '9: services.backend.secrets.TOKEN: TOKEN is in both env and secrets; keep it in one of them',
  ],
  [
    'the same across the environment',
    `${added(7, '    secrets: { TOKEN: /shop/token }')}\n        env: { TOKEN: x }`,
    `16: ${SVC}.env.TOKEN: TOKEN is in both env and secrets; keep it in one of them`,
  ],
  [
    'a service of an environment that is none',
    edited(12, '      backnd:'),
    `12: ${ENV}.services.backnd: "backnd" is not a service; did you mean "backend"?`,
  ],
  [
    'a service named as a flag',
    SMALL.replaceAll('backend:', 'image:'),
    '4: services.image: a service can\'t be named "image": --image is a flag of deployctl; choose another name',
  ],
  [
    'the app of the claims',
    edited(1, 'app: claims'),
    '1: app: "claims" is a word of deployctl\'s own; choose another name',
  ],
  [
    'no services at all',
    'app: a\nregion: eu-west-1\nservices: {}\nenvironments: {}\n',
    '3: services: empty; describe at least one service',
    '4: environments: empty; describe at least one environment',
  ],
  [
    'two probes of one name',
    added(
      14,
      '    gates:',
      '      probes:',
      '        - { name: a, url: "http://x/" }',
      '        - { name: a, url: "http://y/", service: frontend }',
    ),
    `18: ${ENV}.gates.probes[1].name: "a" is also the name of [0]; give each its own`,
    `18: ${ENV}.gates.probes[1].service: "frontend" is not a service; the services are backend`,
  ],
];

describe('keys together', () => {
  test.each(REFUSED)('refused: %s', (_name, text, ...lines) => {
    expect(problems(text)).toEqual(lines.map((line) => `deployctl.yml:${line}`));
  });

  test.each([
    [
      'another port on the same fleet',
      STAGING('{ tags: { App: shop } }', 9081, 'staging-blue', '{ load-balancer: staging }'),
    ],
    ['the same port on another fleet', STAGING(OTHER, 8081, 'staging-blue', '{ load-balancer: staging }')],
    [
      'another rule of the same listener',
      STAGING(OTHER, 8081, 'staging-blue', '{ load-balancer: shop, path: /staging/* }'),
    ],
    [
      'both colors on one port in two sets of instances',
      added(10, '    layout: { tag: Color, blue: b, green: g }').concat('\n', GREEN.replace('8082', '8081')),
    ],
    ['blue-green with both colors', added(10, '    strategy: blue-green').concat('\n', GREEN)],
  ])('accepted: %s', (_name, text) => {
    expect(problems(text)).toEqual([]);
  });

  test('AWS_REGION that differs', () => {
    expect(problems(SMALL, { AWS_REGION: 'us-east-1' })).toEqual([
      'deployctl.yml:2: region: eu-west-1 here, but AWS_REGION is us-east-1 in the environment; unset AWS_REGION or change one of the two',
    ]);
    expect(problems(SMALL, { AWS_REGION: 'eu-west-1' })).toEqual([]);
    expect(problems(SMALL, { AWS_REGION: '' })).toEqual([]);
  });

  test.each([
    [['--name=x'], `[0]: --name is deployctl's own; containers are named after \`container.name\``],
    [['-p', '80:80'], `[0]: -p is deployctl's own; write \`container.port\` and the \`port\` of each color`],
    [['-p80:80'], `[0]: -p is deployctl's own; write \`container.port\` and the \`port\` of each color`],
    [
      ['--restart=always'],
      `[0]: --restart is deployctl's own; deployctl sets the restart policy, off for what is kept as the way back; leave it out`,
    ],
    [['--init', '-eTOKEN=x'], `[1]: -e is deployctl's own; write \`env\`, or \`secrets\` for what nobody may read`],
    [['--env-file', '/x'], `[0]: --env-file is deployctl's own; write \`env-files\``],
    [['-itd'], `[0]: -i is deployctl's own; deployctl decides how containers are started and kept; leave it out`],
    [
      ['memory=512m'],
      `[0]: "memory=512m" follows no option and would be taken for the image; join it to its option: "--option=value"`,
    ],
    [
      ['--memory=512m', 'nginx'],
      `[1]: "nginx" follows no option and would be taken for the image; join it to its option: "--option=value"`,
    ],
    [['--'], '[0]: "--" ends the options; leave it out'],
  ])('run: %j is refused', (run, message) => {
    expect(problems(added(7, `    run: ${JSON.stringify(run)}`))).toEqual([
      `deployctl.yml:8: services.backend.run${message}`,
    ]);
  });

  test('run: other options are passed on', () => {
    expect(problems(added(7, '    run: ["--memory=512m", "--network", "host", "-u", "1000", "--privileged"]'))).toEqual(
      [],
    );
  });
});
