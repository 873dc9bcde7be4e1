import type { ServiceCall } from '../../types.js';
import { AwsError } from '../../types.js';
import type { SsmDeps } from './deps.js';
import { createParameterStore } from './parameter-store/index.js';
import { createRunCommand } from './run-command/index.js';

/** Answers one operation: the JSON body in, the JSON body out. */
export type Operation = (params: Record<string, unknown>) => Record<string, unknown> | Promise<Record<string, unknown>>;

/** The SSM service: call it with a {@link ServiceCall}; `close()` ends what still runs or waits. */
export interface SsmService {
  (call: ServiceCall): Promise<Record<string, unknown>>;
  close(): void;
}

/**
 * Run Command and Parameter Store of one sandbox, kept in memory.
 * Answers are JSON as the wire sends it: dates are epoch seconds as numbers.
 * The service throws AwsError with the API's error code for anything that AWS would refuse.
 */
export function createSsm(deps: SsmDeps): SsmService {
  const parameters = createParameterStore(deps);
  const commands = createRunCommand(deps, (name) => parameters.plainValue(name));
  const operations: Readonly<Record<string, Operation>> = { ...commands.operations, ...parameters.operations };
  const answer = async (call: ServiceCall): Promise<Record<string, unknown>> => {
    const operation = Object.hasOwn(operations, call.operation) ? operations[call.operation] : undefined;
    if (operation === undefined) {
      throw new AwsError(
        'UnknownOperationException',
        `the sandbox's SSM has no ${call.operation}; it knows ${Object.keys(operations).join(', ')}`,
      );
    }
    return operation(call.params);
  };
  return Object.assign(answer, { close: () => commands.close() });
}
