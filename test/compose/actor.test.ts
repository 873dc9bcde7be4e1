import { hostname } from 'node:os';
import { Command } from '@oclif/core';
import type { Config } from '@oclif/core';
import { describe, expect, it } from 'vitest';
import { thisActor } from '../../src/compose/actor.js';
import { words } from '../../src/domain/text.js';
import { reasonFlag, reasonOf } from '../../src/presentation/reason-flag.js';

describe('who acts', () => {
  const at = `@${hostname()}`;
  it.each<[string, NodeJS.ProcessEnv, string]>([
    ['a name', { DEPLOYCTL_ACTOR: 'anna' }, `anna${at}`],
    ['blanks around it', { DEPLOYCTL_ACTOR: '  anna \n' }, `anna${at}`],
    ['lines and controls', { DEPLOYCTL_ACTOR: 'anna\n::error::x\u001b[2J' }, `anna ::error::x [2J${at}`],
    ['nothing', { DEPLOYCTL_ACTOR: ' ', USER: 'ben' }, `ben${at}`],
    ['a very long one', { DEPLOYCTL_ACTOR: 'é'.repeat(10_000) }, `${'é'.repeat(99)}…${at}`],
    [
      'a run of GitHub',
      { GITHUB_ACTIONS: 'true', GITHUB_ACTOR: 'a\nb', GITHUB_REPOSITORY: 'x'.repeat(200), GITHUB_RUN_NUMBER: '7' },
      `a b (${'x'.repeat(99)}… run 7)`,
    ],
    ['a run of GitHub that says nothing', { GITHUB_ACTIONS: 'true', GITHUB_ACTOR: '' }, 'someone (GitHub run ?)'],
  ])('%s', (_, env, name) => {
    expect(thisActor(env).name).toBe(name);
  });
});

describe('a reason', () => {
  class Asking extends Command {
    static override flags = { reason: reasonFlag('why') };

    async run(): Promise<string | undefined> {
      const { flags } = await this.parse(Asking);
      return flags.reason;
    }
  }
  const parse = async (text: string): Promise<string | undefined> => {
    const config = { bin: 'deployctl', runHook: () => Promise.resolve({ successes: [], failures: [] }) };
    return new Asking(['--reason', text], config as object as Config).run();
  };

  it('is on one line, and not longer than a record can hold', async () => {
    expect(await parse(' the\nerror  rate ')).toBe('the error rate');
    expect(await parse('x'.repeat(10_000_000))).toBe(`${'x'.repeat(499)}…`);
  });

  it('is none where only blanks were given', async () => {
    expect(reasonOf({ reason: await parse(' \n ') })).toEqual({});
    expect(reasonOf({})).toEqual({});
    expect(reasonOf({ reason: 'x' })).toEqual({ reason: 'x' });
  });

  it('is not cut through a character', () => {
    expect(words('🚀🚀🚀', 2)).toBe('🚀…');
  });
});
