import { Flags } from '@oclif/core';
import { BaseCommand } from '../../base-command.js';
import type { LeaseView } from '../../operations/lease.js';
import { yesFlag } from '../../presentation/confirm.js';

export default class LeaseRelease extends BaseCommand {
  static override summary = 'release the lock of a holder that will never come back: it is fenced out';
  static override description = `Takes the next generation and gives it back. A holder whose heartbeat is fresh is at work: that is refused (exit 13) without --force. With it the
holder's operation is interrupted wherever it is (exit 130 there) and changes nothing more; then: status, and resume or rollback.`;
  static override examples = ['<%= config.bin %> <%= command.id %> --yes'];
  static override flags = {
    force: Flags.boolean({ description: 'also from a holder that is alive: what it does stops half-way' }),
    yes: yesFlag,
  };

  async run(): Promise<LeaseView> {
    const { flags } = await this.parse(LeaseRelease);
    return this.operate({ ...flags, changes: true }, async (box) => {
      const asking = this.asking(flags.yes);
      const { leaseText } = await import('../../presentation/lease.js');
      const { confirmText } = await import('../../presentation/confirm.js');
      const { breakLease, readLease } = await import('../../operations/lease.js');
      const held = await readLease(box);
      // What will be refused is not asked about.
      if (held.is === 'held' && (flags.force || held.looks !== 'fresh'))
        await confirmText(`${leaseText(held, Date.now())}\nBreak it?`, asking, box.signal);
      const broken = await breakLease(box, flags.force);
      this.print(broken.is === 'free' ? 'the lock was free' : `broken: ${leaseText(broken, Date.now())}`);
      return broken;
    });
  }
}
