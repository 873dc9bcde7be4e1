import ora from 'ora';
import { messageOf } from '../domain/errors.js';
import type { DeployctlEvent, View } from '../domain/event.js';
import type { Clock, Reporter } from '../engine/ports.js';
import { describe } from './describe.js';
import type { Sentence } from './describe.js';
import { fold } from './fold.js';
import { timeOfDay, wrap } from './format.js';
import { frame, header } from './frame.js';
import { Repeats } from './repeats.js';
import type { Style, Tone } from './style.js';
import { Surface } from './surface.js';
import type { Terminal } from './surface.js';

export interface TerminalOptions {
  /** process.stderr. */
  readonly terminal: Terminal;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly style: Style;
  readonly timeZone?: string;
}

/**
 * For a person at a terminal: a spinner line and below it the state of every service and instance, redrawn in place; what is finished or went
 * wrong scrolls away above it. The cursor is hidden meanwhile, and is back after `close`, an exit and a signal.
 */
export function createTerminal(options: TerminalOptions): Reporter {
  const { clock, style, terminal, timeZone } = options;
  const surface = new Surface(terminal);
  const repeats = new Repeats();
  let view: View | undefined;
  let drawn = { key: '', block: '' };
  /** What went wrong between two events, at a frame of the spinner or at another size: nobody would hear of it there. */
  let broken: Error | undefined;

  const sizes = () => ({ columns: surface.columns, rows: surface.rows - 1, now: clock.now(), style });

  /** ora asks at each frame of its spinner; a new text is needed once a second, on a new view and on another size. */
  function block(): string {
    if (view === undefined) return '';
    const now = sizes();
    const key = `${Math.floor(now.now / 1000)} ${now.columns} ${now.rows}`;
    if (drawn.key !== key) {
      spinner.text = header(view, now);
      drawn = {
        key,
        block: frame(view, now)
          .map((line) => `\n${line}`)
          .join(''),
      };
    }
    return drawn.block;
  }

  const spinner = ora({
    stream: surface,
    isEnabled: true,
    // Raw mode would take Ctrl+C away from the handler of the command.
    discardStdin: false,
    color: style.color ? 'cyan' : false,
    interval: 120,
    ...(style.unicode ? {} : { spinner: 'line' as const }),
  });
  // Read at each frame. It sets the header too, which ora has read by then: a header is one frame late at most.
  spinner.suffixText = () => {
    try {
      return block();
    } catch (error) {
      breaks(error);
      return '';
    }
  };

  function refresh(): void {
    drawn = { key: '', block: '' };
    if (view === undefined) return;
    block();
    if (spinner.isSpinning) spinner.render();
    else spinner.start();
  }

  function breaks(error: unknown): void {
    broken ??= error instanceof Error ? error : new Error(messageOf(error));
  }

  function resized(): void {
    try {
      refresh();
    } catch (error) {
      breaks(error);
    }
  }

  function print(at: number, sentence: Sentence): void {
    const room = surface.columns - 1;
    const time = `${timeOfDay(at, timeZone)}  `;
    const indent = ' '.repeat(time.length);
    const [first = '', ...more] = wrap(sentence.text, room - time.length);
    const lines = [
      style.paint(time, 'dim') + style.paint(first, sentence.tone),
      ...more.map((line) => indent + style.paint(line, sentence.tone)),
      ...sentence.details.flatMap((detail) => {
        // What is there to be copied is not broken: the terminal joins again what it has wrapped itself.
        const broken = detail.startsWith('Next: ')
          ? fold(detail, room - indent.length).split('\n')
          : wrap(detail, room - indent.length, '    ');
        return broken.map((line) => indent + style.paint(line, detailTone(detail)));
      }),
    ];
    surface.write(`${lines.join('\n')}\n`);
  }

  function stop(): void {
    terminal.off('resize', resized);
    if (spinner.isSpinning) spinner.stop();
    view = undefined;
  }

  terminal.on('resize', resized);
  return {
    report(event) {
      if (broken !== undefined) {
        stop();
        throw broken;
      }
      if (event.type === 'view') {
        view = event.view;
        refresh();
        return;
      }
      if (event.type === 'rollout.ended') stop();
      const sentence = worthALine(event) ? describe(event, timeZone) : undefined;
      if (sentence === undefined || !repeats.isNews(event, sentence.text, clock.monotonic())) return;
      print(event.at, sentence);
    },
    close() {
      stop();
      return Promise.resolve();
    },
  };
}

/** What the block below shows anyway, while it is going on, needs no line of its own. */
function worthALine(event: DeployctlEvent): boolean {
  switch (event.type) {
    case 'action.sent':
    case 'host.done':
    case 'probe.sampled':
    case 'view':
      return false;
    case 'instance.moved':
      return event.line.place === 'serving' || event.line.place === 'bad' || event.line.place === 'excluded';
    case 'note':
    case 'rollout.started':
    case 'phase.changed':
    case 'action.failed':
    case 'host.failed':
    case 'traffic.shifted':
    case 'bake.started':
    case 'rollback.started':
    case 'outage.started':
    case 'outage.ended':
    case 'hold.started':
    case 'rollout.ended':
      return true;
  }
}

function detailTone(detail: string): Tone {
  if (detail.startsWith('Next: ')) return 'strong';
  return detail.startsWith('  ') ? 'dim' : 'plain';
}
