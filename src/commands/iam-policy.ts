import { Flags } from '@oclif/core';
import { BaseCommand } from '../base-command.js';
import type { Policy } from '../operations/iam-policy.js';

export default class IamPolicy extends BaseCommand {
  static override summary = 'print the least IAM policy for this environment';
  static override description = `For the identity that runs deployctl: an operator, or the role of a CI job. Resources are those that the configuration names.
The account is taken from an ARN of the configuration, else it is read from AWS; --account needs neither.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> --account 123456789012 > policy.json',
    'aws iam put-role-policy --role-name deploy --policy-name deployctl --policy-document "$(<%= config.bin %> <%= command.id %>)"',
  ];
  static override flags = {
    account: Flags.string({ description: 'AWS account', helpValue: '123456789012' }),
  };

  async run(): Promise<Policy> {
    const { flags } = await this.parse(IamPolicy);
    return this.operate(flags, async (box) => {
      const { accountIn, accountOf, checkAccount, policyFor } = await import('../operations/iam-policy.js');
      const { beforeChange } = await import('../operations/topology.js');
      const { settings } = box;
      const [service] = settings.services;
      const known = flags.account === undefined ? accountIn(settings) : checkAccount(flags.account);
      const account =
        known ??
        accountOf(
          await beforeChange(() =>
            box.traffic.resolveGroup(service?.colors.blue?.targetGroup ?? { is: 'name', name: '' }, box.signal),
          ),
        );
      const policy = policyFor(settings, account);
      this.log(JSON.stringify(policy, null, 2));
      return policy;
    });
  }
}
