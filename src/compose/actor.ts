import { readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import type { Actor } from '../domain/record.js';
import { words } from '../domain/text.js';

/** Who acts: the CI run where there is one, else the person at the machine. */
export function thisActor(env: NodeJS.ProcessEnv): Actor {
  return {
    name: nameOf(env),
    host: hostname(),
    bootId: readTrimmed('/proc/sys/kernel/random/boot_id') ?? 'unknown',
    pid: process.pid,
    processStart: startOf(process.pid) ?? 'unknown',
  };
}

/**
 * Whether the process of an actor lives. undefined: it runs on another machine, or this one cannot tell (no /proc). A process id alone is
 * not enough, since ids are used again: boot and start time must match.
 */
export function isAlive(me: Actor): (actor: Actor) => boolean | undefined {
  return (actor) => {
    if (actor.host !== me.host || me.bootId === 'unknown') return undefined;
    if (actor.bootId !== me.bootId) return false;
    if (me.processStart === 'unknown') return undefined;
    return startOf(actor.pid) === actor.processStart;
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

/** Field 22 of /proc/<pid>/stat (proc(5)): start time in clock ticks since boot. The name in field 2 may hold spaces and parentheses. */
function startOf(pid: number): string | undefined {
  const stat = readTrimmed(`/proc/${String(pid)}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function readTrimmed(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    // No such process, or no /proc on this system: both mean that it cannot be told from here.
    return undefined;
  }
}
