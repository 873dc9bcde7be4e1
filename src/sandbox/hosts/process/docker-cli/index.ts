/** The command line of the stand-in `docker`. */
import type { Call } from '../client.js';
import type { Engine } from '../engine.js';
import { DaemonError, messageOf } from '../../errors.js';
import { TemplateError } from '../go-template.js';
import * as containers from './containers.js';
import { readFlags, type Command } from './context.js';
import { checkArgs, UsageError } from './flags.js';
import * as images from './images.js';
import { containerInspect, imageInspect, inspect } from './inspect.js';
import { ps } from './ps.js';
import { create, run } from './run.js';
import * as system from './system.js';

const CONTAINER: Readonly<Record<string, Command>> = {
  create,
  run,
  exec: containers.exec,
  kill: containers.kill,
  logs: containers.logs,
  port: containers.port,
  rename: containers.rename,
  restart: containers.restart,
  rm: containers.remove,
  start: containers.start,
  stop: containers.stop,
  update: containers.update,
  wait: containers.wait,
};

const COMMANDS: Readonly<Record<string, Command | Readonly<Record<string, Command>>>> = {
  ...CONTAINER,
  ps,
  inspect,
  pull: images.pull,
  push: images.push,
  build: images.build,
  tag: images.tag,
  images: images.list,
  rmi: images.remove,
  version: system.version,
  info: system.info,
  events: system.events,
  login: system.login,
  logout: system.logout,
  container: { ...CONTAINER, ls: ps, ps, list: ps, inspect: containerInspect, prune: containers.prune },
  image: {
    ls: images.list,
    list: images.list,
    inspect: imageInspect,
    prune: images.prune,
    rm: images.remove,
    remove: images.remove,
    pull: images.pull,
    push: images.push,
    build: images.build,
    tag: images.tag,
  },
  system: { df: system.df, info: system.info, prune: system.systemPrune },
  network: {
    ls: system.networkList,
    list: system.networkList,
    inspect: system.networkInspect,
    create: system.networkCreate,
    rm: system.networkRemove,
  },
};

/** Options before the command that take a value. */
const GLOBAL_VALUES = [
  '--config',
  '--context',
  '-c',
  '--host',
  '-H',
  '--log-level',
  '-l',
  '--tlscacert',
  '--tlscert',
  '--tlskey',
];

/** @throws UsageError when there is no such command */
function find(
  argv: readonly string[],
): { readonly command: Command; readonly rest: readonly string[] } | 'version' | 'help' {
  const rest = [...argv];
  while (rest[0]?.startsWith('-') === true) {
    const flag = rest.shift() ?? '';
    if (flag === '--version' || flag === '-v') return 'version';
    if (flag === '--help' || flag === '-h') return 'help';
    if (GLOBAL_VALUES.includes(flag)) rest.shift();
    else if (!/^(--debug|-D|--tls|--tlsverify|--\w[\w-]*=.*)$/.test(flag)) {
      throw new UsageError(
        `unknown flag: ${flag}\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' for more information`,
        125,
      );
    }
  }
  const name = rest.shift();
  if (name === undefined || name === 'help') return 'help';
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (entry === undefined)
    throw new UsageError(`docker: unknown command: docker ${name}\n\nRun 'docker --help' for more information`, 1);
  if (isCommand(entry)) return { command: entry, rest };
  const second = rest.shift() ?? '';
  const command = Object.hasOwn(entry, second) ? entry[second] : undefined;
  if (command === undefined)
    throw new UsageError(
      `docker: unknown command: docker ${name} ${second}\n\nUsage:  docker ${name} COMMAND\n\nRun 'docker ${name} --help' for more information`,
      1,
    );
  return { command, rest };
}

function isCommand(entry: Command | Readonly<Record<string, Command>>): entry is Command {
  return typeof entry['run'] === 'function';
}

/** Runs one command line. @returns the client's exit code */
export async function runDocker(call: Call, engine: Engine): Promise<number> {
  let inRun = false;
  try {
    const found = find(call.args);
    if (found === 'version') {
      call.out(`Docker version ${system.VERSION}, build sandbox\n`);
      return 0;
    }
    if (found === 'help') {
      call.out(`Usage:  docker [OPTIONS] COMMAND\n\nCommands: ${Object.keys(COMMANDS).sort().join(' ')}\n`);
      return 0;
    }
    inRun = found.command === run;
    if (found.rest[0] === '--help') {
      call.out(`Usage:  ${found.command.usage.command} ${found.command.usage.synopsis}\n`);
      return 0;
    }
    const flags = readFlags(found.command, found.rest);
    checkArgs(flags.args, found.command.usage, ...found.command.args);
    return await found.command.run({ call, engine }, flags);
  } catch (error) {
    if (error instanceof UsageError) {
      call.err(`${error.message}\n`);
      return error.exitCode;
    }
    if (error instanceof TemplateError) call.err(`${error.message}\n`);
    else if (error instanceof DaemonError) call.err(`Error response from daemon: ${error.message}\n`);
    else call.err(`Error response from daemon: stand-in engine failed: ${messageOf(error)}\n`);
    return inRun ? 125 : 1;
  }
}
