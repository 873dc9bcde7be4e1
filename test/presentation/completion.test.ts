import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CompletedCommand } from '../../src/presentation/completion.js';
import { completionScript } from '../../src/presentation/completion.js';

const flag = (name: string, takesValue = false, values: readonly string[] = []) => ({
  name,
  summary: `the ${name}'s`,
  takesValue,
  values,
});
const commands: readonly CompletedCommand[] = [
  {
    name: 'rollout',
    summary: 'move',
    flags: [flag('strategy', true, ['rolling', 'blue-green']), flag('yes'), flag('config', true)],
  },
  { name: 'sandbox down', summary: 'end', flags: [] },
  { name: 'sandbox up', summary: 'start', flags: [flag('detach')] },
];

/** What bash offers for a line, its last word unfinished. */
function offered(line: string): readonly string[] {
  const words = line.split(' ');
  const script = `${completionScript('bash', 'deployctl', commands)}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_deployctl
printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .filter((word) => word !== '');
}

/** What fish offers. */
function offeredByFish(line: string): readonly string[] {
  const script = `source ${join(folder, 'deployctl.fish')}; complete -C '${line}'`;
  const text = execFileSync('fish', ['--no-config', '-c', script], { encoding: 'utf8', env: alone() });
  return words(text).map((each) => each.split('\t')[0] ?? '');
}

/** What zsh offers at the first Tab, with the script where zsh looks for completions. */
function offeredByZsh(line: string): readonly string[] {
  const script = join(import.meta.dirname, 'complete.zsh');
  return words(execFileSync('zsh', ['-f', script, folder, line], { encoding: 'utf8', env: alone() }));
}

const words = (text: string): readonly string[] => text.split('\n').filter((word) => word !== '');
/** Nothing of the developer's own set-up. */
const alone = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], HOME: folder, LANG: 'C.UTF-8' });

/** One that is missing is named, and with CI=true an error. */
function isThere(shell: string): boolean {
  if (spawnSync(shell, ['-c', 'exit 0']).error === undefined) return true;
  const flaw = `completion is not tested in ${shell}, which is not installed (.ci/run installs it)`;
  if (process.env['CI'] === 'true') throw new Error(flaw);
  process.stderr.write(`${flaw}\n`);
  return false;
}
const hasZsh = isThere('zsh');

const cases: readonly (readonly [line: string, words: readonly string[]])[] = [
  ['deployctl ', ['rollout', 'sandbox']],
  ['deployctl ro', ['rollout']],
  ['deployctl sandbox ', ['down', 'up']],
  ['deployctl sandbox u', ['up']],
  ['deployctl sandbox up --', ['--detach']],
  ['deployctl rollout --s', ['--strategy']],
  ['deployctl rollout --strategy ', ['rolling', 'blue-green']],
  ['deployctl rollout --yes --strategy b', ['blue-green']],
];
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deployctl-completion-'));
  await writeFile(join(folder, '_deployctl'), completionScript('zsh', 'deployctl', commands));
  await writeFile(join(folder, 'deployctl.fish'), completionScript('fish', 'deployctl', commands));
});
afterAll(() => rm(folder, { recursive: true }));

describe('completion', () => {
  it.each([...cases, ['deployctl history --', []] as const])('bash, %j', (line, expected) => {
    expect(offered(line)).toEqual(expected);
  });
  it.skipIf(!hasZsh).each(cases)('zsh, %j', (line, expected) => {
    expect(offeredByZsh(line)).toEqual(expected);
  });
  it.skipIf(!isThere('fish')).each(cases)('fish, %j', (line, expected) => {
    // fish sorts what it offers.
    expect([...offeredByFish(line)].sort()).toEqual([...expected].sort());
  });

  it.skipIf(!hasZsh)('zsh takes it by eval too, before its own completion was set up', () => {
    const script = 'eval "$(cat "$1")"; print -r -- "$_comps[deployctl]"';
    const args = ['-f', '-c', script, 'zsh', join(folder, '_deployctl')];
    expect(execFileSync('zsh', args, { encoding: 'utf8', env: alone() })).toBe('_bash_complete -F _deployctl\n');
  });

  it('fish gets a line a word', () => {
    const fish = completionScript('fish', 'deployctl', commands);
    expect(fish).toContain("complete -c deployctl -n '__fish_use_subcommand' -a rollout -d 'move'");
    expect(fish).toContain(
      "-n '__fish_seen_subcommand_from rollout' -l strategy -xa 'rolling blue-green' -d 'the strategy\\'s'",
    );
    expect(fish).toContain("-n '__fish_seen_subcommand_from sandbox; and __fish_seen_subcommand_from up' -l detach");
  });
});
