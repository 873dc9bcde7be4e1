import type { IncomingMessage } from 'node:http';
import type { Hosts } from '../types.js';
import type { AccessEntry, AccessLog } from './access-log.js';
import type { Rule } from './node.js';
import type { GroupView, TargetView } from './views.js';

/** One request on its way through the load balancer, up to its line in the access log. */
export class Exchange {
  readonly #start = performance.now();
  readonly #time = new Date();
  #done = false;
  #group: GroupView | undefined;
  #target: TargetView | undefined;
  #serving: { readonly digest: string; readonly image: string } | undefined;
  targetStatus: number | null = null;
  /** The first thing that went wrong, if any. */
  error: string | null = null;

  constructor(
    private readonly request: IncomingMessage,
    private readonly rule: Rule | undefined,
    private readonly log: AccessLog,
    private readonly hosts: Pick<Hosts, 'serving'>,
  ) {}

  /** Notes the target at the moment of dispatch: what serves there now is what gets the request. */
  dispatch(group: GroupView | undefined, target: TargetView | undefined): void {
    this.#group = group;
    this.#target = target;
    if (target !== undefined) {
      this.#serving = this.hosts.serving(target.registration.instanceId, target.registration.port);
    }
  }

  /** Writes the line, once. */
  finish(status: number): void {
    if (this.#done) {
      return;
    }
    this.#done = true;
    const entry: AccessEntry = {
      time: this.#time.toISOString(),
      method: this.request.method ?? '',
      path: this.request.url ?? '',
      host: this.request.headers.host ?? '',
      rule: this.rule?.priority ?? '',
      ruleArn: this.rule?.arn ?? null,
      group: this.#group?.arn ?? null,
      groupName: this.#group?.name ?? null,
      target: this.#target?.key ?? null,
      address: this.#target?.address ?? null,
      image: this.#serving?.image ?? null,
      digest: this.#serving?.digest ?? null,
      status,
      targetStatus: this.targetStatus,
      durationMs: Math.round((performance.now() - this.#start) * 10) / 10,
      error: this.error,
    };
    this.log.write(entry);
  }
}
