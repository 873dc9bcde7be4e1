import { BaseCommand } from '../../base-command.js';
import type { LeaseView } from '../../operations/lease.js';
import { yesFlag } from '../../presentation/confirm.js';

export default class LeaseRelease extends BaseCommand {
  static override summary = 'break the lock of a holder that will never come back: it is fenced out';
  static override description =
    'Takes the next generation and gives it back. A holder that lives finds itself fenced out and changes nothing more; then: resume, or rollback.';
  static override examples = ['<%= config.bin %> <%= command.id %> --yes'];
  static override flags = { yes: yesFlag };

  async run(): Promise<LeaseView> {
    const { flags } = await this.parse(LeaseRelease);
    return this.operate(flags, async (box) => {
      const { leaseText } = await import('../../presentation/lease.js');
      const { confirmText } = await import('../../presentation/confirm.js');
      const { breakLease, readLease } = await import('../../operations/lease.js');
      const held = await readLease(box);
      const asking = { yes: flags.yes, json: this.jsonEnabled() };
      if (held.is === 'held') await confirmText(`${leaseText(held, Date.now())}\nBreak it?`, asking);
      const broken = await breakLease(box);
      this.print(broken.is === 'free' ? 'the lock was free' : `broken: ${leaseText(broken, Date.now())}`);
      return broken;
    });
  }
}
