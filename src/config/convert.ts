import type { InstanceId } from '../domain/ids.js';
import { isArn, isInstanceId } from '../domain/ids.js';
import type {
  ColorSettings,
  DiscordSettings,
  EnvironmentSettings,
  FleetSelector,
  GroupName,
  HookCommand,
  HookSettings,
  Layout,
  ProbeSettings,
  RouteName,
  SecretSource,
  ServiceSettings,
  Settings,
} from '../domain/settings.js';
import type { PlacedService } from './merge.js';
import { placedServices } from './merge.js';
import type { Environment } from './schema/environment.js';
import type { Config } from './schema/index.js';
import type { Placement, Service } from './schema/service.js';

/** The checked file in the words of the domain. */
export function toSettings(file: string, config: Config): Settings {
  const environments = Object.entries(config.environments).map(
    ([name, environment]) => [name, toEnvironment(config, name, environment)] as const,
  );
  return { file, environments: Object.fromEntries(environments) };
}

function toEnvironment(config: Config, name: string, from: Environment): EnvironmentSettings {
  const { timing } = from;
  const discord = toChannel(from.notifications.discord);
  const slack = toChannel(from.notifications.slack);
  return {
    app: config.app,
    environment: name,
    region: config.region,
    fleet: toFleet(from.fleet),
    layout: toLayout(from.layout),
    strategy: from.strategy,
    maxParallel: from['max-parallel'],
    ...(from['minimum-healthy'] === undefined ? {} : { minimumHealthy: from['minimum-healthy'] }),
    allowDowntime: from['allow-downtime'],
    pullParallel: from.pull['max-parallel'],
    steps: from.steps,
    ...(from.sticky === undefined ? {} : { stickySeconds: from.sticky / 1000 }),
    drain: from.drain,
    keep: from.keep,
    unreachable: from.unreachable,
    foreignTargets: from['foreign-targets'],
    timing: {
      settle: timing.settle,
      stabilize: timing.stabilize,
      bake: timing.bake,
      healthTimeout: timing['health-timeout'],
      hostCommand: timing['host-command'],
      pullTimeout: timing['pull-timeout'],
      quiet: timing.quiet,
      drainCap: timing['drain-cap'],
      rolloutDeadline: timing.deadline,
      hold: timing.hold,
      poll: timing.poll,
    },
    lease: from.lease,
    onHangup: from['on-hangup'],
    services: placedServices(config, name).map(toService),
    gates: {
      probes: from.gates.probes.map(toProbe),
      commands: from.gates.commands.map(({ name: gate, run, timeout }) => ({ name: gate, command: run, timeout })),
      inconclusive: from.gates.inconclusive,
    },
    validation: {
      probes: from.validation.probes.map(toProbe),
      duration: from.validation.duration,
      monitor: from.validation.monitor,
    },
    hooks: toHooks(from.hooks),
    ...(discord === undefined ? {} : { discord }),
    ...(slack === undefined ? {} : { slack }),
    webhooks: from.notifications.webhooks.map(({ name: receiver, url, secret }) => ({
      name: receiver,
      url: toSource(url),
      secret: toSource(secret),
    })),
  };
}

function toService({ name, service, placement }: PlacedService): ServiceSettings {
  return {
    name,
    repository: service.image,
    containerName: service.container.name ?? name,
    adopt: service.adopt,
    run: toRunSpec(service),
    colors: {
      blue: toColor(placement.blue),
      ...(placement.green === undefined ? {} : { green: toColor(placement.green) }),
    },
    routes: placement.routes.map(toRoute),
    warm: service.warm,
  };
}

function toRunSpec(service: Service): ServiceSettings['run'] {
  const { health } = service;
  return {
    containerPort: service.container.port,
    env: service.env,
    envFiles: service['env-files'],
    secrets: service.secrets,
    runOptions: service.run,
    command: service.command,
    stopTimeout: service['stop-timeout'],
    health: {
      path: health.path,
      passes: health.passes,
      interval: health.interval,
      timeout: health.timeout,
      startTimeout: health['start-timeout'],
    },
    checks: service.checks.map(({ contains, 'max-failures': maxFailures, ...check }) => ({
      ...check,
      maxFailures,
      ...(contains === undefined ? {} : { contains }),
    })),
    ...(service.task === undefined ? {} : { task: service.task }),
    rollback: service.rollback,
  };
}

function toHooks(from: Environment['hooks']): HookSettings {
  const commands = (hooks: Environment['hooks']['success']): readonly HookCommand[] =>
    hooks.map(({ run, shell, timeout }) => ({
      command: run === undefined ? { is: 'shell', line: shell ?? '' } : { is: 'argv', argv: run },
      timeout,
    }));
  return {
    'pre-rollout': commands(from['pre-rollout']),
    'pre-traffic': commands(from['pre-traffic']),
    'post-shift': commands(from['post-shift']),
    success: commands(from.success),
    failure: commands(from.failure),
  };
}

function toProbe(from: Environment['gates']['probes'][number]): ProbeSettings {
  return {
    name: from.name,
    url: from.url,
    ...(from.service === undefined ? {} : { service: from.service }),
    status: from.status,
    ...(from.contains === undefined ? {} : { contains: from.contains }),
    interval: from.interval,
    timeout: from.timeout,
    successRate: from['success-rate'],
    minSamples: from['min-samples'],
    ...(from['max-p95'] === undefined ? {} : { maxLatencyP95: from['max-p95'] }),
  };
}

function toFleet({ tags, instances }: Environment['fleet']): FleetSelector {
  if (tags !== undefined) return { is: 'tags', tags };
  return { is: 'ids', ids: (instances ?? []).filter((id): id is InstanceId => isInstanceId(id)) };
}

function toLayout(layout: Environment['layout']): Layout {
  if (layout === 'ports') return { is: 'ports' };
  return { is: 'instances', tag: layout.tag, values: { blue: layout.blue, green: layout.green } };
}

function toColor(from: Placement['blue']): ColorSettings {
  return { port: from.port, targetGroup: toGroup(from['target-group']) };
}

function toGroup(text: string): GroupName {
  return isArn(text) ? { is: 'arn', arn: text } : { is: 'name', name: text };
}

function toRoute(from: Placement['routes'][number]): RouteName {
  if (typeof from !== 'string') {
    return {
      is: 'match',
      loadBalancer: from['load-balancer'],
      ...(from.port === undefined ? {} : { port: from.port }),
      ...(from.path === undefined ? {} : { path: from.path }),
      ...(from.host === undefined ? {} : { host: from.host }),
    };
  }
  // The schema lets no other text through.
  if (!isArn(from)) throw new TypeError(`route is not an ARN: ${from}`);
  return { is: 'arn', arn: from };
}

function toChannel(from: Environment['notifications']['discord']): DiscordSettings | undefined {
  if (from === undefined) return undefined;
  const webhook = toSource(from.webhook);
  return { webhook, ...(from.mention === undefined ? {} : { mention: from.mention }) };
}

function toSource({ env, parameter }: { env?: string | undefined; parameter?: string | undefined }): SecretSource {
  if (env !== undefined) return { is: 'env', variable: env };
  return { is: 'parameter', name: parameter ?? '' };
}
