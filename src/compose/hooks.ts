import type { HookCommand, HookSettings } from '../domain/settings.js';
import type { HookPort } from '../engine/ports.js';
import { shortened } from '../domain/text.js';
import { failureOf } from './command.js';

/** Hooks as local processes. They inherit the environment, so that they can use the same credentials and call deployctl themselves. */
export function createHooks(settings: HookSettings | undefined): HookPort {
  return {
    has: (hook) => (settings?.[hook].length ?? 0) > 0,
    async run(hook, variables, signal) {
      for (const { command, timeout } of settings?.[hook] ?? []) {
        const why = await failureOf(argvOf(command), { timeout, signal, env: { ...variables, DEPLOYCTL_HOOK: hook } });
        if (why !== undefined) return `${nameOf(command)}: ${why}`;
      }
      return undefined;
    },
  };
}

function argvOf(command: HookCommand['command']): readonly string[] {
  return command.is === 'argv' ? command.argv : ['sh', '-c', command.line];
}

function nameOf(command: HookCommand['command']): string {
  const text = command.is === 'argv' ? command.argv.join(' ') : command.line;
  return shortened(text, 60);
}
