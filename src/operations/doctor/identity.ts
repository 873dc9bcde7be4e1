import { awsCalls } from '../../domain/aws-calls.js';
import type { AwsOperation } from '../../domain/aws-calls.js';
import { iamAction, isOfIdentity } from '../../domain/errors.js';
import type { PortError } from '../../domain/errors.js';
import { seconds } from '../preflight.js';
import type { Toolbox } from '../toolbox.js';
import type { Check } from './check.js';
import { fail, failedCall, ok, skip, warn } from './check.js';
import type { Evidence } from './evidence.js';

/** Who we are, for how long, and every call that deployctl makes: what it is answered. */
export async function identityChecks(
  box: Pick<Toolbox, 'clock' | 'identity' | 'signal'>,
  evidence: Pick<Evidence, 'reads' | 'model'>,
): Promise<readonly Check[]> {
  const { reads } = evidence;
  const trouble: Check[] = [];
  const credentials = await reads.try([], trouble, async () => ({
    end: await box.identity.credentialsEnd(box.signal),
  }));
  return [
    ...(credentials === undefined ? [] : [lifetime(box, credentials.end, evidence.model.estimate)]),
    ...callChecks(reads),
  ];
}

/** Calls that failed, those that were answered, and those that could not be tried. */
function callChecks({ answered, failed }: Evidence['reads']): readonly Check[] {
  const calls: readonly Call[] = awsCalls;
  const untried = calls.filter(({ operation }) => !answered.has(operation) && !failed.has(operation));
  const named = (some: readonly Call[]): string => some.map(({ operation }) => iamAction(operation)).join(', ');
  const changes = untried.filter(({ use }) => use === 'change');
  const reads = untried.filter(({ use }) => use === 'read');
  const services = new Map<string, string[]>();
  for (const [service = '', operation = ''] of [...answered].map((call) => iamAction(call).split(':')).sort()) {
    services.set(service, [...(services.get(service) ?? []), operation]);
  }
  return [
    ...[...failed.values()].map((failure) => failedCall(failure, levelOf(failure, answered))),
    ...[...services].sort().map(([service, operations]) => ok(`${service} answers: ${operations.sort().join(', ')}`)),
    ...(changes.length === 0
      ? []
      : [
          skip(
            `not tried, because it would be a change: ${named(changes)}`,
            'deployctl iam-policy prints what is needed',
          ),
        ]),
    ...(reads.length === 0
      ? []
      : [skip(`not tried, because nothing here needs it, or what it needs could not be read: ${named(reads)}`)]),
  ];
}

type Call = (typeof awsCalls)[number] & { readonly instead?: AwsOperation; readonly onlyDoctor?: true };

/** A rollout does without what only the doctor reads, and without what another call stands in for. */
function levelOf(failure: PortError, answered: ReadonlySet<AwsOperation>): 'fail' | 'warn' {
  const calls: readonly Call[] = awsCalls;
  const call = calls.find(({ operation }) => operation === failure.operation);
  if (isOfIdentity(failure)) return 'fail';
  return call?.onlyDoctor === true || (call?.instead !== undefined && answered.has(call.instead)) ? 'warn' : 'fail';
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
