import { BaseCommand } from '../../base-command.js';
import type { LeaseView } from '../../operations/lease.js';

export default class LeaseShow extends BaseCommand {
  static override summary = 'who holds the lock of an environment';
  static override examples = ['<%= config.bin %> <%= command.id %>'];

  async run(): Promise<LeaseView> {
    const { flags } = await this.parse(LeaseShow);
    return this.operate(flags, async (box) => {
      const { leaseText } = await import('../../presentation/lease.js');
      const { readLease } = await import('../../operations/lease.js');
      const lease = await readLease(box);
      const { app, environment } = box.settings;
      this.print(`the lock of ${app}/${environment}: ${leaseText(lease, Date.now())}`);
      if (lease.is === 'held') this.print(`\nNext:\n  deployctl status --env ${environment}`);
      return lease;
    });
  }
}
