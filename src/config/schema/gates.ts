import { z } from 'zod';
import { PARAMETER, PARAMETER_RULE, argv, duration, integer, list, name, plainText, share, shown, status, word } from './scalars.js';

const url = () =>
  plainText('write a URL like https://shop.example.com/api/').superRefine((value, context) => {
    const parsed = URL.canParse(value) ? new URL(value) : undefined;
    if (parsed === undefined || !['http:', 'https:'].includes(parsed.protocol)) {
      context.addIssue({ code: 'custom', message: `${shown(value)}: write a URL like https://shop.example.com/api/` });
    } else if (parsed.username !== '' || parsed.password !== '') {
      // The value is left out on purpose: it holds a password.
      context.addIssue({ code: 'custom', message: 'has a user or password, which logs would show; probe a route that needs none' });
    }
  });

const probe = z.strictObject({
  name: name().describe('Name in events and reasons'),
  url: url().describe('What is asked'),
  service: name().optional().describe('Service that a failure speaks of'),
  status: status().prefault('200-299').describe('Status codes that pass'),
  contains: plainText('write the text that the answer must contain').optional().describe('Text that the answer must contain'),
  interval: duration(100, 600_000).prefault('5s').describe('Time between two samples'),
  timeout: duration(100, 120_000).prefault('5s').describe('Longest answer'),
  'success-rate': share().prefault('99%').describe('Lowest share of good samples'),
  'min-samples': integer(1, 100_000).prefault(5).describe('Fewer samples than this are inconclusive'),
  'max-p95': duration(1, 120_000).optional().describe('Highest latency of the 95th percentile'),
});
export const probes = () => list(probe, '[{ name: home, url: https://shop.example.com/ }]').prefault([]);

const command = z.strictObject({
  name: name().describe('Name in events and reasons'),
  run: argv('["./smoke-test.sh"]').min(1, 'empty; a gate needs a command').describe('Command and arguments, run where deployctl runs, without a shell; exit 0 passes'),
  timeout: duration(1000, 3_600_000).prefault('1m').describe('Longest run'),
});

export const gates = z.strictObject({
  probes: probes().describe('URLs probed during bakes'),
  commands: list(command, '[{ name: smoke, run: ["./smoke-test.sh"] }]').prefault([]).describe('Commands run during bakes'),
  inconclusive: word(['pass', 'fail']).prefault('pass').describe('What too few samples mean'),
});

/*
 * Where a secret is. No message here repeats the value: who pastes the secret itself must not find it again in a log.
 */
const WHERE = 'write { env: NAME_OF_A_VARIABLE } or { parameter: /name/in/parameter-store }; the secret itself never stands in this file';
const quiet = (pattern: RegExp, wanted: string) => z.string({ error: wanted }).regex(pattern, { error: wanted });
const secret = z.strictObject(
  {
    env: quiet(/^[A-Za-z_][A-Za-z0-9_]*$/, `not the name of a variable; ${WHERE}`).optional().describe('Name of an environment variable that holds it'),
    parameter: quiet(PARAMETER, `not the name of a parameter; ${PARAMETER_RULE}`).optional().describe('Name of a parameter in Parameter Store that holds it'),
  },
  { error: (issue) => (issue.code === 'invalid_type' ? WHERE : undefined) },
);

const whereIs = (what: string) =>
  secret.refine((value) => (value.env === undefined) !== (value.parameter === undefined), { error: WHERE }).describe(what);

const receiver = z.strictObject({
  name: name().describe('Name in warnings'),
  url: whereIs('Where the URL is'),
  secret: whereIs('Where the secret of the signature is'),
});

export const notifications = z.strictObject({
  discord: z
    .strictObject({
      webhook: whereIs('Where the webhook URL is'),
      mention: plainText('write whom to mention, like @here or <@&123>').optional().describe('Mentioned when a rollout fails'),
    })
    .optional()
    .describe('Messages to a Discord channel'),
  slack: z
    .strictObject({
      webhook: whereIs('Where the URL of the incoming webhook is'),
      mention: plainText('write whom to mention, like <!here> or <!subteam^S0123456>').optional().describe('Mentioned when somebody is needed'),
    })
    .optional()
    .describe('Messages to a Slack channel'),
  webhooks: list(receiver, '[{ name: audit, url: { env: AUDIT_URL }, secret: { env: AUDIT_SECRET } }]')
    .superRefine((value, context) => {
      const names = value.map((each) => each.name);
      const twice = names.find((each, index) => names.indexOf(each) !== index);
      if (twice !== undefined) context.addIssue({ code: 'custom', message: `names ${JSON.stringify(twice)} twice; give each receiver its own name` });
    })
    .prefault([])
    .describe('Receivers of events as JSON, signed with HMAC-SHA256'),
});
