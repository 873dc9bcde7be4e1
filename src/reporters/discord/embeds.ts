import type { DeployctlEvent, Place, RolloutSummary, View } from '../../domain/event.js';
import type { Instant } from '../../domain/ids.js';
import type { HostFailure } from '../../domain/observation.js';
import { logLines, oneLine } from '../clean.js';
import { exitWords, failureSentence, nextSteps, PLACE_WORDS, verdict, where } from '../describe.js';
import { countdown, duration, percent, truncate } from '../format.js';
import { codeBlock, fit, plain } from './limits.js';
import type { Embed, Field } from './limits.js';

/** The body of a POST or PATCH. */
export interface Message {
  readonly content?: string;
  readonly embeds: readonly [Embed];
  readonly allowed_mentions: {
    readonly parse: readonly string[];
    readonly roles?: readonly string[];
    readonly users?: readonly string[];
  };
}

/** What the live message is drawn from. */
export interface Picture {
  readonly summary: RolloutSummary;
  readonly startedAt: Instant;
  readonly phase: string;
  readonly reason: string;
  readonly state: State;
  readonly view?: View;
  readonly took?: number;
}

export type State = 'running' | 'rolling-back' | 'holding' | 'succeeded' | 'failed' | 'undone' | 'interrupted';

const COLORS: Readonly<Record<State, number>> = {
  running: 0x3498db,
  'rolling-back': 0xe67e22,
  holding: 0xf1c40f,
  succeeded: 0x2ecc71,
  failed: 0xe74c3c,
  undone: 0xe67e22,
  interrupted: 0x95a5a6,
};

type Ended = Extract<DeployctlEvent, { type: 'rollout.ended' }>;

/** The one message of a rollout that is edited as it moves. */
export function progressMessage(picture: Picture): Message {
  const { summary, view } = picture;
  const phase = picture.reason === '' ? picture.phase : `${picture.phase}: ${picture.reason}`;
  return message({
    title: `${where(summary)}: ${stateWords(picture)}`,
    description: plain(oneLine(phase)),
    color: COLORS[picture.state],
    fields: [
      ...serviceFields(summary, view),
      { name: 'Strategy', value: plain(oneLine(summary.strategy)), inline: true },
      { name: 'By', value: plain(oneLine(summary.by)), inline: true },
      ...(picture.took === undefined ? [] : [{ name: 'Duration', value: duration(picture.took), inline: true }]),
      ...(picture.took === undefined && summary.estimate !== undefined
        ? [{ name: 'Estimate', value: countdown(summary.estimate), inline: true }]
        : []),
      { name: 'Instances', value: instances(view) },
    ],
    footer: { text: oneLine(summary.rollout) },
    timestamp: new Date(picture.startedAt).toISOString(),
  });
}

function stateWords({ state, summary }: Picture): string {
  switch (state) {
    case 'running':
      return `${summary.kind} running`;
    case 'rolling-back':
      return `${summary.kind} failed, rolling back`;
    case 'holding':
      return `${summary.kind} on hold`;
    case 'succeeded':
      return `${summary.kind} succeeded`;
    case 'failed':
      return `${summary.kind} failed`;
    case 'undone':
      return `${summary.kind} undone`;
    case 'interrupted':
      return `${summary.kind} interrupted`;
  }
}

/** A new message, which notifies: the rollout is being undone. */
export function rollbackMessage(
  picture: Picture,
  now: Instant,
  failure: HostFailure | undefined,
  mention: string | undefined,
): Message {
  const { summary } = picture;
  return message(
    {
      title: `${where(summary)}: rolling back`,
      description: plain(oneLine(picture.reason)),
      color: COLORS['rolling-back'],
      fields: [
        ...serviceFields(summary, undefined),
        { name: 'Started by', value: plain(oneLine(summary.by)), inline: true },
        { name: 'After', value: duration(now - picture.startedAt), inline: true },
        ...failureFields(failure),
      ],
      footer: { text: oneLine(summary.rollout) },
    },
    mention,
  );
}

/** A new message, which notifies: requests of users fail. */
export function outageMessage(picture: Picture, words: string, mention: string | undefined): Message {
  const { summary } = picture;
  return message(
    {
      title: `${where(summary)}: outage`,
      description: plain(words),
      color: COLORS.failed,
      fields: [
        ...serviceFields(summary, undefined),
        { name: 'Started by', value: plain(oneLine(summary.by)), inline: true },
      ],
      footer: { text: oneLine(summary.rollout) },
    },
    mention,
  );
}

/** A new message, which notifies: nobody but a person can tell what is right. */
export function holdMessage(picture: Picture, now: Instant, until: Instant, mention: string | undefined): Message {
  const { summary } = picture;
  return message(
    {
      title: `${where(summary)}: on hold, please look`,
      description: plain(oneLine(picture.reason)),
      color: COLORS.holding,
      fields: [
        ...serviceFields(summary, undefined),
        { name: 'Holds for', value: countdown(until - now), inline: true },
        { name: 'Started by', value: plain(oneLine(summary.by)), inline: true },
      ],
      footer: { text: oneLine(summary.rollout) },
    },
    mention,
  );
}

/** A new message at the end. The mention is for ends that need somebody. */
export function endMessage(event: Ended, mention: string | undefined): Message {
  const { summary } = event;
  const steps = nextSteps(event);
  return message(
    {
      title: `${where(summary)}: ${verdict(event).text}`,
      description: plain(oneLine(event.reason)),
      color: COLORS[endState(event)],
      fields: [
        ...serviceFields(summary, undefined),
        { name: 'Serving now', value: plain(oneLine(event.serving)), inline: true },
        { name: 'Strategy', value: plain(oneLine(summary.strategy)), inline: true },
        { name: 'Duration', value: duration(event.took), inline: true },
        { name: 'By', value: plain(oneLine(summary.by)), inline: true },
        ...failureFields(event.outcome === 'succeeded' ? undefined : event.failure),
        { name: 'Next', value: codeBlock(event.outcome === 'succeeded' ? [] : steps) },
      ],
      footer: { text: oneLine(summary.rollout) },
    },
    event.outcome === 'succeeded' ? undefined : mention,
  );
}

export function endState(event: Ended): State {
  switch (event.outcome) {
    case 'succeeded':
      return 'succeeded';
    case 'rolled-back':
      return event.askedBy === undefined ? 'failed' : 'undone';
    case 'failed':
      return 'failed';
    case 'held':
      return 'holding';
    case 'interrupted':
      return 'interrupted';
  }
}

function serviceFields(summary: RolloutSummary, view: View | undefined): readonly Field[] {
  return summary.services.map((it) => {
    const weights = view?.services.find((line) => line.service === it.service)?.weights ?? {};
    const traffic = Object.entries(weights)
      .map(([color, weight]) => `${color} ${percent(weight)}`)
      .join(', ');
    const move = plain(oneLine(`${it.from} → ${it.to}`));
    return { name: oneLine(it.service), value: traffic === '' ? move : `${move}\n${traffic}`, inline: true };
  });
}

const INSTANCE_LINES = 12;

function instances(view: View | undefined): string {
  if (view === undefined) return '';
  const settled: readonly Place[] = ['serving', 'old', 'empty'];
  const lines = [...view.instances]
    .sort((a, b) => Number(settled.includes(a.place)) - Number(settled.includes(b.place)))
    .map((line) => {
      const waits = line.waitsFor === undefined ? '' : `, waits for ${oneLine(line.waitsFor)}`;
      return plain(truncate(oneLine(`${line.name} ${line.service}: ${PLACE_WORDS[line.place]}${waits}`), 80));
    });
  const more = lines.length - INSTANCE_LINES;
  return [...lines.slice(0, INSTANCE_LINES), ...(more > 0 ? [`… and ${more} more`] : [])].join('\n');
}

function failureFields(failure: HostFailure | undefined): readonly Field[] {
  if (failure === undefined) return [];
  const exit = exitWords(failure);
  return [
    { name: 'Failure', value: plain(failureSentence(failure)) },
    { name: 'Last probe', value: plain(oneLine(failure.lastProbe ?? '')) },
    { name: 'Container exit', value: exit ?? '' },
    { name: 'Log', value: codeBlock(logLines(failure.logTail ?? '')) },
  ];
}

function message(embed: Embed, mention?: string): Message {
  return {
    ...(mention === undefined ? {} : { content: mention }),
    embeds: [fit(embed)],
    allowed_mentions: allowed(mention),
  };
}

/**
 * Nobody is notified but by the mention of the configuration (Discord API docs, "Allowed Mentions Object"): names in commit messages and logs
 * would otherwise be.
 */
function allowed(mention: string | undefined): Message['allowed_mentions'] {
  if (mention === '@here' || mention === '@everyone') return { parse: ['everyone'] };
  const role = /^<@&(\d+)>$/.exec(mention ?? '')?.[1];
  if (role !== undefined) return { parse: [], roles: [role] };
  const user = /^<@!?(\d+)>$/.exec(mention ?? '')?.[1];
  return user === undefined ? { parse: [] } : { parse: [], users: [user] };
}
