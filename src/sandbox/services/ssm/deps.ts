import type { EventLog } from '../../event-log.js';
import type { FleetReader } from '../../fleet.js';
import type { Faults, Hosts, SandboxTime } from '../../types.js';

/** What the SSM service (Run Command, Parameter Store) needs of the rest of the sandbox. */
export interface SsmDeps {
  readonly time: SandboxTime;
  readonly fleet: FleetReader;
  readonly hosts: Hosts;
  readonly faults: Faults;
  /** The sandbox's folder; SSM keeps what it stores below `ssm/` in it. */
  readonly stateDir: string;
  readonly region: string;
  readonly accountId: string;
  /** Told of the beginning and the end of each command on an instance. */
  readonly events?: EventLog;
}
