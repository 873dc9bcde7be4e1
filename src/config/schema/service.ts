import { z } from 'zod';
import { PARAMETER, PARAMETER_RULE, argv, duration, integer, list, plainText, port, repository, status, text, urlPath, variable, warm, word } from './scalars.js';

const MINUTE = 60_000;

const health = {
  path: urlPath().describe('Path that answers 2xx when the container is well'),
  passes: integer(1, 100).describe('Passes in a row that make it well'),
  interval: duration(100, 5 * MINUTE).describe('Time between two requests'),
  timeout: duration(100, 2 * MINUTE).describe('Longest answer'),
  'start-timeout': duration(1000, 60 * MINUTE).describe('Time from the start of the container to its passes'),
};

export const check = z.strictObject({
  path: urlPath().describe('A real route, asked on the instance before any traffic'),
  method: word(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).prefault('GET').describe('Request method'),
  headers: z
    .record(text(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'not the name of a header'), text(/^[^\r\n]*$/, 'write text, without line breaks'))
    .prefault({})
    .describe('Request headers'),
  status: status().prefault('200-299').describe('Status codes that pass'),
  contains: plainText('write the text that the answer must contain').optional().describe('Text that the answer must contain'),
  samples: integer(1, 1000).prefault(1).describe('How many requests'),
  'max-failures': integer(0, 999).prefault(0).describe('How many of them may fail'),
  timeout: duration(100, 2 * MINUTE).prefault('2s').describe('Longest answer'),
});

const task = z.strictObject({
  command: argv('["node", "migrate.js"]').min(1, 'empty; a task needs a command').describe('Command of the one-off container'),
  timeout: duration(1000).prefault('5m').describe('Longest run'),
});

/** Keys of a service; which are required and what the others default to is said below. */
const keys = {
  image: repository().describe('Image repository, without a tag'),
  container: {
    name: text(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/, 'write letters, digits, _ . and -').describe('Base of the names of the containers; default: name of the service'),
    port: port().describe('Port that the container listens on'),
  },
  checks: list(check, '[{ path: /api/ }]').describe('Requests to real routes, made on the instance before any traffic'),
  env: z.record(variable(), z.string({ error: 'not text; put the value in quotes' })).describe('Plain environment variables; secrets belong in `secrets`'),
  'env-files': list(text(/^\/[^\0\r\n]*$/, 'write an absolute path on the instance'), '[/etc/shop/backend.env]').describe('Env files on the instance'),
  secrets: z.record(variable(), text(PARAMETER, PARAMETER_RULE)).describe('Variables that the instance reads from Parameter Store'),
  run: argv('["--memory=512m"]').describe('Further arguments of `docker run`'),
  command: argv('["node", "server.js"]').describe("Replaces the image's command"),
  'stop-timeout': duration(1000, 10 * MINUTE - 1).describe('From SIGTERM to SIGKILL; less than 10m'),
  task: task.describe('One run of the new image before any traffic change, at most once a release'),
  rollback: word(['auto', 'manual']).describe('`manual`: a bad release freezes and alerts instead of being rolled back'),
  warm: warm().describe('How long the previous color stays registered as the way back'),
  adopt: list(text(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/, 'write the name of a container, like backend'), '[backend]').describe('Names of containers that deployctl did not start and may stop and rename for this service, whatever their image; on the live color one that runs `image` needs no name here'),
};

/** A service as the top level describes it: complete, with defaults. */
export const service = z.strictObject({
  image: keys.image,
  container: z.strictObject({ name: keys.container.name.optional(), port: keys.container.port }).describe('The container'),
  health: z.strictObject({
    path: health.path,
    passes: health.passes.prefault(3),
    interval: health.interval.prefault('1s'),
    timeout: health.timeout.prefault('2s'),
    'start-timeout': health['start-timeout'].prefault('60s'),
  }).describe('How the container is asked on its instance whether it is well'),
  checks: keys.checks.prefault([]),
  env: keys.env.prefault({}),
  'env-files': keys['env-files'].prefault([]),
  secrets: keys.secrets.prefault({}),
  run: keys.run.prefault([]),
  command: keys.command.prefault([]),
  'stop-timeout': keys['stop-timeout'].prefault('30s'),
  task: keys.task.optional(),
  rollback: keys.rollback.prefault('auto'),
  warm: keys.warm.prefault('until-next'),
  adopt: keys.adopt.prefault([]),
});
export type Service = z.output<typeof service>;

const arnOf = (kind: string): string => `arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\\d{12}:${kind}`;
export const GROUP_ARN = new RegExp(`^${arnOf('targetgroup/([A-Za-z0-9-]{1,32})/[0-9a-f]+')}$`);
const ROUTE_ARN = new RegExp(`^${arnOf('listener(?:-rule)?/app/[A-Za-z0-9-]{1,32}(?:/[0-9a-f]+){2,3}')}$`);
// Names of load balancers and target groups: "A maximum of 32 alphanumeric characters including hyphens" (ELB API).
const ELB_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?$/;

const color = z.strictObject({
  port: port().describe('Host port of the color'),
  'target-group': text(new RegExp(`${ELB_NAME.source}|${GROUP_ARN.source}`), 'write the name or the ARN of a target group').describe('Target group, by name or ARN'),
});

const match = z.strictObject({
  'load-balancer': text(ELB_NAME, 'write the name of a load balancer').describe('Name of the load balancer'),
  port: port().optional().describe('Port of the listener; default: the only listener that fits'),
  path: text(/^\/[^\s"]{0,127}$/, 'write a path pattern of a rule, like /api/*').optional().describe('Path pattern of the rule; default: the default action'),
  host: text(/^[A-Za-z0-9.*?:-]{1,128}$/, 'write a host pattern of a rule, like *.example.com').optional().describe('Host pattern of the rule'),
});
const routeArn = text(ROUTE_ARN, 'write the ARN of a listener or of a listener rule of an Application Load Balancer, or { load-balancer: name, path: /api/* }');

/** A service within an environment: where its traffic goes, and whatever differs here. */
export const placement = z.strictObject({
  blue: color.describe('The blue color'),
  green: color.optional().describe('The green color; needed for blue-green'),
  routes: list(z.union([routeArn, match]), '[{ load-balancer: shop, path: /api/* }]')
    .min(1, 'empty; name at least one listener or rule that forwards to the service')
    .describe('Listeners or rules that forward to the service'),
  image: keys.image.optional(),
  container: z.strictObject(keys.container).partial().optional().describe('The container, where it differs'),
  health: z.strictObject(health).partial().optional().describe('Health, where it differs'),
  checks: keys.checks.optional(),
  env: keys.env.optional(),
  'env-files': keys['env-files'].optional(),
  secrets: keys.secrets.optional(),
  run: keys.run.optional(),
  command: keys.command.optional(),
  'stop-timeout': keys['stop-timeout'].optional(),
  task: keys.task.optional(),
  rollback: keys.rollback.optional(),
  warm: keys.warm.optional(),
  adopt: keys.adopt.optional(),
});
export type Placement = z.output<typeof placement>;

