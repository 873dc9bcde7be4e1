import { readFileSync } from 'node:fs';
import { runIn } from './world.js';

/** One rollout of one fleet, and what it cost. Durations in ms, memory in bytes. */
interface Run {
  readonly strategy: string;
  readonly instances: number;
  readonly outcome: string;
  readonly calls: Readonly<Record<string, number>>;
  /** Calls that the account refused; the SDK or the loop repeats them. */
  readonly throttled: number;
  /** Of these, those of which somebody is told. */
  readonly told: readonly string[];
  readonly wall: number;
  readonly cpu: number;
  readonly memory: number;
  /** How long it took in the simulated world. */
  readonly virtual: number;
}

/** Share of the fleet that is out of service at a time. */
const PERCENT = 20;
/** A command may wait for its turn behind those of a large fleet. */
const patience = { healthTimeout: 300_000, hostCommand: 300_000, pullTimeout: 300_000 };

const [strategy = 'rolling', instances = '10'] = process.argv.slice(2);
const start = { wall: performance.now(), cpu: process.cpuUsage() };
const { quotas, outcome, told, began, ended } = await runIn({
  strategy: strategy === 'rolling' ? 'rolling' : 'blue-green',
  instances: Number(instances),
  maxParallel: { is: 'percent', value: PERCENT },
  timing: patience,
});
const cpu = process.cpuUsage(start.cpu);
const run: Run = {
  strategy,
  instances: Number(instances),
  outcome,
  calls: Object.fromEntries([...quotas.calls].sort()),
  throttled: quotas.throttled,
  told,
  wall: performance.now() - start.wall,
  cpu: (cpu.user + cpu.system) / 1000,
  memory: peakMemory(),
  virtual: ended - began,
};
process.stdout.write(`${JSON.stringify(run)}\n`);

/** Of this program: what getrusage says of a child may be that of the process that started it. */
function peakMemory(): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}
