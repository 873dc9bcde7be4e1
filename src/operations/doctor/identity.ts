import { seconds } from '../preflight.js';
import type { Toolbox } from '../toolbox.js';
import type { Check } from './check.js';
import { fail, ok, skip, warn } from './check.js';
import type { Evidence } from './evidence.js';

/** Who we are, for how long, and what that identity may read. */
export async function identityChecks(
  box: Pick<Toolbox, 'clock' | 'identity' | 'signal'>,
  evidence: Pick<Evidence, 'reads' | 'model'>,
): Promise<readonly Check[]> {
  const trouble: Check[] = [];
  const credentials = await evidence.reads.try('', trouble, async () => ({
    end: await box.identity.credentialsEnd(box.signal),
  }));
  const { refused, allowed } = evidence.reads;
  const services = new Map<string, string[]>();
  for (const [service = '', operation = ''] of [...allowed].sort().map((call) => call.split(':'))) {
    services.set(service, [...(services.get(service) ?? []), operation]);
  }
  return [
    ...(credentials === undefined ? trouble : [lifetime(box, credentials.end, evidence.model.estimate)]),
    ...refused.values(),
    ...[...services].map(([service, operations]) => ok(`${service} answers: ${operations.join(', ')}`)),
    skip('the rights to change are not tried: that would be a change', 'deployctl iam-policy prints what is needed'),
  ];
}

function lifetime(box: Pick<Toolbox, 'clock'>, end: number | undefined, estimate: number | undefined): Check {
  if (end === undefined) return ok('the credentials do not end, or are renewed by themselves');
  const left = end - box.clock.now();
  const until = `the credentials end at ${new Date(end).toISOString()}`;
  const longer = 'ask for a longer session (role-duration-seconds in GitHub Actions), or shorten the bakes';
  if (left <= 0) return fail(until, 'renew the AWS credentials');
  if (estimate === undefined) return warn(`${until}; how long a rollout takes could not be predicted`, longer);
  if (left < estimate) return fail(`${until}, in ${seconds(left)}; a rollout takes about ${seconds(estimate)}`, longer);
  if (left < estimate * 2) {
    return warn(`${until}, in ${seconds(left)}; a rollout takes ${seconds(estimate)}, and may have to go back`, longer);
  }
  return ok(`${until}, in ${seconds(left)}; a rollout takes about ${seconds(estimate)}`);
}
