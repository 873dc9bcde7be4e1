import { hostname, userInfo } from 'node:os';
import type { Actor } from '../domain/record.js';
import { words } from '../domain/text.js';
import { Proc } from './proc.js';

/** Who acts: the CI run where there is one, else the person at the machine. */
export function thisActor(env: NodeJS.ProcessEnv, proc = new Proc()): Actor {
  const namespaces = proc.namespaces();
  const start = proc.start(process.pid);
  return {
    name: nameOf(env),
    host: hostname(),
    bootId: proc.bootId() ?? 'unknown',
    pid: process.pid,
    processStart: start.is === 'known' ? start.at : 'unknown',
    ...(namespaces === undefined ? {} : { namespaces }),
  };
}

/**
 * Whether the process of an actor lives. undefined: that cannot be known from here. A process is gone only where it would be seen if it were there: in the
 * same boot of the same host, in the same namespaces, with a /proc that hides nobody. Two machines can have one host name, and a container another set of
 * process ids. A process id alone is not enough, since ids are used again: the start time must match.
 */
export function isAlive(me: Actor, proc = new Proc()): (actor: Actor) => boolean | undefined {
  return (actor) => {
    const { namespaces } = actor;
    if (actor.host !== me.host || actor.bootId !== me.bootId || me.bootId === 'unknown') return undefined;
    if (namespaces === undefined || namespaces !== me.namespaces) return undefined;
    if (me.processStart === 'unknown' || actor.processStart === 'unknown') return undefined;
    const start = proc.start(actor.pid);
    switch (start.is) {
      case 'known':
        return start.at === actor.processStart;
      case 'absent':
        return proc.showsAll() ? false : undefined;
      case 'unknown':
        return undefined;
    }
  };
}

function nameOf(env: NodeJS.ProcessEnv): string {
  const given = (name: string): string | undefined => {
    const text = words(env[name] ?? '', MOST_NAME);
    return text === '' ? undefined : text;
  };
  if (env['GITHUB_ACTIONS'] === 'true') {
    const [actor, repository] = [given('GITHUB_ACTOR'), given('GITHUB_REPOSITORY')];
    return `${actor ?? 'someone'} (${repository ?? 'GitHub'} run ${given('GITHUB_RUN_NUMBER') ?? '?'})`;
  }
  return `${given('DEPLOYCTL_ACTOR') ?? given('USER') ?? userName()}@${hostname()}`;
}

/** It is stored with the lock, each record and each outcome, 4 KB each. */
const MOST_NAME = 100;

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a user id that has no entry.
    return `uid-${String(process.getuid?.() ?? 0)}`;
  }
}
