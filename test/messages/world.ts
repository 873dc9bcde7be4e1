import type { EventBody } from '../../src/domain/event.js';
import type { RunnerPort } from '../../src/engine/ports.js';
import type { RunnerBox } from '../../src/operations/run-on.js';
import type { RolloutRequest } from '../../src/operations/rollout.js';
import { rollout } from '../../src/operations/rollout.js';
import type { Toolbox } from '../../src/operations/toolbox.js';
import { toolboxOf } from '../simulation/ports.js';
import { Process } from '../simulation/process.js';
import type { Weather } from '../simulation/process.js';
import type { Scenario } from '../simulation/scenario.js';
import { settingsOf, worldOf } from '../simulation/scenario.js';
import type { World } from '../simulation/world/world.js';

const sound: Scenario = {
  strategy: 'rolling',
  layout: 'ports',
  change: 'backend',
  fleet: 2,
  fate: 'good',
  before: 'released',
  seed: 1,
};
const calm: Weather = { fault: () => undefined, delivery: () => 'normal', standstill: () => 0 };
const longest = 5_400_000;

/** An image of the simulated registry: `new`, or `newer`. */
export const images = (tag = 'new'): RolloutRequest['images'] =>
  new Map([['backend', { repository: 'shop/backend', tag }]]);

export const request = (more: Partial<RolloutRequest> = {}): RolloutRequest => ({
  images: images(),
  options: {},
  confirm: () => Promise.resolve(true),
  ...more,
});

/** The simulated shop: backend and frontend on two instances, environment `sim`. Time passes while an operation runs. */
export class Shop {
  readonly world: World;
  readonly #scenario: Scenario;

  private constructor(world: World, scenario: Scenario) {
    this.world = world;
    this.#scenario = scenario;
  }

  static async open(scenario: Partial<Scenario> = {}): Promise<Shop> {
    const whole = { ...sound, ...scenario };
    return new Shop(await worldOf(whole), whole);
  }

  /** What an operation of somebody works with. `stop` interrupts it. */
  person(name: string, weather: Partial<Weather> = {}): { readonly box: RunnerBox; readonly stop: () => void } {
    const process = new Process({ world: this.world, name, machine: 'laptop', weather: { ...calm, ...weather } });
    this.world.living.add(process.actor.pid);
    const box = { ...toolboxOf(process, settingsOf(this.#scenario)), runner };
    const stop = (): void => {
      this.world.living.delete(process.actor.pid);
      process.stop.abort(new Error('interrupted by SIGINT'));
    };
    return { box, stop };
  }

  /** Lets time pass until the work is over. */
  async run<T>(act: () => Promise<T>): Promise<T> {
    let over = false;
    const work = act().finally(() => {
      over = true;
    });
    work.catch(() => undefined); // awaited below, when its time has passed
    await this.world.timeline.drive(() => over, longest);
    return work;
  }

  /** Anna's operation, to its end. */
  anna<T>(act: (box: RunnerBox) => Promise<T>, weather: Partial<Weather> = {}): Promise<T> {
    return this.run(() => act(this.person('anna', weather).box));
  }

  /** Bob's rollout, up to its first action, or up to an event that is `enough`. It goes on as long as time passes. */
  async bobRollsOut(
    enough: (event: EventBody) => boolean = ({ type }) => type === 'action.sent',
  ): Promise<{ readonly stop: () => void; readonly over: Promise<unknown> }> {
    const { box, stop } = this.person('bob');
    let over: Promise<unknown> = Promise.resolve();
    const under = new Promise<void>((resolve, reject) => {
      const emit: Toolbox['emit'] = (event) => {
        if (enough(event)) resolve();
      };
      over = rollout({ ...box, emit }, request());
      over.catch(reject);
    });
    await this.run(() => under);
    return { stop, over };
  }

  /** Bob's rollout, interrupted after its first action. */
  async bobWasInterrupted(): Promise<void> {
    const { stop, over } = await this.bobRollsOut();
    stop();
    await this.run(() => over);
  }
}

/** Runs one operation in a shop of its own. */
export async function inShop<T>(act: (box: RunnerBox) => Promise<T>, scenario: Partial<Scenario> = {}): Promise<T> {
  return (await Shop.open(scenario)).anna(act);
}

const notModelled = (): Promise<never> => Promise.reject(new Error('this world runs no scripts of others'));
const runner: RunnerPort = { send: notModelled, poll: notModelled, live: notModelled };
