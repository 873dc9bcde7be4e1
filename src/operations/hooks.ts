import type { Outcome } from '../domain/decision.js';
import { DeployctlError, EXIT } from '../domain/errors.js';
import type { EventBody, RolloutSummary } from '../domain/event.js';
import type { HookName } from '../domain/settings.js';
import { words } from '../domain/text.js';
import type { PreTraffic } from '../engine/loop-deps.js';
import type { Toolbox } from './toolbox.js';

/** A variable cannot hold a NUL, and scripts print it: one line of the text of others. */
const LONGEST_REASON = 1000;

type Box = Pick<Toolbox, 'hooks' | 'emit' | 'signal'>;

/**
 * The user's commands at the moments of one rollout. What comes before a change decides about it, on the way forward only: a way back is never held
 * up. What comes afterwards decides nothing: its failure is a warning.
 */
export class Hooks {
  readonly #box: Box;
  readonly #summary: RolloutSummary;
  readonly #background: Promise<void>[] = [];
  #preTraffic: PreTraffic | undefined;

  constructor(box: Box, summary: RolloutSummary) {
    this.#box = box;
    this.#summary = summary;
  }

  /** @throws DeployctlError `hook.refused` (exit 12): nothing was changed */
  async beforeRollout(): Promise<void> {
    const why = await this.#run('pre-rollout', {});
    if (why === undefined) return;
    throw new DeployctlError({
      code: 'hook.refused',
      message: `the hook pre-rollout refused the rollout: ${why}. Nothing was changed`,
      exitCode: EXIT.refused,
      next: [
        'give the hook what it asks for, or change hooks.pre-rollout in deployctl.yml; then the same command again',
      ],
    });
  }

  /** Begins at its first call, and gives what has come of it so far: the loop goes on observing meanwhile. */
  readonly preTraffic = (): PreTraffic => {
    if (this.#box.hooks?.has('pre-traffic') !== true) return { is: 'passed' };
    if (this.#preTraffic === undefined) {
      this.#preTraffic = { is: 'running' };
      const ends = this.#run('pre-traffic', {}).then((why) => {
        this.#preTraffic = why === undefined ? { is: 'passed' } : { is: 'failed', why };
      });
      this.#background.push(ends);
    }
    return this.#preTraffic;
  };

  readonly take = (event: EventBody): void => {
    if (event.type !== 'traffic.shifted') return;
    const { service, color, percent } = event;
    this.#background.push(
      this.#tell('post-shift', {
        DEPLOYCTL_SERVICE: service,
        DEPLOYCTL_COLOR: color,
        DEPLOYCTL_PERCENT: String(percent),
      }),
    );
  };

  /** Waits for what still runs, then tells the end. After an interrupt nothing more is begun. */
  async ended(outcome: Outcome, reason: string): Promise<void> {
    await Promise.all(this.#background);
    if (outcome === 'interrupted') return;
    const hook = outcome === 'succeeded' ? 'success' : 'failure';
    await this.#tell(hook, { DEPLOYCTL_OUTCOME: outcome, DEPLOYCTL_REASON: words(reason, LONGEST_REASON) });
  }

  async #tell(hook: HookName, variables: Readonly<Record<string, string>>): Promise<void> {
    const why = await this.#run(hook, variables);
    if (why === undefined) return;
    const text = `the hook ${hook} failed, which changes nothing: ${why}`;
    this.#box.emit({ type: 'note', level: 'warning', text });
  }

  async #run(hook: HookName, variables: Readonly<Record<string, string>>): Promise<string | undefined> {
    const { hooks, signal } = this.#box;
    if (hooks?.has(hook) !== true) return undefined;
    const { app, environment, rollout, kind, strategy, from, to, by, services } = this.#summary;
    const common = {
      DEPLOYCTL_APP: app,
      DEPLOYCTL_ENV: environment,
      DEPLOYCTL_ROLLOUT: rollout,
      DEPLOYCTL_KIND: kind,
      DEPLOYCTL_STRATEGY: strategy,
      DEPLOYCTL_FROM: from,
      DEPLOYCTL_TO: to,
      DEPLOYCTL_BY: words(by, LONGEST_REASON),
      DEPLOYCTL_SERVICES: services.map((each) => `${each.service}=${each.to}`).join(' '),
    };
    this.#box.emit({ type: 'note', level: 'info', text: `the hook ${hook} runs` });
    return hooks.run(hook, { ...common, ...variables }, signal);
  }
}
