import type { DeployctlEvent } from '../../src/domain/event.js';
import type { Reporter } from '../../src/engine/ports.js';

type Type = DeployctlEvent['type'];
type Of<T extends Type> = Extract<DeployctlEvent, { type: T }>;

/** A reporter that keeps what it is told. */
export class Recorder implements Reporter {
  readonly events: DeployctlEvent[] = [];
  closed = false;

  report(event: DeployctlEvent): void {
    this.events.push(event);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  /** All events of a type, in order. */
  all<T extends Type>(type: T): readonly Of<T>[] {
    return this.events.filter((event): event is Of<T> => event.type === type);
  }

  /** The first event of the type that `matches`; throws with the events there were. */
  expectEvent<T extends Type>(type: T, matches: (event: Of<T>) => boolean = () => true): Of<T> {
    const found = this.all(type).find(matches);
    if (found === undefined) {
      const seen = this.events.map((event) => `  ${JSON.stringify(event)}`).join('\n');
      throw new Error(`no matching ${type} event among ${this.events.length}:\n${seen}`);
    }
    return found;
  }
}
