/** What the `deployctl sandbox` commands do. */
export { addFault, buildImage, clearFaults, getStatus, listFaults } from './control.js';
export type { ControlAt } from './control.js';
export { buildArguments, durationOf, loadBalancerUrl, statusLines, upSummary } from './describe.js';
export { upDetached } from './detach.js';
export { takeDown } from './down.js';
export { environment, exportLines, unsetLines } from './env.js';
export { faultFromFlags } from './fault-spec.js';
export { untilInterrupted } from './signals.js';
export { runningState, stateDirOf } from './state-file.js';
