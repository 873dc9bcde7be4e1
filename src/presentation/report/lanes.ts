import type { Place } from '../../domain/event.js';
import type { ReportResult } from '../../operations/report.js';
import type { Html } from './html.js';
import { html } from './html.js';
import type { Across } from './scale.js';
import { axis, marks, plus, round } from './scale.js';

type Lane = ReportResult['lanes'][number];

/** What a place means, for people who see the word for the first time. */
const MEANING: Readonly<Record<Place, string>> = {
  empty: 'nothing runs here',
  old: 'serves the earlier release',
  draining: 'out of the load balancer, requests in flight end',
  quiet: 'without traffic for long enough to be stopped',
  swapping: 'a command runs on the instance',
  unverified: 'the new container runs and is not verified yet',
  ready: 'verified on the instance, not registered yet',
  warming: 'registered, not healthy for the load balancer yet',
  settling: 'healthy, not for long enough yet',
  serving: 'serves the wanted release, verified and healthy',
  bad: 'failed',
  excluded: 'left out',
  unknown: 'could not be read',
};

/** One lane an instance and color of a service: where it stood, from the first to the last moment. */
export function lanes(report: ReportResult, at: Across): Html {
  if (report.lanes.length === 0) return html``;
  const groups = new Map<string, Lane[]>();
  for (const lane of report.lanes) {
    const title = `${lane.service}, ${lane.color}`;
    groups.set(title, [...(groups.get(title) ?? []), lane]);
  }
  const seen = new Set(report.lanes.flatMap(({ places }) => places.map(({ place }) => place)));
  const legend = (Object.keys(MEANING) as Place[])
    .filter((place) => seen.has(place))
    .map(
      (place) => html`<span class="item"><span class="key ${place}"></span><b>${place}</b> ${MEANING[place]}</span>`,
    );
  return html`<section>
    <h2>Instances</h2>
    ${[...groups].map(
      ([title, inside]) =>
        html`<h3>${title}</h3>
          <div class="lanes">
            ${[...inside].sort((a, b) => (a.name < b.name ? -1 : 1)).map((lane) => row(report, lane, at))}
            <span></span>${axis(report.seconds, at)}
          </div>`,
    )}
    <p class="legend places">${legend}</p>
  </section>`;
}

function row(report: ReportResult, { name, instance, places }: Lane, at: Across): Html {
  const spans = places.map(({ afterSeconds, place }, index) => {
    const until = places[index + 1]?.afterSeconds ?? report.seconds;
    const width = round(at(until) - at(afterSeconds));
    return html`<span
      class="span ${place}"
      style="left:${at(afterSeconds)}%;width:${width}%"
      title="${place}, ${plus(afterSeconds)} to ${plus(until)}"
      >${width > 18 ? place : ''}</span
    >`;
  });
  const words = places.map(({ afterSeconds, place }) => `${place} from ${plus(afterSeconds)}`).join(', ');
  return html`<span class="name" title="${instance}">${name}</span>
    <div class="plot lane" role="img" aria-label="${name}: ${words}">${spans}${marks(report, at)}</div>`;
}
