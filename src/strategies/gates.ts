import type { CommandResult, GateVerdict, ProbeSamples } from '../domain/observation.js';
import type { CommandGate, GateSettings, ProbeSettings } from '../domain/settings.js';

/** Percentages of a configuration are not exact in binary: 99.9 / 100 is a little more than 0.999. */
const EPSILON = 1e-9;

/**
 * The verdict of all gates over the samples of the present bake.
 *
 * A probe fails as soon as its success rate can't be reached any more: below `minSamples` that is when even nothing but good samples up to
 * `minSamples` would leave the rate too low, from there on when the rate is too low. It is inconclusive while it has fewer samples than
 * `minSamples`; a command is while it has no result. One failure fails all; one inconclusive gate leaves all inconclusive.
 *
 *     rate 0.9, minSamples 10: 0 good 1 bad → inconclusive (9 of 10 is still possible) · 0 good 2 bad → fail · 9 good 1 bad → pass
 *
 * @param finalLook the bake is over: what is inconclusive is judged by the policy `gates.inconclusive`
 */
export function judgeGates(
  gates: GateSettings,
  probes: readonly ProbeSamples[],
  commands: readonly CommandResult[],
  finalLook: boolean,
): GateVerdict {
  const verdicts = [
    ...gates.probes.map((probe) =>
      judgeProbe(
        probe,
        probes.find((it) => it.probe === probe.name),
      ),
    ),
    ...gates.commands.map((gate) =>
      judgeCommand(
        gate,
        commands.find((it) => it.gate === gate.name),
      ),
    ),
  ];
  const failed = verdicts.filter((it) => it.is === 'fail');
  if (failed.length > 0) return { is: 'fail', why: reasons(failed) };
  const open = verdicts.filter((it) => it.is === 'inconclusive');
  if (open.length > 0) {
    if (!finalLook) return { is: 'inconclusive', why: reasons(open) };
    return gates.inconclusive === 'fail'
      ? { is: 'fail', why: `inconclusive counts as failed (gates.inconclusive: fail): ${reasons(open)}` }
      : { is: 'pass', why: `inconclusive counts as passed (gates.inconclusive: pass): ${reasons(open)}` };
  }
  if (verdicts.length === 0) return { is: 'pass', why: 'no probe or command is configured as a gate' };
  return { is: 'pass', why: reasons(verdicts) };
}

const reasons = (verdicts: readonly GateVerdict[]): string => verdicts.map((it) => it.why).join('; ');

function judgeProbe(probe: ProbeSettings, seen: ProbeSamples | undefined): GateVerdict {
  const good = seen?.good ?? 0;
  const bad = seen?.bad ?? 0;
  const total = good + bad;
  const reach = Math.max(total, probe.minSamples, 1);
  const last = seen?.lastFailure === undefined ? '' : `, last failure: ${seen.lastFailure}`;
  const counted = `probe ${probe.name}: ${good} of ${total} samples good`;
  if ((reach - bad) / reach < probe.successRate - EPSILON) {
    return { is: 'fail', why: `${counted}, wanted ${share(probe.successRate)}${last}` };
  }
  if (total < Math.max(1, probe.minSamples)) {
    return { is: 'inconclusive', why: `${counted}, ${Math.max(1, probe.minSamples)} samples are needed${last}` };
  }
  if (probe.maxLatencyP95 !== undefined && seen?.p95 !== undefined && seen.p95 > probe.maxLatencyP95) {
    const p95 = Math.round(seen.p95);
    return {
      is: 'fail',
      why: `probe ${probe.name}: 95% of ${good} good samples took up to ${p95} ms, wanted at most ${probe.maxLatencyP95} ms`,
    };
  }
  return { is: 'pass', why: counted };
}

function judgeCommand(gate: CommandGate, result: CommandResult | undefined): GateVerdict {
  if (result === undefined) return { is: 'inconclusive', why: `command ${gate.name} has no result yet` };
  if (result.passed) return { is: 'pass', why: `command ${gate.name} passed` };
  return { is: 'fail', why: `command ${gate.name} failed: ${result.why}` };
}

/** `99.9%` */
const share = (rate: number): string => `${Math.round(rate * 10_000) / 100}%`;
