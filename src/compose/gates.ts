import type { CommandResult } from '../domain/observation.js';
import type { CommandGate, GateSettings } from '../domain/settings.js';
import type { Clock, GatePort, HttpPort, ProbeSample } from '../engine/ports.js';
import { createSampler } from '../health/sampler.js';
import { failureOf } from './command.js';

/** Probes and user commands of a bake. Each command runs once per bake, from its beginning. */
export function createGates(
  deps: { readonly http: HttpPort; readonly clock: Clock },
  gates: GateSettings,
  sampled?: (sample: ProbeSample) => void,
): GatePort {
  const sampler = createSampler({ ...deps, ...(sampled === undefined ? {} : { sampled }) });
  let bake: { readonly key: string; readonly results: CommandResult[]; readonly stop: AbortController } | undefined;

  function begin(key: string): NonNullable<typeof bake> {
    const begun = { key, results: new Array<CommandResult>(), stop: new AbortController() };
    for (const gate of gates.commands) {
      void runCommand(gate, begun.stop.signal).then((result) => {
        if (!begun.stop.signal.aborted) begun.results.push(result);
      });
    }
    return begun;
  }

  return {
    watch(key) {
      sampler.follow(key, gates.probes);
      if (key !== bake?.key) {
        bake?.stop.abort();
        bake = key === undefined ? undefined : begin(key);
      }
      return { probes: sampler.current()?.probes ?? [], commands: [...(bake?.results ?? [])] };
    },
    async close() {
      bake?.stop.abort();
      await sampler.stop();
    },
  };
}

/** argv, no shell; exit 0 passes. Never rejects: what went wrong is the result. */
async function runCommand(gate: CommandGate, signal: AbortSignal): Promise<CommandResult> {
  const why = await failureOf(gate.command, { timeout: gate.timeout, signal });
  return { gate: gate.name, passed: why === undefined, why: why ?? 'exit 0' };
}
