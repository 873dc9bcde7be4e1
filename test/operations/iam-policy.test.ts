import { describe, expect, it } from 'vitest';
import { loadSettings, selectEnvironment } from '../../src/config/load.js';
import type { EnvironmentSettings } from '../../src/domain/settings.js';
import { instanceScript } from '../../src/host/script.js';
import { instancePolicyFor, instanceTrust, policyFor } from '../../src/operations/iam-policy.js';
import { documentSchemas } from '../../src/presentation/schemas/documents.js';

const account = '123456789012';
const ecr = `${account}.dkr.ecr.eu-west-1.amazonaws.com/shop/backend`;
const everyKey = async (): Promise<EnvironmentSettings> =>
  selectEnvironment(
    await loadSettings({ file: 'test/config/files/every-key.yml', cwd: process.cwd(), env: {} }),
    'production',
  );
const statements = (settings: EnvironmentSettings) =>
  Object.fromEntries(instancePolicyFor(settings, account).Statement.map(({ Sid, ...rest }) => [Sid, rest]));

/** Why an instance has a right: the call of its script, or the agent. */
const SOURCES = {
  'aws ecr get-login-password': ['ecr:GetAuthorizationToken'],
  'docker pull': ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
  'aws ssm get-parameter': ['ssm:GetParameter'],
} as const;

describe('the policy of an instance', () => {
  it('has what its script calls AWS for, and the agent', async () => {
    const settings = await everyKey();
    const [backend, ...others] = settings.services;
    if (backend === undefined) throw new Error('the file has a backend');
    const { Agent, ...rest } = statements({ ...settings, services: [{ ...backend, repository: ecr }, ...others] });
    expect(
      Object.values(rest)
        .flatMap(({ Action }) => Action)
        .sort(),
    ).toEqual(Object.values(SOURCES).flat().sort());
    // The script makes exactly these calls: one more would be a right that is missing here.
    const script = instanceScript();
    const calls = [...script.matchAll(/\baws [a-z]+ [a-z-]+/g)].map(([call]) => call);
    expect([...new Set([...calls, 'docker pull'])].sort()).toEqual(Object.keys(SOURCES).sort());
    expect(script).toMatch(/\bdocker \S.* pull -q /);
    expect(
      Agent?.Action.every((action) => /^(?:ec2messages|ssmmessages):|^ssm:UpdateInstanceInformation$/.test(action)),
    ).toBe(true);
    expect(rest).toMatchObject({
      Registry: { Resource: ['*'] },
      Pull: { Resource: [`arn:aws:ecr:eu-west-1:${account}:repository/shop/backend`] },
      Secrets: { Resource: [`arn:aws:ssm:eu-west-1:${account}:parameter/shop/production/database-url`] },
    });
  });

  it('has nothing for what is not used: another registry, no secrets', async () => {
    const settings = await everyKey();
    const services = settings.services.map((service) => ({ ...service, run: { ...service.run, secrets: {} } }));
    expect(Object.keys(statements({ ...settings, services }))).toEqual(['Agent']);
  });

  it('is of a role that EC2 may take, in China under its own name', async () => {
    const settings = await everyKey();
    const principal = (region: string) => instanceTrust({ ...settings, region }).Statement[0]?.Principal.Service;
    expect(principal('eu-west-1')).toBe('ec2.amazonaws.com');
    expect(principal('cn-north-1')).toBe('ec2.amazonaws.com.cn');
  });
});

it('all three documents are what their schemas say', async () => {
  const settings = await everyKey();
  expect(documentSchemas.iamPolicy.safeParse(policyFor(settings, account)).error).toBeUndefined();
  expect(documentSchemas.iamPolicy.safeParse(instancePolicyFor(settings, account)).error).toBeUndefined();
  expect(documentSchemas.trustPolicy.safeParse(instanceTrust(settings)).error).toBeUndefined();
});
