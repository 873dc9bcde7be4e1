import { Flags } from '@oclif/core';
import { BaseCommand } from '../base-command.js';
import type { Policy, TrustPolicy } from '../operations/iam-policy.js';

export default class IamPolicy extends BaseCommand {
  static override summary = 'print the least IAM policy for this environment';
  static override description = `For the identity that runs deployctl: an operator, or the role of a CI job. With --for instance for the profile of the instances, whose role
has the trust policy of --for instance-trust. Resources are those that the configuration names.
The account is taken from an ARN of the configuration, else it is read from AWS; --account needs neither.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> --account 123456789012 > policy.json',
    '<%= config.bin %> <%= command.id %> --for instance --account 123456789012',
    'aws iam put-role-policy --role-name deploy --policy-name deployctl --policy-document "$(<%= config.bin %> <%= command.id %>)"',
  ];
  static override flags = {
    for: Flags.option({ options: ['deployer', 'instance', 'instance-trust'] as const })({
      description: 'whose policy',
      default: 'deployer',
    }),
    account: Flags.string({ description: 'AWS account', helpValue: '123456789012' }),
  };

  async run(): Promise<Policy | TrustPolicy> {
    const { flags } = await this.parse(IamPolicy);
    return this.operate(flags, async (box) => {
      const { accountIn, accountOf, checkAccount, instancePolicyFor, instanceTrust, policyFor } =
        await import('../operations/iam-policy.js');
      const { beforeChange } = await import('../operations/topology.js');
      const { settings } = box;
      const print = <T>(document: T): T => {
        this.raw(JSON.stringify(document, null, 2));
        return document;
      };
      if (flags.for === 'instance-trust') return print(instanceTrust(settings));
      const [service] = settings.services;
      const known = flags.account === undefined ? accountIn(settings) : checkAccount(flags.account);
      const account =
        known ??
        accountOf(
          await beforeChange(() =>
            box.traffic.resolveGroup(service?.colors.blue?.targetGroup ?? { is: 'name', name: '' }, box.signal),
          ),
        );
      return print(flags.for === 'instance' ? instancePolicyFor(settings, account) : policyFor(settings, account));
    });
  }
}
