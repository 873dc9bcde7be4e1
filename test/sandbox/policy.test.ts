import { describe, expect, it } from 'vitest';
import { createPolicy } from '../../src/sandbox/wire/policy.js';
import type { JudgedCall } from '../../src/sandbox/wire/policy.js';

const where = { region: 'eu-west-1', accountId: '123456789012' };
const tags: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'i-0a': { App: 'shop' },
  'i-0b': { App: 'other' },
};
const policy = (...Statement: readonly unknown[]) =>
  createPolicy(JSON.stringify({ Version: '2012-10-17', Statement }), where, (id) => tags[id]);
const call = (service: JudgedCall['service'], operation: string, params: Record<string, unknown> = {}): JudgedCall => ({
  service,
  operation,
  params,
  caller: 'client' as const,
});
const allow = (Action: unknown, Resource: unknown, more: object = {}) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
});
const group = (name: string): string => `arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/${name}/0a`;

describe('the policy of the sandbox', () => {
  it('allows what a statement names, with wildcards, and refuses the rest in the words of each service', () => {
    const judged = policy(allow('elasticloadbalancing:Register*', group('shop-*')));
    expect(judged.judge(call('elbv2', 'RegisterTargets', { TargetGroupArn: group('shop-a') }))).toBeUndefined();
    expect(judged.judge(call('elbv2', 'RegisterTargets', { TargetGroupArn: group('other') }))).toMatchObject({
      code: 'AccessDenied',
      status: 403,
      message: `User: arn:aws:iam::123456789012:user/sandbox is not authorized to perform: elasticloadbalancing:RegisterTargets on resource: ${group('other')} because no identity-based policy allows the elasticloadbalancing:RegisterTargets action`,
    });
    expect(judged.judge(call('ssm', 'PutParameter', { Name: '/x' }))).toMatchObject({
      code: 'AccessDeniedException',
      status: 400,
    });
    expect(judged.judge(call('ec2', 'DescribeInstances'))).toMatchObject({
      code: 'UnauthorizedOperation',
      status: 403,
      message: expect.stringMatching(/^You are not authorized to perform this operation\. User: /) as string,
    });
    expect(judged.report().denied).toHaveLength(3);
  });
  it('a command needs its document and every instance', () => {
    const judged = policy(
      allow('ssm:SendCommand', 'arn:aws:ssm:eu-west-1::document/AWS-RunShellScript'),
      allow('ssm:SendCommand', 'arn:aws:ec2:*:*:instance/*', {
        Condition: { StringLike: { 'ssm:resourceTag/App': 'sh*' } },
      }),
    );
    const send = (...InstanceIds: readonly string[]) =>
      judged.judge(call('ssm', 'SendCommand', { DocumentName: 'AWS-RunShellScript', InstanceIds }));
    expect(send('i-0a')).toBeUndefined();
    expect(send('i-0a', 'i-0b')?.message).toMatch(/instance\/i-0b because/);
    expect(judged.judge(call('ssm', 'SendCommand', { DocumentName: 'Other', InstanceIds: ['i-0a'] }))).toBeDefined();
    expect(judged.report().statements.map(({ used }) => used)).toEqual([
      { 'ssm:SendCommand': 2 },
      { 'ssm:SendCommand': 2 },
    ]);
  });
  it('an action without resources is not allowed by a statement for one', () => {
    expect(
      policy(allow('ec2:*', 'arn:aws:ec2:eu-west-1:1:instance/i-0a')).judge(call('ec2', 'DescribeInstances')),
    ).toBeDefined();
    expect(policy(allow('ec2:*', '*')).judge(call('ec2', 'DescribeInstances'))).toBeUndefined();
  });
  it('another Region does not match, and a deny wins', () => {
    const elsewhere = allow('*', '*', { Condition: { StringEquals: { 'aws:RequestedRegion': 'us-east-1' } } });
    expect(policy(elsewhere).judge(call('ec2', 'DescribeInstances'))).toBeDefined();
    const deny = { Effect: 'Deny', Action: 'ssm:*', Resource: '*' };
    expect(policy(allow('*', '*'), deny).judge(call('ssm', 'GetParameter', { Name: '/x' }))?.message).toMatch(
      /explicit deny/,
    );
  });
  it('does not hold root to it, nor who asks who they are', () => {
    expect(policy().judge({ ...call('ec2', 'DescribeInstances'), caller: 'root' })).toBeUndefined();
    expect(policy().judge(call('sts', 'GetCallerIdentity'))).toBeUndefined();
  });
  it('refuses to read what it cannot judge', () => {
    expect(() => policy(allow('*', '*', { Condition: { NumericLessThan: { x: '1' } } }))).toThrow();
    expect(() => policy({ Effect: 'Allow', NotAction: '*', Resource: '*' })).toThrow();
  });
});
