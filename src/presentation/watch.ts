import type { Instant } from '../domain/ids.js';
import type { StatusResult, TargetStatus } from '../operations/status.js';
import { flat, oneLine, printable } from '../reporters/clean.js';
import { countdown, timeOfDay, truncate } from '../reporters/format.js';
import { fold } from '../reporters/fold.js';
import { statusText } from './status.js';

/** Where a followed status is shown. */
export interface WatchView {
  show(status: StatusResult, now: Instant): void;
  /** Shows a note until the next status. @returns false where nothing is drawn that it would be written into */
  note(text: string, now: Instant): boolean;
  /** Leaves the terminal as it was. */
  close(): void;
}

interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** The alternate screen (xterm control sequences, "Alternate Screen Buffer"): what stood in the terminal before is back afterwards. */
const ENTER = '\u001b[?1049h';
const LEAVE = '\u001b[?1049l';
const HOME_AND_ERASE = '\u001b[H\u001b[2J';

/** For a person at a terminal: the whole status, drawn anew in place. */
export function screenView(screen: Screen): WatchView {
  let open = false;
  let shown: StatusResult | undefined;
  const close = (): void => {
    process.off('exit', close);
    if (open) screen.write(LEAVE);
    open = false;
  };
  const draw = (status: StatusResult, now: Instant, note?: string): void => {
    const [columns, rows] = [screen.columns ?? 80, screen.rows ?? 24];
    const head = `${timeOfDay(now)}  Ctrl-C ends the watching, not the rollout`;
    const said = note === undefined ? '' : `\n${oneLine(note)}`;
    // Folded before it is cut: a line that the terminal wraps by itself would push the first ones out of the window.
    const lines = fold(`${head}${said}\n\n${statusText(status, now, columns - 1)}`, columns - 1).split('\n');
    screen.write(
      HOME_AND_ERASE +
        lines
          .slice(0, rows - 1)
          .map((line) => truncate(line, columns - 1))
          .join('\n'),
    );
  };
  return {
    show(status, now) {
      if (!open) {
        screen.write(ENTER);
        process.once('exit', close);
      }
      open = true;
      shown = status;
      draw(status, now);
    },
    note(text, now) {
      if (!open || shown === undefined) return false;
      draw(shown, now, text);
      return true;
    },
    close,
  };
}

/** For pipes: the status once, then one line for everything that has changed. */
export function linesView(screen: Screen): WatchView {
  let before: StatusResult | undefined;
  return {
    show(status, now) {
      if (before === undefined) screen.write(`${printable(statusText(status, now))}\n\n`);
      else
        for (const line of changes(before, status, now)) screen.write(`${printable(`${timeOfDay(now)}  ${line}`)}\n`);
      before = status;
    },
    note: () => false,
    close: () => undefined,
  };
}

/** What differs between two looks, in words. */
export function changes(earlier: StatusResult, later: StatusResult, now: Instant): readonly string[] {
  const [before, after] = [flat(earlier), flat(later)];
  const lines: string[] = [];
  const [was, is] = [before.running, after.running];
  if (is !== undefined) {
    if (was?.aim !== is.aim && is.because !== undefined) lines.push(`goes back: ${oneLine(is.because)}`);
    if (was?.phase !== is.phase) lines.push(oneLine(is.phase));
    if (was?.driven === true && !is.driven) lines.push('nobody drives it any more: it stands still');
    if (was?.driven === false && is.driven) lines.push('it is driven again');
    const told = new Set(was?.waits.map(({ what }) => what));
    for (const { what, until } of is.waits) {
      if (told.has(what) || oneLine(what) === oneLine(is.phase)) continue;
      const end = Date.parse(until);
      lines.push(`waits: ${oneLine(what)}, until ${timeOfDay(end)} at most (${countdown(end - now)})`);
    }
  }
  for (const service of after.services) {
    const old = before.services.find((each) => each.service === service.service);
    const share = (weights: object): string =>
      Object.entries(weights)
        .map(([color, percent]) => `${color} ${String(percent)}%`)
        .join(', ');
    if (old !== undefined && share(old.weights) !== share(service.weights))
      lines.push(`${service.service}  traffic: ${share(service.weights)}`);
    for (const { color, targets } of service.colors) {
      const oldTargets = old?.colors.find((each) => each.color === color)?.targets;
      for (const target of targets) {
        const [from, to] = [oldTargets?.find(({ instance }) => instance === target.instance), target].map(placeOf);
        if (from !== to)
          lines.push(`${service.service} ${color}  ${oneLine(target.name)}  ${from ?? 'new'} → ${to ?? ''}`);
      }
    }
  }
  return lines;
}

function placeOf(target: TargetStatus | undefined): string | undefined {
  return target === undefined ? undefined : `${target.state}, ${oneLine(target.runs)}`;
}

/** How the following ended: the last line. */
export function endText(begun: StatusResult, ended: StatusResult): string {
  const [first, last] = [flat(begun), flat(ended)];
  const { running } = first;
  if (running === undefined)
    return `no rollout of ${first.app}/${first.environment} runs, so there is nothing to follow`;
  if (last.last?.rollout === running.rollout) {
    const { kind, rollout, outcome, reason } = last.last;
    return `${kind} ${rollout} ${outcome}: ${oneLine(reason)}`;
  }
  return `${running.kind} ${running.rollout} has not ended, and nobody drives it: ${oneLine(last.running?.phase ?? running.phase)}`;
}
