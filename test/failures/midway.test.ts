import { describe, expect, it } from 'vitest';
import { iamAction } from '../../src/domain/errors.js';
import type { EventBody } from '../../src/domain/event.js';
import { rollout } from '../../src/operations/rollout.js';
import type { Fault } from '../simulation/process.js';
import { says } from '../messages/say.js';
import { request, Shop } from '../messages/world.js';

/*
 * A call fails in the midst of a rollout. What is read is unknown until it can be read again, which is told at once with what to do about it; a change
 * that is refused ends the process.
 */

const reads = [
  'ec2:DescribeInstances',
  'elbv2:DescribeRules',
  'elbv2:DescribeTargetHealth',
  'ssm:GetCommandInvocation',
  'ssm:GetParametersByPath',
  'ssm:GetParameter',
];
const changes = ['elbv2:RegisterTargets', 'elbv2:DeregisterTargets', 'elbv2:ModifyRule', 'ssm:SendCommand start'];
/** Instances leave the load balancer one after the other in a rolling rollout alone. */
const rolling = ['elbv2:DeregisterTargets'];

/** A rollout during which one operation is refused, from its first action on, for some seconds. */
async function rolloutWithout(
  operation: string,
  kind: 'access-denied' | 'expired-credentials',
  seconds: number,
): Promise<{ readonly error: unknown; readonly told: number | undefined; readonly notes: readonly string[] }> {
  const shop = await Shop.open({ strategy: rolling.includes(operation) ? 'rolling' : 'blue-green' });
  const { timeline } = shop.world;
  let begun: number | undefined;
  let refusedAt: number | undefined;
  let told: number | undefined;
  const notes: string[] = [];
  const weather = {
    fault: ({ name }: { readonly name: string }): Fault | undefined => {
      if (name !== operation || begun === undefined || timeline.now > begun + seconds * 1000) return undefined;
      refusedAt ??= timeline.now;
      return { is: 'refused', kind };
    },
  };
  const emit = (event: EventBody): void => {
    if (event.type === 'action.sent') begun ??= timeline.now;
    if (event.type !== 'note') return;
    notes.push(event.text);
    if (event.level === 'warning' && event.text.includes(operation)) told ??= timeline.now - (refusedAt ?? Infinity);
  };
  const error: unknown = await shop
    .anna((box) => rollout({ ...box, emit }, request()), weather)
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  expect(refusedAt, `${operation} was asked for`).toBeDefined();
  return { error, told, notes };
}

describe.each(reads)('%s', (operation) => {
  it('is named at once when it is denied, with the action to allow, and the rollout succeeds when it is allowed again', async () => {
    const { error, told, notes } = await rolloutWithout(operation, 'access-denied', 12);
    expect(error).toBeUndefined();
    const note = notes.find((text) => text.includes(operation));
    expect(note).toMatch(new RegExp(`${operation}: access-denied; allow ${iamAction(operation)} for this identity\\.`));
    // The round of reads in which it was met.
    expect(told).toBeLessThanOrEqual(operation.startsWith('ssm:GetParameter') ? 10_000 : 1000);
    expect(notes.filter((text) => text === note)).toHaveLength(1);
  });

  it('is named at once when the credentials have expired', async () => {
    const { notes } = await rolloutWithout(operation, 'expired-credentials', 12);
    expect(notes.find((text) => text.includes(operation))).toMatch(/expired-credentials; renew the AWS credentials\./);
  });
});

it.each(changes)('%s ends the process when it is denied, and says what to allow', async (operation) => {
  const { error } = await rolloutWithout(operation, 'access-denied', 600);
  const act = (): never => {
    throw error;
  };
  const text = await says('aws.access-denied', 'rollout --backend new', act);
  expect(text).toContain(`${operation} was refused in the middle of the rollout`);
  expect(text).toContain(`allow ${iamAction(operation)} for this identity`);
  expect(text).toMatch(/deployctl resume --env sim .*[^]*deployctl rollback --env sim [^]*\(exit 14\)$/);
});

it('a right that is missing is named although another read fails already', async () => {
  const shop = await Shop.open({ strategy: 'blue-green' });
  const { timeline } = shop.world;
  let begun: number | undefined;
  const weather = {
    fault: ({ name }: { readonly name: string }): Fault | undefined => {
      const since = begun === undefined ? -1 : timeline.now - begun;
      if (since < 0 || since > 20_000) return undefined;
      if (name === 'elbv2:DescribeRules') return { is: 'refused', kind: 'server' };
      return name === 'elbv2:DescribeTargetHealth' && since > 5000
        ? { is: 'refused', kind: 'access-denied' }
        : undefined;
    },
  };
  const notes: string[] = [];
  const emit = (event: EventBody): void => {
    if (event.type === 'action.sent') begun ??= timeline.now;
    if (event.type === 'note') notes.push(event.text);
  };
  await shop.anna((box) => rollout({ ...box, emit }, request()), weather);
  expect(notes.find((text) => text.includes('elbv2:DescribeRules'))).toMatch(/cannot be read/);
  expect(notes.find((text) => text.includes('elbv2:DescribeTargetHealth: access-denied'))).toMatch(
    /allow elasticloadbalancing:DescribeTargetHealth for this identity/,
  );
});
