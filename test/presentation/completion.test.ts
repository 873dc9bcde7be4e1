import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
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

describe('completion', () => {
  it.each([
    ['deployctl ', ['rollout', 'sandbox']],
    ['deployctl ro', ['rollout']],
    ['deployctl sandbox ', ['down', 'up']],
    ['deployctl sandbox u', ['up']],
    ['deployctl sandbox up --', ['--detach']],
    ['deployctl rollout --s', ['--strategy']],
    ['deployctl rollout --strategy ', ['rolling', 'blue-green']],
    ['deployctl rollout --yes --strategy b', ['blue-green']],
    ['deployctl history --', []],
  ])('bash, %j', (line, words) => expect(offered(line)).toEqual(words));

  it('zsh goes by the same, fish gets a line a word', () => {
    expect(completionScript('zsh', 'deployctl', commands)).toMatch(
      /^#compdef deployctl\n.*bashcompinit[^]*complete -F _deployctl deployctl\n$/,
    );
    const fish = completionScript('fish', 'deployctl', commands);
    expect(fish).toContain("complete -c deployctl -n '__fish_use_subcommand' -a rollout -d 'move'");
    expect(fish).toContain(
      "-n '__fish_seen_subcommand_from rollout' -l strategy -xa 'rolling blue-green' -d 'the strategy\\'s'",
    );
    expect(fish).toContain("-n '__fish_seen_subcommand_from sandbox; and __fish_seen_subcommand_from up' -l detach");
  });
});
