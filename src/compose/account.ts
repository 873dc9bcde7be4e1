import { createAws, localRates } from '../aws/index.js';
import { systemClock } from '../engine/clock.js';
import type { InitTools } from '../operations/init/discover.js';
import { createHostPort } from './host-port.js';
import { isLocal } from './local.js';

/** The account of a Region, without a configuration: what `init` looks at. `close` frees its connections. */
export function composeAccount(options: {
  readonly region: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Told what is waited for. */
  readonly tell: (text: string) => void;
}): InitTools & { readonly close: () => void } {
  const { region, env, signal, tell } = options;
  const clock = systemClock;
  const rates = isLocal(env['AWS_ENDPOINT_URL']) ? { rates: localRates } : {};
  const aws = createAws({ region, clock, notices: (_level, text) => tell(text), ...rates });
  return {
    account: aws.account,
    traffic: aws.traffic,
    fleet: aws.fleet,
    // Names of the log on the instance: there is no app yet.
    hosts: createHostPort(aws.runner, { app: 'deployctl', environment: 'init', region }),
    clock,
    signal,
    emit: (event) => {
      if (event.type === 'note') tell(event.text);
    },
    close: () => {
      aws.close();
    },
  };
}
