import { BaseCommand } from '../base-command.js';
import { EXIT } from '../domain/errors.js';
import type { DoctorResult } from '../operations/doctor/index.js';
import { imageFlags, imagesOf } from '../presentation/rollout-flags.js';

export default class Doctor extends BaseCommand {
  static override summary = 'look at everything that a rollout depends on, and say how to fix what is wrong';
  static override description = `Credentials and rights, instances, Docker, target groups, routes, the application and the state: all in one go, whatever fails.
Takes no lease and changes nothing. Exit 0 when nothing FAILs, else 12.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --backend 1.4.0   # also whether that image is there',
  ];
  static override flags = imageFlags;

  async run(): Promise<DoctorResult> {
    const { flags } = await this.parse(Doctor);
    return this.operate(flags, async (box) => {
      const { doctor } = await import('../operations/doctor/index.js');
      const { doctorText } = await import('../presentation/doctor.js');
      const result = await doctor(box, imagesOf(flags, box.settings));
      this.print(doctorText(result));
      if (!result.ok) this.ends(EXIT.refused);
      return result;
    });
  }
}
