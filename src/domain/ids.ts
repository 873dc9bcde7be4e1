/** Identifiers as template literal types: cheap at run time, and a digest can't be passed where an instance is meant. */

export type InstanceId = `i-${string}`;
export type Digest = `sha256:${string}`;
export type Arn = `arn:${string}`;
export type TargetGroupArn = Arn;
/** ARN of a listener (its default action) or of a listener rule. */
export type RouteArn = Arn;
/** `r-20261124-195312-4f2a`, or `adopted-…` for what ran before the first rollout. Sorts by time. */
export type ReleaseId = string;
/** `ro-20261124-195312-4f2a`. Sorts by time. */
export type RolloutId = string;
export type ServiceName = string;
export type Color = 'blue' | 'green';
/** Wall clock, milliseconds since the epoch. */
export type Instant = number;
/** A duration in milliseconds. */
export type Ms = number;
/** `i-0123:8081`: a target of a target group. */
export type TargetKey = `${InstanceId}:${number}`;

export const targetKey = (instance: InstanceId, port: number): TargetKey => `${instance}:${port}`;

export const otherColor = (color: Color): Color => (color === 'blue' ? 'green' : 'blue');

export const isInstanceId = (text: string): text is InstanceId => /^i-[0-9a-f]{8,17}$/.test(text);
export const isDigest = (text: string): text is Digest => /^sha256:[0-9a-f]{64}$/.test(text);
export const isArn = (text: string): text is Arn => text.startsWith('arn:');
