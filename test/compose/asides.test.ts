import { expect, it } from 'vitest';
import { Asides } from '../../src/compose/asides.js';

it('who listens late hears what came before, and nothing after it has stopped', () => {
  const asides = new Asides();
  const [first, late]: [string[], string[]] = [[], []];
  const stop = asides.listen((text) => first.push(text));
  asides.warn('one');
  asides.listen((text) => late.push(text));
  stop();
  asides.warn('two');
  expect([first, late]).toEqual([['one'], ['one', 'two']]);
});

it('a URL that an error quotes goes nowhere', () => {
  const asides = new Asides();
  const heard: string[] = [];
  asides.listen((text) => heard.push(text));
  asides.warn("Failed to parse 'https://discord.com/api/webhooks/1/KEY': it is none; wss://x:y@z/?key=1 neither");
  expect(heard).toEqual(["Failed to parse '(a URL)': it is none; (a URL) neither"]);
});
