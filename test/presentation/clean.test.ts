/** Whatever stands in any field of a result, an error or an event: what is written of it is text on the lines that it should have. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Config } from '@oclif/core';
import { errorText, ReportingCommand } from '../../src/base-command.js';
import { DeployctlError, PortError } from '../../src/domain/errors.js';
import type { DeployctlEvent } from '../../src/domain/event.js';
import type { DoctorResult } from '../../src/operations/doctor/index.js';
import type { Draft } from '../../src/operations/init/draft.js';
import type { OperationResult } from '../../src/operations/drive.js';
import type { HistoryResult, HistoryShowResult } from '../../src/operations/history.js';
import type { PlanResult } from '../../src/operations/rollout.js';
import type { StatusResult } from '../../src/operations/status.js';
import type { SteerResult } from '../../src/operations/steer.js';
import type { ValidateResult } from '../../src/operations/validate.js';
import { configText } from '../../src/presentation/init.js';
import { execText, logsText, stoppedText } from '../../src/presentation/containers.js';
import { doctorText } from '../../src/presentation/doctor.js';
import { historyShowText, historyText } from '../../src/presentation/history.js';
import { leaseText } from '../../src/presentation/lease.js';
import { planText } from '../../src/presentation/plan.js';
import { resultLine } from '../../src/presentation/result.js';
import { statusText } from '../../src/presentation/status.js';
import { steerText } from '../../src/presentation/steer.js';
import { validateText } from '../../src/presentation/validate.js';
import { changes, endText } from '../../src/presentation/watch.js';
import { flat, inLine, logLines, oneLine, printable, safeJson } from '../../src/reporters/clean.js';
import { endMessage, progressMessage } from '../../src/reporters/discord/embeds.js';
import { frame, header } from '../../src/reporters/frame.js';
import { createLines } from '../../src/reporters/lines.js';
import { createStyle } from '../../src/reporters/style.js';
import { slackBody } from '../../src/reporters/webhook/slack.js';
import type { LeaseView } from '../../src/state/index.js';
import { ManualClock } from '../_helpers/manual-clock.js';
import { record } from '../state/world.js';
import { at, ended, START, story, summary, view } from '../reporters/_story.js';
import { filled, flawOf, hostile, UNSAFE } from './hostile.js';

/** The action is plain JavaScript, without types. */
const ACTION: string = '../../action/summary.js';
const { summary: actionSummary } = (await import(ACTION)) as {
  readonly summary: (command: string, outcome: string, result: object, events: readonly object[]) => string;
};
const TIME = new Date(START).toISOString();
const lease: LeaseView = {
  is: 'held',
  generation: 7,
  looks: 'stale',
  holder: { name: 'anna@laptop', host: 'laptop', bootId: 'b', pid: 1, processStart: '1' },
  command: 'rollout',
  since: START,
  lastBeat: START,
  ttl: 30_000,
};
const target = {
  instance: 'i-1',
  name: 'shop-1',
  zone: 'a',
  state: 'unhealthy',
  runs: '1.0.0',
  release: 'r-1',
  since: TIME,
  description: 'Health checks failed',
};
const running: StatusResult['running'] = {
  rollout: 'ro-1',
  kind: 'rollout',
  strategy: 'rolling',
  by: 'anna',
  services: [{ service: 'backend', from: '1.0.0', to: '1.1.0' }],
  phase: 'hold: x',
  aim: 'old',
  because: 'it was bad',
  startedAt: TIME,
  deadline: TIME,
  driven: true,
  waits: [{ what: 'requests in flight', until: TIME }],
};
const status: StatusResult = {
  schemaVersion: 1,
  app: 'shop',
  environment: 'production',
  release: 'r-1',
  since: TIME,
  by: 'anna',
  services: [
    {
      service: 'backend',
      image: '1.0.0',
      release: 'r-1',
      live: 'blue',
      weights: { blue: 90, green: 10 },
      colors: [
        { color: 'blue', port: 1, targets: [target] },
        { color: 'green', port: 2, targets: [{ ...target, state: 'healthy' }] },
      ],
    },
  ],
  instances: [{ id: 'i-1', name: 'shop-1', zone: 'a', agent: 'online', silent: 'no answer' }],
  running,
  lease,
  problems: ['a route is missing'],
  next: ['deployctl status   # again'],
};
const { running: _running, ...still } = status;
const atRest: StatusResult = {
  ...still,
  last: { rollout: 'ro-1', kind: 'rollout', outcome: 'failed', reason: 'bad', by: 'anna', endedAt: TIME },
};
const outcome: HistoryResult['outcomes'][number] = {
  schema: 1,
  generation: 1,
  rollout: 'ro-1',
  kind: 'rollout',
  strategy: 'rolling',
  from: 'r-1',
  to: 'r-2',
  serving: 'r-1',
  outcome: 'rolled-back',
  reason: 'it was bad',
  by: 'anna',
  startedAt: START,
  endedAt: START + 1000,
  images: { backend: '1.0.0' },
  excluded: ['i-00000001'],
};
const history: HistoryResult = {
  schemaVersion: 1,
  app: 'shop',
  environment: 'production',
  outcomes: [outcome],
  unfinished: { ...record({ id: 'ro-2', phase: 'bake' }) },
  damaged: [{ name: '/deployctl/shop/production/rollouts/ro-0', why: 'it is no JSON' }],
};
const shown: HistoryShowResult = {
  damaged: [{ name: '/deployctl/shop/production/timelines/ro-1', why: 'it is no JSON' }],
  schemaVersion: 1,
  app: 'shop',
  environment: 'production',
  rollout: 'ro-1',
  kind: 'rollout',
  strategy: 'rolling',
  by: 'anna',
  from: 'r-1',
  to: 'r-2',
  services: [{ service: 'backend', from: '1', to: '2' }],
  startedAt: TIME,
  endedAt: TIME,
  outcome: 'failed',
  reason: 'bad',
  phase: 'bake',
  serving: 'r-1',
  excluded: ['i-1'],
  timeline: [{ at: TIME, afterSeconds: 1, is: 'failure', text: 'start failed' }],
  leftOut: 3,
};
const doctor: DoctorResult = {
  schemaVersion: 1,
  ok: false,
  app: 'shop',
  environment: 'production',
  region: 'eu-west-1',
  strategy: 'rolling',
  areas: [{ area: 'fleet', checks: [{ level: 'fail', text: 'shop-1 is silent', fix: 'repair it' }] }],
  counts: { ok: 0, warn: 0, fail: 1, skip: 0 },
  next: ['deployctl doctor   # again'],
};
const plan: PlanResult = {
  schemaVersion: 1,
  ok: true,
  somethingToDo: true,
  app: 'shop',
  environment: 'production',
  strategy: 'rolling',
  from: 'r-1',
  to: 'r-2',
  services: [{ service: 'backend', from: '1', to: '2' }],
  estimateSeconds: 10,
  steps: [{ after: 1000, reason: 'rolling', text: 'start backend', capacity: { backend: '2 of 2' } }],
  findings: [{ level: 'warn', text: 'shop-1 is left out', fix: 'look at it' }],
};
const result: OperationResult = {
  schemaVersion: 1,
  ok: false,
  outcome: 'failed',
  exitCode: 11,
  app: 'shop',
  environment: 'production',
  strategy: 'rolling',
  from: 'r-1',
  to: 'r-2',
  serving: 'r-1',
  reason: 'bad',
  durationSeconds: 1,
  services: [{ service: 'backend', from: '1', to: '2', color: 'blue' }],
  excluded: ['i-1'],
  warnings: ['x'],
  next: ['deployctl status'],
};
const validation: ValidateResult = {
  schemaVersion: 1,
  ok: false,
  outcome: 'failed',
  exitCode: 11,
  app: 'shop',
  environment: 'production',
  phases: [{ phase: 'validation', passed: false, why: 'the probe failed', seconds: 1 }],
  next: ['deployctl rollback   # goes back'],
};
const steer: SteerResult = {
  schemaVersion: 1,
  asked: 'abort',
  rollout: 'ro-1',
  phase: 'bake',
  driven: true,
  next: ['x'],
};

/** Words that decide what is shown, and times. */
const KEPT = new Set([
  'since',
  'until',
  'startedAt',
  'deadline',
  'endedAt',
  'at',
  'live',
  'color',
  'outcome',
  'kind',
  'is',
  'looks',
  'level',
  'aim',
  'asked',
  'place',
  'type',
]);

const texts: readonly [string, object, (document: never) => string][] = [
  ['status', status, (it: StatusResult) => statusText(it, START, 200)],
  ['status of one that ended', atRest, (it: StatusResult) => statusText(it, START)],
  ['the end of status --watch', status, (it: StatusResult) => endText(it, it)],
  ['history', history, historyText],
  ['history show', shown, historyShowText],
  ['history show without a timeline', { ...shown, timeline: [] }, historyShowText],
  ['doctor', doctor, doctorText],
  ['plan', plan, (it: PlanResult) => planText(it, 'deployctl rollout')],
  ['plan with nothing to do', { ...plan, somethingToDo: false }, (it: PlanResult) => planText(it, '')],
  ...(['nothing-to-do', 'succeeded', 'rolled-back', 'failed', 'held', 'interrupted'] as const).map(
    (how): (typeof texts)[number] => [`the result of one that ${how}`, { ...result, outcome: how }, resultLine],
  ),
  ['validate', validation, validateText],
  ['abort', steer, steerText],
  ['the lease', lease, (it: LeaseView) => leaseText(it, START)],
  [
    'an error',
    { message: 'it failed', next: ['deployctl status'] },
    (it: { message: string; next: string[] }) => errorText(it, [it.message]),
  ],
  [
    'an error of several lines',
    { message: 'x', lines: ['one', 'two'], next: ['x'] },
    (it: { message: string; lines: string[]; next: string[] }) => errorText(it, it.lines),
  ],
];

describe('text of others', () => {
  it.each(texts)('is only text in %s', (_, document, render) => {
    const lines = (text: string): number => text.split('\n').length;
    // As many lines as with harmless words: none comes from the text of others.
    const wanted = lines(render(filled(document, 'word', KEPT) as never));
    fc.assert(
      fc.property(hostile, (text) => {
        const rendered = render(filled(document, text, KEPT) as never);
        expect(flawOf(rendered)).toBeUndefined();
        expect(lines(rendered), rendered).toBe(wanted);
      }),
      { numRuns: 300 },
    );
  });

  it('is only text in the lines of status --watch', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const lines = changes(status, filled(status, text, KEPT), START);
        for (const line of lines) expect(flawOf(line.includes('\n') ? '\u0000' : line)).toBeUndefined();
      }),
    );
  });

  it('is cut between characters', () => {
    for (const at of [18, 19, 20, 21, 22, 23, 24, 397, 398, 399, 400]) {
      const text = `${'a'.repeat(at)}🚀zz`;
      const lines = [{ time: text, text }];
      const log = { instance: 'i-1', name: 'shop-1', color: 'blue', container: 'c', truncated: false, lines } as const;
      expect(flawOf(logsText([log])), String(at)).toBeUndefined();
      expect(flawOf(logLines(text).join('\n')), String(at)).toBeUndefined();
    }
  });

  it('is only text in log lines and in the output of a command', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const log = {
          instance: text,
          name: text,
          color: 'blue',
          container: text,
          truncated: true,
          lines: [{ time: text, text }],
        } as const;
        expect(flawOf(logsText([log]))).toBeUndefined();
        const results = [{ instance: text, name: text, exitCode: 1, stdout: text, stderr: text, truncated: true }];
        expect(
          flawOf(
            execText({
              schemaVersion: 1,
              ok: false,
              exitCode: 1,
              app: text,
              environment: text,
              service: text,
              results,
              next: [],
            }),
          ),
        ).toBeUndefined();
        const stopped = { instance: text, name: text, why: text, mayHaveRun: true, notRunOn: [text] };
        expect(flawOf(stoppedText(stopped))).toBeUndefined();
      }),
    );
  });

  it('is only text in the live view and in the lines of a pipe', () => {
    const style = createStyle({ color: false, unicode: true });
    fc.assert(
      fc.property(hostile, (text) => {
        const seen = filled(view(), text, KEPT);
        const how = { columns: 120, rows: 40, now: START, style };
        for (const line of [header(seen, how), ...frame(seen, how)]) {
          expect(flawOf(line.includes('\n') ? '\u0000' : line)).toBeUndefined();
        }
        const clock = new ManualClock();
        let written = '';
        const lines = createLines({ write: (part) => (written += part), clock, timeZone: 'UTC' });
        for (const event of [...story, ...others]) lines.report(filled(event, text, KEPT));
        void lines.close();
        expect(flawOf(written)).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });

  it('is only text in a file that init writes, and no key of it', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const draft: Draft = {
          app: 'shop',
          region: 'eu-west-1',
          environment: 'production',
          strategy: 'rolling',
          layout: { is: 'ports' },
          fleet: { is: 'tags', tags: { App: 'shop' } },
          services: [],
          remarks: [text],
        };
        const lines = configText(draft, false).split('\n');
        expect(lines.filter((line) => line.startsWith('# Look at this')).length).toBe(1);
        expect(lines.length).toBe(configText({ ...draft, remarks: ['word'] }, false).split('\n').length);
      }),
    );
  });
});

const others: readonly DeployctlEvent[] = [
  at(1, { type: 'note', level: 'warning', text: 'x' }),
  at(1, { type: 'note', level: 'info', text: 'x' }),
  at(1, { type: 'action.failed', action: { is: 'pull', instance: 'i-1' }, text: 'pull', why: 'denied' }),
  at(1, { type: 'traffic.shifted', service: 'backend', color: 'green', percent: 10 }),
  at(1, { type: 'bake.started', key: 'step 10', until: START }),
  at(1, { type: 'hold.started', reason: 'x', until: START }),
  at(1, ended({ outcome: 'held' })),
];

/** A command that fails, and keeps what it writes. */
class Failing extends ReportingCommand {
  written = '';

  override run(): Promise<void> {
    return Promise.resolve();
  }

  override logToStderr(text = ''): void {
    this.written += `${text}\n`;
  }

  async fail(error: Error): Promise<string> {
    const before = process.exitCode;
    await this.catch(error);
    process.exitCode = before;
    return this.written;
  }
}

describe('an error', () => {
  const fail = async (error: Error): Promise<string> => new Failing([], {} as Config).fail(error);
  const made = (message: string | readonly string[]): DeployctlError =>
    new DeployctlError({ code: 'x', message, exitCode: 12, next: ['look\nat it'] });

  it('has the lines that its author gave it, and no others', async () => {
    expect(await fail(made('shop\n::error::x'))).toBe('Error: shop ::error::x\n\nNext:\n  look at it\n');
    expect(await fail(made(['refused:', '  - shop\n::error::x', '  - y']))).toBe(
      'Error: refused:\n  - shop ::error::x\n  - y\n\nNext:\n  look at it\n',
    );
    expect(made(['one', 'two']).message).toBe('one\ntwo');
  });

  it('of anybody is only text', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        for (const error of [
          made(text),
          made([text, text]),
          new PortError({ kind: 'server', operation: 'x', message: text }),
        ]) {
          expect(flawOf(printable(await fail(error)))).toBeUndefined();
        }
        expect((await fail(made(text))).split('\n')).toHaveLength(5);
      }),
    );
  });
});

describe('for machines', () => {
  it('JSON keeps the data as they are, and spells what is not text', () => {
    fc.assert(
      fc.property(fc.array(hostile), fc.jsonValue(), (some, value) => {
        for (const indent of [undefined, 2]) {
          const json = safeJson({ some, value }, indent);
          // A lone half of a pair has no other spelling either.
          expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify({ some, value })));
          expect(flawOf(json)).toBeUndefined();
        }
      }),
    );
  });

  it('the summary of the action has no markup, mention or control of others', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const broken = actionSummary('rollout', 'failed', { ...filled(result, text, KEPT), outcome: 'failed' }, []);
        const prose = broken.replace(/\n(`{3,})text\n[^]*?\n\1\n/g, '\n');
        // A fence can hold lines of its own.
        expect(UNSAFE.exec(broken)).toBeNull();
        expect(prose).not.toMatch(/@everyone|<b>|<@|\]\(|(?<!&#\d+;)`/);
      }),
    );
  });

  it('Discord and Slack get nobody mentioned, no markup and no controls', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const end = filled(at(1, ended()), text, KEPT) as Extract<DeployctlEvent, { type: 'rollout.ended' }>;
        const picture = {
          summary: filled(summary, text, KEPT),
          startedAt: START,
          phase: text,
          reason: text,
          state: 'failed',
        } as const;
        for (const message of [endMessage(end, undefined), progressMessage(picture)]) {
          expect(message.allowed_mentions).toEqual({ parse: [] });
          const prose = message.embeds.flatMap(({ description = '', fields }) => [
            description,
            ...fields.map(({ value }) => value),
          ]);
          for (const part of prose) {
            expect(flawOf(part)).toBeUndefined();
            if (!part.startsWith('```')) expect(part).not.toMatch(/(?<!\\)(?:@everyone|<@|`|\]\()/);
          }
        }
        const { text: slack } = JSON.parse(slackBody(undefined)(end)) as { text: string };
        expect(flawOf(slack)).toBeUndefined();
        expect(slack).not.toMatch(/[<>]/);
      }),
    );
  });
});

describe('cleaning', () => {
  it.each([
    ['a\u001b[1;31mred\u001b[0m', 'ared'],
    ['\u001b]0;title\u0007shown', 'shown'],
    ['\u001b]8;;https://x\u001b\\link\u001b]8;;\u001b\\', 'link'],
    ['\u001bPq payload \u001b\\shown', 'shown'],
    ['\u009b31mred', 'red'],
    ['\u009d0;title\u009cshown', 'shown'],
    ['a\u001b(Bb', 'ab'],
    ['cut \u001b]0;tit', 'cut 0;tit'],
    ['a\u202eb', 'a b'],
    ['a\nb\r\nc', 'a b c'],
    ['::error::x', ': :error::x'],
    ['  ##[error]x', '## [error]x'],
    ['at ::1 and a::b', 'at ::1 and a::b'],
  ])('%j is shown as %j', (text, shows) => {
    expect(oneLine(text)).toBe(shows);
  });

  it('is done once: a clean text stays as it is', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        for (const clean of [oneLine, inLine, printable]) expect(clean(clean(text))).toBe(clean(text));
        expect(flat(flat({ [text]: [text] }))).toEqual(flat({ [text]: [text] }));
        for (const line of logLines(text)) expect(flawOf(line)).toBeUndefined();
      }),
    );
  });

  it('takes no longer than the text is long', () => {
    const began = process.cpuUsage();
    for (const piece of ['\u001bP', '\u009d', '\u001b[0', '\u001b', '\u0090\u001b', '\u001b[;']) {
      oneLine(piece.repeat(40_000));
      printable(piece.repeat(40_000));
    }
    expect(process.cpuUsage(began).user / 1000).toBeLessThan(5000);
  });

  it('nothing in the commands writes past it', () => {
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.ts') && !name.startsWith('sandbox'),
    );
    const writes = files.flatMap((name) => {
      const found = readFileSync(join('src', name), 'utf8').match(
        /std(?:out|err)\.write\(|console\.\w+\(|ux\.std\w+\(|\bthis\.raw\(|\bsuper\.log\w*\(/g,
      );
      return (found ?? []).map((text) => `${name} ${text}`);
    });
    expect([...new Set(writes)].sort()).toEqual([
      'base-command.ts super.log(',
      'base-command.ts super.logToStderr(',
      'base-command.ts ux.stdout(',
      'commands/completion.ts this.raw(',
      'commands/iam-policy.ts this.raw(',
      'commands/report.ts this.raw(',
      'commands/sandbox/env.ts this.raw(',
      'compose/outputs.ts stderr.write(',
      'help.ts super.log(',
    ]);
  });
});
