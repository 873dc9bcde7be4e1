import type { ReportResult } from '../../operations/report.js';
import { percent } from '../../reporters/format.js';
import { figures } from './figures.js';
import type { Html } from './html.js';
import { html } from './html.js';
import type { Across } from './scale.js';
import { axis, marks, plus, round } from './scale.js';

type Probe = ReportResult['probes'][number];
type Bucket = Probe['buckets'][number];

/** What the probes of the bakes saw: latency of the good answers, share of the bad ones. */
export function probes(report: ReportResult, at: Across): Html {
  if (report.probes.length === 0) return html``;
  return html`<section>
    <h2>Probes</h2>
    <p class="legend">
      <span class="item"><span class="key p95"></span>95% of the good answers came within</span
      ><span class="item"><span class="key p50"></span>half of them</span
      ><span class="item"><span class="key bad"></span>share of failed answers</span>
    </p>
    ${report.probes.map((probe) => chart(report, probe, at))}
  </section>`;
}

function chart(report: ReportResult, { probe, buckets }: Probe, at: Across): Html {
  const [good, bad] = [sum(buckets, 'good'), sum(buckets, 'bad')];
  const most = ceiling(Math.max(1, ...buckets.map(({ p95Ms, p50Ms }) => Math.max(p95Ms ?? 0, p50Ms ?? 0))));
  const rows = buckets.map(({ afterSeconds, good: well, bad: ill, p50Ms, p95Ms }) => {
    return [plus(afterSeconds), well, ill, ms(p50Ms), ms(p95Ms)];
  });
  const width = gapOf(buckets);
  const bars = buckets
    .filter((bucket) => bucket.bad > 0)
    .map((bucket) => {
      const height = round((bucket.bad / (bucket.good + bucket.bad)) * 100);
      const [left, right] = [at(bucket.afterSeconds), at(bucket.afterSeconds + width)];
      return html`<rect
        class="bad"
        x="${left}"
        y="${100 - height}"
        width="${Math.max(0.4, round(right - left))}"
        height="${height}"
      />`;
    });
  return html`<h3>${probe}</h3>
    <p>
      ${good + bad} samples,
      ${bad === 0 ? 'none failed' : `${String(bad)} failed (${percent((bad / (good + bad)) * 100)})`}
    </p>
    <div class="plot tall">
      <svg
        viewBox="0 0 100 100"
        preserveAspectRatio="none"
        role="img"
        aria-label="latency of ${probe}, up to ${most} ms"
      >
        ${(['p95', 'p50'] as const).map((line) => html`<path class="line ${line}" d="${path(buckets, `${line}Ms`, most, width, at)}" />`)}</svg
      ><span class="y top">${most} ms</span><span class="y bottom">0</span>${marks(report, at)}
    </div>
    <div class="plot low">
      <svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="failed answers of ${probe}">
        ${bars}</svg
      ><span class="y top">100% failed</span>${marks(report, at)}
    </div>
    ${axis(report.seconds, at)} ${figures(['from', 'good', 'failed', 'median', '95%'], rows)}`;
}

const ms = (value: number | undefined): string => (value === undefined ? '' : `${String(value)} ms`);

const sum = (buckets: readonly Bucket[], key: 'good' | 'bad'): number =>
  buckets.reduce((total, bucket) => total + bucket[key], 0);

/** Time from one bucket to the next, where no bake ended in between: the usual one of all. */
function gapOf(buckets: readonly Bucket[]): number {
  const gaps = buckets.slice(1).map((bucket, index) => bucket.afterSeconds - (buckets[index]?.afterSeconds ?? 0));
  gaps.sort((a, b) => a - b);
  return gaps[Math.floor(gaps.length / 2)] ?? 1;
}

/** A line that breaks between bakes; a round cap makes a lone point a dot. */
function path(buckets: readonly Bucket[], key: 'p50Ms' | 'p95Ms', most: number, gap: number, at: Across): string {
  let last = Number.NEGATIVE_INFINITY;
  const parts: string[] = [];
  for (const bucket of buckets) {
    const value = bucket[key];
    if (value === undefined) continue;
    const near = bucket.afterSeconds - last <= Math.max(gap * 3, 0.2);
    const point = `${String(at(bucket.afterSeconds))} ${String(round(100 - (value / most) * 100))}`;
    parts.push(near ? `L${point}` : `M${point}h0`);
    last = bucket.afterSeconds;
  }
  return parts.join('');
}

/** The next of 1, 2, 5, 10, 20, 50, … */
function ceiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10);
}
