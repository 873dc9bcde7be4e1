import type { RouteName } from '../domain/settings.js';
import type { Draft, DraftColor, DraftService } from '../operations/init/draft.js';
import { oneLine } from '../reporters/clean.js';

/**
 * The text of deployctl.yml, with a comment where a choice was made or can be made.
 * @param local the endpoint is on this machine: the sandbox, whose time runs faster, so the waits are short
 */
export function configText(draft: Draft, local: boolean): string {
  const { app, region, environment } = draft;
  return [
    '# What deployctl rolls out, and where. All keys: docs/configuration.md.',
    '# `deployctl doctor` looks whether it fits.',
    // A comment ends with its line.
    ...draft.remarks.map((remark) => `# Look at this: ${oneLine(remark)}.`),
    `app: ${scalar(app)}`,
    `region: ${region}`,
    '',
    'services: # in rollout order',
    ...draft.services.flatMap((service, index) => serviceLines(service, index === 0)),
    '',
    'environments:',
    `  ${environment}:`,
    `    fleet: ${fleetText(draft)}`,
    ...layoutLines(draft),
    ...strategyLines(draft),
    ...(local ? sandboxTiming : realTiming),
    '    services:',
    ...draft.services.flatMap(placementLines),
    '    # watched during bakes:',
    '    # gates: { probes: [{ name: home, url: https://www.example.com/ }] }',
    '    # notifications: { discord: { webhook: { env: DISCORD_WEBHOOK_URL } } }',
    '',
  ].join('\n');
}

/** Hints once: they are the same for every service. */
function serviceLines(service: DraftService, withHints: boolean): readonly string[] {
  return [
    `  ${service.name}:`,
    `    image: ${scalar(service.repository)}`,
    `    container: { port: ${String(service.containerPort)} }`,
    `    health: { path: ${scalar(service.healthPath)} } # 2xx when the container is well`,
    ...(withHints ? hints : []),
  ];
}

const hints = [
  '    # checks: [{ path: / }] # real routes, asked on the instance, before traffic',
  '    # env: { LOG_LEVEL: info }',
  '    # read from Parameter Store by the instance:',
  '    # secrets: { DATABASE_URL: /shop/production/database-url }',
];

function fleetText({ fleet }: Draft): string {
  if (fleet.is === 'ids') return `{ instances: [${fleet.ids.join(', ')}] }`;
  const tags = Object.entries(fleet.tags).map(([key, value]) => `${scalar(key)}: ${scalar(value)}`);
  return `{ tags: { ${tags.join(', ')} } }`;
}

function layoutLines({ layout, strategy }: Draft): readonly string[] {
  if (layout.is === 'ports')
    return strategy === 'rolling' ? [] : ['    layout: ports # every instance runs both colors'];
  const { tag, values } = layout;
  return [`    layout: { tag: ${scalar(tag)}, blue: ${scalar(values.blue)}, green: ${scalar(values.green)} }`];
}

function strategyLines({ strategy }: Draft): readonly string[] {
  return strategy === 'rolling'
    ? ['    strategy: rolling', '    max-parallel: 1 # instances at a time']
    : ['    strategy: blue-green', '    steps: [10, 50, 100] # percentages of the traffic on the new color'];
}

const realTiming = ['    # timing: { bake: 2m } # how long each step is watched'];

const sandboxTiming = [
  "    # Short, because the time of the sandbox runs faster than AWS's. On AWS leave",
  '    # this block out: the defaults fit there.',
  '    timing:',
  '      { settle: 6s, stabilize: 2s, bake: 4s, health-timeout: 30s, poll: 500ms }',
];

function placementLines({ name, blue, green, routes }: DraftService): readonly string[] {
  return [
    `      ${name}:`,
    `        blue: ${colorText(blue)}`,
    ...(green === undefined ? [] : [`        green: ${colorText(green)}`]),
    ...(routes.length === 1
      ? [`        routes: [${routes.map(routeText).join('')}]`]
      : ['        routes:', ...routes.map((route) => `          - ${routeText(route)}`)]),
  ];
}

const colorText = ({ port, group }: DraftColor): string => `{ port: ${String(port)}, target-group: ${scalar(group)} }`;

function routeText(route: RouteName): string {
  if (route.is === 'arn') return route.arn;
  const parts = [
    `load-balancer: ${scalar(route.loadBalancer)}`,
    ...(route.port === undefined ? [] : [`port: ${String(route.port)}`]),
    ...(route.path === undefined ? [] : [`path: ${scalar(route.path)}`]),
    ...(route.host === undefined ? [] : [`host: ${scalar(route.host)}`]),
  ];
  return `{ ${parts.join(', ')} }`;
}

/** A text in YAML: as it is where that can mean nothing else, in double quotes elsewhere (JSON strings are YAML). */
function scalar(text: string): string {
  const plain =
    /^([A-Za-z/]|\d+[A-Za-z0-9.-]*\/)[A-Za-z0-9_./*:-]*$/.test(text) &&
    !/:$|^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  return plain ? text : JSON.stringify(text);
}
