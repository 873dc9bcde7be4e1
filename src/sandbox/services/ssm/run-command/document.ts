import { AwsError } from '../../../types.js';

const NAME = 'AWS-RunShellScript';
const DEFAULT_EXECUTION_SECONDS = 3600;
const MAX_EXECUTION_SECONDS = 172_800;
const MAX_DOCUMENT_BYTES = 64 * 1024;
/** The agent's pattern for references to Parameter Store (amazon-ssm-agent, parameterstore.go). */
const REFERENCE = /\{\{ *ssm:([/\w.:-]+) *\}\}/g;

/** Parameters of AWS-RunShellScript after validation. `executionSeconds` is AWS time. */
export interface ShellScript {
  readonly commands: readonly string[];
  readonly workingDirectory: string;
  readonly executionSeconds: number;
}

/**
 * Checks that the document exists and the parameters are the ones it declares.
 * @throws AwsError InvalidDocument, InvalidDocumentVersion, InvalidParameters, MaxDocumentSizeExceeded
 */
export function readDocument(
  document: string,
  version: string,
  parameters: Readonly<Record<string, readonly string[]>>,
): ShellScript {
  if (document !== NAME && !document.endsWith(`:document/${NAME}`)) {
    throw new AwsError('InvalidDocument', `document ${document} doesn't exist here; the sandbox has ${NAME}`);
  }
  if (!['$DEFAULT', '$LATEST', '1', ''].includes(version)) {
    throw new AwsError('InvalidDocumentVersion', `document ${NAME} has no version ${version}; it has 1`);
  }
  for (const name of Object.keys(parameters)) {
    if (!['commands', 'workingDirectory', 'executionTimeout'].includes(name)) {
      throw new AwsError('InvalidParameters', `parameter ${name} is not declared by ${NAME}`);
    }
  }
  const { commands } = parameters;
  if (commands === undefined || commands.length === 0) {
    throw new AwsError('InvalidParameters', `parameter commands is required by ${NAME}: a list of at least one line`);
  }
  const bytes = commands.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
  if (bytes > MAX_DOCUMENT_BYTES) {
    throw new AwsError('MaxDocumentSizeExceeded', `commands are ${bytes} bytes; the limit is ${MAX_DOCUMENT_BYTES}`);
  }
  return {
    commands,
    workingDirectory: scalar(parameters, 'workingDirectory') ?? '',
    executionSeconds: executionSeconds(scalar(parameters, 'executionTimeout')),
  };
}

/**
 * Replaces `{{ssm:NAME}}` by the parameter's value before any shell sees the text, quotes or not, as the agent does
 * (Systems Manager guide, "Using Parameter Store parameters in Run Command").
 * @param valueOf gives a String or StringList parameter's value, or why it can't
 */
export function resolveReferences(
  value: string,
  valueOf: (name: string) => { readonly value: string } | { readonly problem: string },
): { readonly value: string } | { readonly problem: string } {
  let problem: string | undefined;
  const resolved = value.replace(REFERENCE, (whole: string, name: string) => {
    const found = valueOf(name);
    if ('value' in found) {
      return found.value;
    }
    problem ??= found.problem;
    return whole;
  });
  return problem === undefined ? { value: resolved } : { problem };
}

function scalar(parameters: Readonly<Record<string, readonly string[]>>, name: string): string | undefined {
  const values = parameters[name];
  if (values !== undefined && values.length !== 1) {
    throw new AwsError('InvalidParameters', `parameter ${name} has ${values.length} values; it takes one`);
  }
  return values?.[0];
}

function executionSeconds(value: string | undefined): number {
  if (value === undefined) {
    return DEFAULT_EXECUTION_SECONDS;
  }
  const seconds = Number(value);
  if (!/^\d{1,6}$/.test(value) || seconds > MAX_EXECUTION_SECONDS || seconds === 0) {
    throw new AwsError(
      'InvalidParameters',
      `parameter executionTimeout is '${value}'; it must be whole seconds from 1 to ${MAX_EXECUTION_SECONDS}`,
    );
  }
  // The agent's own rule: below 5 seconds it silently takes the default (amazon-ssm-agent, pluginutil.go).
  return seconds < 5 ? DEFAULT_EXECUTION_SECONDS : seconds;
}
