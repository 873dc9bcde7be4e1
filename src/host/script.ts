/** The instance script: its parts, and which of them a phase is sent with. */
import { readFileSync } from 'node:fs';
import type { HostPhase } from '../domain/host.js';

const PARTS = [
  '01-ground',
  '02-fence',
  '03-docker',
  '04-describe',
  '04-owners',
  '05-slot',
  '06-images',
  '07-create',
  '08-witness',
  '09-inspect',
  '10-pull',
  '11-start',
  '12-ask',
  '12-quiet',
  '12-task',
  '13-run',
] as const;
type Part = (typeof PARTS)[number];

const STARTING = ['04-describe', '04-owners', '05-slot', '06-images', '07-create', '08-witness', '11-start'] as const;

/**
 * Not steps of a rollout: `resolve` asks an instance for a tag's digest, `list` what runs on it, `ask` a container how long it keeps
 * connections.
 */
export type ScriptPhase = HostPhase | 'resolve' | 'list' | 'ask';

/** What a phase needs besides ground, fence, docker and run. */
const NEEDS: Readonly<Record<ScriptPhase, readonly Part[]>> = {
  pull: ['06-images', '07-create', '10-pull'],
  inspect: ['04-describe', '04-owners', '09-inspect'],
  resolve: ['06-images', '10-pull'],
  list: ['12-ask'],
  ask: ['08-witness', '12-ask'],
  quiet: ['04-describe', '12-quiet'],
  task: ['04-describe', '06-images', '07-create', '12-task'],
  start: STARTING,
  restore: STARTING,
  stop: ['04-describe', '04-owners', '05-slot', '11-start'],
};

/** Read at start: the installation may be replaced while a command runs. */
const TEXTS = PARTS.map((name) => ({
  name,
  text: readFileSync(new URL(`./instance/${name}.sh`, import.meta.url), 'utf8'),
}));

/** All parts as one file, comments included, without a request: what shellcheck reads. */
export function instanceScript(): string {
  return TEXTS.map(({ text }) => text).join('\n');
}

/**
 * The parts of a phase as plain text, so that whoever reads a command's history sees what ran. Comments and indentation stay at home: they are
 * a third of it.
 */
export function phaseScript(phase: ScriptPhase): string {
  const wanted = new Set<Part>(['01-ground', '02-fence', '03-docker', ...NEEDS[phase], '13-run']);
  return TEXTS.filter(({ name }) => wanted.has(name))
    .flatMap(({ text }) => text.split('\n'))
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .join('\n');
}
