import { createWriteStream } from 'node:fs';
import { forwardOf } from './services/elbv2/actions.js';
import type { Elbv2Store } from './services/elbv2/store.js';
import { rulesOf } from './services/elbv2/store.js';

/** What happened in the sandbox, and when: registrations, drains, health, weights, commands. For whoever measures something that works on it. */
export interface EventLog {
  /** One thing that happened now. */
  write(text: string): void;
  /** Writes what is buffered and closes the file. */
  close(): Promise<void>;
}

/** Appends lines to `file`: seconds since the epoch, a space, what happened. */
export function createEventLog(file: string, onError: (error: unknown) => void): EventLog {
  const stream = createWriteStream(file, { flags: 'a', mode: 0o600 });
  stream.on('error', onError);
  return {
    write(text) {
      stream.write(`${(Date.now() / 1000).toFixed(3)} ${text}\n`);
    },
    close: () =>
      new Promise((resolve) => {
        stream.end(() => {
          resolve();
        });
      }),
  };
}

/**
 * Writes what changes in the control plane from now on: `register i-…:8081`, `deregister …`, `drained …`, and `weights RULE 90/10`, in the order of the
 * rule's groups.
 */
export function followStore(store: Elbv2Store, log: EventLog): void {
  const targetsOf = (groupArn: string): Map<string, { readonly name: string; readonly draining: boolean }> => {
    const all = store.groups.get(groupArn)?.registrations ?? [];
    return new Map(
      all.map((one) => [
        `${one.id}#${String(one.epoch)}`,
        { name: `${one.instanceId}:${String(one.port)}`, draining: one.draining },
      ]),
    );
  };
  const sharesOf = (listenerArn: string): Map<string, string> =>
    new Map(
      rulesOf(store, listenerArn).map(({ arn, actions }) => [
        arn,
        (forwardOf(actions)?.groups ?? []).map(({ weight }) => String(weight)).join('/'),
      ]),
    );
  const targets = new Map([...store.groups.keys()].map((arn) => [arn, targetsOf(arn)]));
  const shares = new Map([...store.listeners.keys()].map((arn) => [arn, sharesOf(arn)]));

  store.onChange((change) => {
    if (change.kind === 'listener') {
      const before = shares.get(change.listenerArn);
      const now = sharesOf(change.listenerArn);
      shares.set(change.listenerArn, now);
      for (const [rule, text] of now) if (before?.get(rule) !== text) log.write(`weights ${rule} ${text}`);
      return;
    }
    const before = targets.get(change.groupArn) ?? new Map<string, { name: string; draining: boolean }>();
    const now = targetsOf(change.groupArn);
    targets.set(change.groupArn, now);
    for (const [key, { name, draining }] of now) {
      const was = before.get(key);
      if (was === undefined) log.write(`register ${name}`);
      if (draining && was?.draining !== true) log.write(`deregister ${name}`);
    }
    for (const [key, { name }] of before) if (!now.has(key)) log.write(`drained ${name}`);
  });
}
