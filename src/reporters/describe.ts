import { isLook } from '../domain/decision.js';
import type { DeployctlEvent, InstanceLine, Place, RolloutSummary, View } from '../domain/event.js';
import type { Wait } from '../domain/decision.js';
import type { InstanceId, Instant } from '../domain/ids.js';
import type { HostFailure } from '../domain/observation.js';
import { sentenceOf } from '../domain/observation.js';
import { logLines, oneLine } from './clean.js';
import { countdown, duration, percent, timeOfDay } from './format.js';
import type { Tone } from './style.js';

/*
 * The words of every event. All reporters speak through this file, so that a terminal, a CI log and a chat say the same thing.
 */

/** An event in words. `details` are further lines: evidence of a failure, and what to type next. */
export interface Sentence {
  readonly tone: Tone;
  readonly text: string;
  readonly details: readonly string[];
}

/** Lines of a log are set off by this, which also keeps them from being a command to a CI system. */
const LOG_MARK = '| ';
const LOG_LINES = 20;

/** @returns undefined for events that are drawn rather than told (`view`). */
export function describe(event: DeployctlEvent, timeZone?: string): Sentence | undefined {
  switch (event.type) {
    case 'note':
      return event.level === 'warning'
        ? say('warning', `warning: ${oneLine(event.text)}`)
        : say('plain', oneLine(event.text));
    case 'rollout.started':
      return say('strong', started(event.summary, event.resumed));
    case 'phase.changed':
      return say('strong', withReason(event.phase, event.reason));
    case 'action.sent':
      // A look changes nothing.
      if (isLook(event.action)) return undefined;
      return say('plain', oneLine(event.text));
    case 'action.failed':
      return say('warning', `${oneLine(event.text)} failed: ${oneLine(event.why)}`);
    case 'host.done':
      return say('plain', `${who(event.instance, event.name)}  ${oneLine(event.text)} (${duration(event.took)})`);
    case 'host.failed':
      return say(
        'bad',
        `${who(event.instance, event.name)}  ${failureSentence(event.failure)}`,
        failureDetails(event.failure),
      );
    case 'instance.moved':
      return say(placeTone(event.line.place), moved(event.line, event.before, timeZone));
    case 'traffic.shifted':
      return say(
        'active',
        `${oneLine(event.service)}  ${percent(event.percent)} of the traffic goes to ${event.color} now`,
      );
    case 'bake.started':
      return say(
        'plain',
        `watching ${oneLine(event.key)} until ${timeOfDay(event.until, timeZone)} (${countdown(event.until - event.at)})`,
      );
    case 'rollback.started':
      return say(
        'warning',
        `rolling back: ${oneLine(event.reason)}`,
        // The log has just been shown with the failure itself, and comes again at the end.
        event.failure === undefined ? [] : failureDetails({ ...event.failure, logTail: '' }),
      );
    case 'outage.started':
      return say('bad', outageWords(event));
    case 'outage.ended':
      return say('good', `${oneLine(event.service)}  outage over after ${countdown(event.lasted)}: ${event.color}`);
    case 'hold.started':
      return say(
        'warning',
        `on hold until ${timeOfDay(event.until, timeZone)} (${countdown(event.until - event.at)}), nothing is changed meanwhile: ${oneLine(event.reason)}`,
      );
    case 'rollout.ended':
      return ending(event);
    case 'probe.sampled':
    case 'view':
      return undefined;
  }
}

const say = (tone: Tone, text: string, details: readonly string[] = []): Sentence => ({ tone, text, details });

/** `backend  outage: green gets 100% of the traffic and has no healthy target; all of it moves to blue`. */
export function outageWords(event: Extract<DeployctlEvent, { type: 'outage.started' }>): string {
  const { service, color, movesTo } = event;
  const then =
    movesTo === undefined
      ? 'the other color has none either'
      : `all of it moves to ${movesTo}, which has healthy targets`;
  return `${oneLine(service)}  outage: ${color} gets ${percent(event.percent)} of the traffic and has no healthy target; ${then}`;
}

/** `i-0abc (shop-1)`, or the id alone when there is no other name. */
export function who(instance: InstanceId, name: string): string {
  const [id, shown] = [oneLine(instance), oneLine(name)];
  return shown === '' || shown === id ? id : `${id} (${shown})`;
}

/** `shop/production`. */
export const where = (it: { readonly app: string; readonly environment: string }): string =>
  oneLine(`${it.app}/${it.environment}`);

/** `backend 1.0.0 → 1.1.0, frontend 1.0.0 → 1.1.0`. */
export function changes(summary: RolloutSummary): string {
  if (summary.services.length === 0) return 'no service changes';
  return summary.services.map((it) => oneLine(`${it.service} ${it.from} → ${it.to}`)).join(', ');
}

function started(summary: RolloutSummary, resumed: boolean): string {
  const about =
    summary.estimate === undefined || summary.estimate < 1000 ? '' : `, about ${countdown(summary.estimate)}`;
  const verb = resumed ? 'resuming ' : '';
  return `${verb}${summary.kind} ${oneLine(summary.rollout)} of ${where(summary)} (${oneLine(summary.strategy)}) by ${oneLine(summary.by)}: ${changes(summary)}${about}`;
}

function withReason(phase: string, reason: string): string {
  const words = oneLine(reason);
  return words === '' || words === oneLine(phase) ? oneLine(phase) : `${oneLine(phase)}: ${words}`;
}

/** The words for a place, at most 9 letters: they are a column of the live view. */
export const PLACE_WORDS: Readonly<Record<Place, string>> = {
  empty: 'empty',
  old: 'old',
  draining: 'draining',
  quiet: 'drained',
  swapping: 'swapping',
  unverified: 'checking',
  ready: 'ready',
  warming: 'warming',
  settling: 'settling',
  serving: 'serving',
  bad: 'bad',
  excluded: 'left out',
  unknown: 'unknown',
};

export function placeTone(place: Place): Tone {
  switch (place) {
    case 'serving':
      return 'good';
    case 'bad':
      return 'bad';
    case 'excluded':
    case 'unknown':
      return 'warning';
    case 'empty':
    case 'old':
      return 'plain';
    case 'draining':
    case 'quiet':
    case 'swapping':
    case 'unverified':
    case 'ready':
    case 'warming':
    case 'settling':
      return 'active';
  }
}

function moved(line: InstanceLine, before: Place | undefined, timeZone: string | undefined): string {
  const change = before === undefined ? PLACE_WORDS[line.place] : `${PLACE_WORDS[before]} → ${PLACE_WORDS[line.place]}`;
  const until = line.until === undefined ? '' : `until ${timeOfDay(line.until, timeZone)} at most`;
  const why = [line.waitsFor === undefined ? '' : oneLine(line.waitsFor), until]
    .filter((part) => part !== '')
    .join(', ');
  return `${oneLine(line.service)}  ${who(line.instance, line.name)}  ${change}${why === '' ? '' : ` (${why})`}`;
}

/** What is waited for and until when, for a line that says that nothing has happened for a while. */
export function stillWaiting(
  view: View | undefined,
  waits: readonly Wait[],
  now: Instant,
  timeZone?: string,
): Sentence {
  if (waits.length === 0) {
    return say('dim', `still at it${view === undefined ? '' : `: ${withReason(view.phase, view.reason)}`}`);
  }
  const told = waits.slice(0, 3).map((wait) => {
    const name = view?.instances.find((line) => line.instance === wait.instance)?.name ?? '';
    const subject = [
      wait.service === undefined ? '' : oneLine(wait.service),
      wait.instance === undefined ? '' : who(wait.instance, name),
    ].filter((part) => part !== '');
    const until = `until ${timeOfDay(wait.until, timeZone)} at most (${countdown(wait.until - now)})`;
    return `${subject.length === 0 ? '' : `${subject.join(' ')}: `}${oneLine(wait.what)}, ${until}`;
  });
  const more = waits.length > told.length ? `; and ${waits.length - told.length} more` : '';
  return say('dim', `still waiting: ${told.join('; ')}${more}`);
}

/** `start of backend failed (exited): …` */
export function failureSentence(failure: HostFailure): string {
  return oneLine(sentenceOf(failure));
}

/** `137 (killed for want of memory)`, undefined when the container has not exited. */
export function exitWords(failure: HostFailure): string | undefined {
  if (failure.oomKilled === true) return `${failure.exitCode ?? 137} (killed for want of memory)`;
  if (failure.exitCode === undefined) return undefined;
  return failure.exitCode === 137 ? '137 (killed)' : String(failure.exitCode);
}

/** Last probe, exit code, want of memory and the end of the log. */
export function failureDetails(failure: HostFailure): readonly string[] {
  const details: string[] = [];
  if (failure.lastProbe !== undefined && failure.lastProbe !== '') {
    details.push(`last probe: ${oneLine(failure.lastProbe)}`);
  }
  const exit = exitWords(failure);
  if (exit !== undefined) details.push(`container exited with ${exit}`);
  const log = failure.logTail === undefined ? [] : logLines(failure.logTail, LOG_LINES);
  if (log.length > 0) details.push('log of the container, last lines:', ...log.map((line) => `  ${LOG_MARK}${line}`));
  return details;
}

type Ended = Extract<DeployctlEvent, { type: 'rollout.ended' }>;

/** The verdict in words, without the reason. */
export function verdict(event: Ended): { readonly tone: Tone; readonly text: string } {
  const kind = event.summary.kind;
  const Kind = kind.charAt(0).toUpperCase() + kind.slice(1);
  switch (event.outcome) {
    case 'succeeded':
      return { tone: 'good', text: `${Kind} succeeded` };
    case 'rolled-back':
      // Who asked, and why, is the reason that follows.
      if (event.askedBy !== undefined)
        return { tone: 'warning', text: `${Kind} was undone as asked; the previous release is serving` };
      return { tone: 'bad', text: `${Kind} failed and was undone; the previous release is serving` };
    case 'failed':
      return {
        tone: 'bad',
        text: kind === 'rollback' ? 'Rollback failed; a person is needed' : `${Kind} failed; a person is needed`,
      };
    case 'held':
      return { tone: 'warning', text: `${Kind} is on hold; a person is needed` };
    case 'interrupted':
      return { tone: 'warning', text: `${Kind} was interrupted: neither finished nor undone` };
  }
}

/** What to type when the engine has nothing better to say. A success needs nothing. */
export function nextSteps(event: Ended): readonly string[] {
  if (event.next.length > 0) return event.next.map(oneLine);
  const env = `--env ${oneLine(event.summary.environment)}`;
  switch (event.outcome) {
    case 'succeeded':
      return [];
    case 'rolled-back':
      return [`deployctl history ${env}`];
    case 'failed':
    case 'held':
      return [`deployctl status ${env}`];
    case 'interrupted':
      return [`deployctl resume ${env}`];
  }
}

/** The final block: the verdict, why, from → to, how long and by whom, what serves, the evidence, and what to type. */
function ending(event: Ended): Sentence {
  const { tone, text } = verdict(event);
  const { summary } = event;
  const name = Math.max(0, ...summary.services.map((it) => oneLine(it.service).length));
  const details = [
    ...summary.services.map((it) => `${oneLine(it.service).padEnd(name)}  ${oneLine(it.from)} → ${oneLine(it.to)}`),
    `serving now: ${oneLine(event.serving)}`,
    `${oneLine(summary.rollout)} of ${where(summary)}, ${oneLine(summary.strategy)}, took ${duration(event.took)}, by ${oneLine(summary.by)}`,
    ...(event.failure === undefined ? [] : [failureSentence(event.failure), ...failureDetails(event.failure)]),
    ...nextSteps(event).map((step) => `Next: ${step}`),
  ];
  return say(tone, withReason(text, event.reason), details);
}
