import { AwsError } from '../../../types.js';

const MAX_LEVELS = 15;
/** With the ARN in front of it (SSM API, PutParameter, Name). */
const MAX_ARN_LENGTH = 1011;

/**
 * Checks the name of a new or changed parameter (Systems Manager guide, "Requirements and constraints for parameter
 * names").
 * @param arnPrefix what the ARN has in front of the name
 * @throws AwsError ValidationException, AccessDeniedException for names of AWS, HierarchyLevelLimitExceededException
 */
export function checkName(name: string, arnPrefix: string): void {
  if (/^\/?aws/i.test(name)) {
    throw new AwsError('AccessDeniedException', `No access to reserved parameter name: ${name}.`);
  }
  if (/^\/?ssm/i.test(name) || !/^[a-zA-Z0-9_.\-/]+$/.test(name) || /\/\//.test(name)) {
    throw new AwsError(
      'ValidationException',
      'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of ' +
        'sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_',
    );
  }
  if (name.includes('/') && !name.startsWith('/')) {
    throw new AwsError('ValidationException', 'Parameter name must be a fully qualified name.');
  }
  if (name.endsWith('/')) {
    throw new AwsError('ValidationException', `Parameter name ${name} must not end with a slash.`);
  }
  const levels = name.split('/').filter((part) => part !== '').length;
  if (levels > MAX_LEVELS) {
    throw new AwsError(
      'HierarchyLevelLimitExceededException',
      `Parameter name ${name} has ${levels} levels. A hierarchy can have a maximum of ${MAX_LEVELS} levels.`,
    );
  }
  const length = arnPrefix.length + name.length;
  if (length > MAX_ARN_LENGTH) {
    throw new AwsError(
      'ValidationException',
      `Parameter name is ${length} characters long with its ARN; the limit is ${MAX_ARN_LENGTH}.`,
    );
  }
}

/** Whether `name` lies below `path` ("/a" or "/a/"): directly, or at any depth when `recursive`. */
export function isBelow(name: string, path: string, recursive: boolean): boolean {
  const base = path.endsWith('/') ? path : `${path}/`;
  const full = name.startsWith('/') ? name : `/${name}`;
  return full.startsWith(base) && (recursive || !full.slice(base.length).includes('/'));
}
