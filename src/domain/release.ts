import type { Digest, Instant, Ms, ReleaseId, ServiceName } from './ids.js';

/** An image, as a tag was resolved once. `repository` has no tag: `123.dkr.ecr.eu-west-1.amazonaws.com/shop/backend`. */
export interface ImageRef {
  readonly repository: string;
  /** What the operator typed, for people to recognise; absent when a digest was given. */
  readonly tag?: string;
  readonly digest: Digest;
}

/** A request to a real route with an expectation, made on the instance before the container gets traffic. */
export interface Check {
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Accepted status codes, inclusive ranges: [[200, 299]]. */
  readonly status: readonly (readonly [number, number])[];
  readonly contains?: string;
  /** How many requests, and how many of them may fail. */
  readonly samples: number;
  readonly maxFailures: number;
  readonly timeout: Ms;
}

/** How the container is asked whether it is well. */
export interface HealthSpec {
  readonly path: string;
  /** Consecutive passes wanted. */
  readonly passes: number;
  readonly interval: Ms;
  readonly timeout: Ms;
  /** How long after the start of the container the passes may take to come. */
  readonly startTimeout: Ms;
}

export interface TaskSpec {
  readonly command: readonly string[];
  readonly timeout: Ms;
}

/** Everything that `docker run` needs for a service: rendered, without the host port, which belongs to a color. */
export interface RunSpec {
  readonly image: ImageRef;
  readonly containerPort: number;
  /** Plain values. Secrets are never here. */
  readonly env: Readonly<Record<string, string>>;
  /** Paths of env files on the instance. */
  readonly envFiles: readonly string[];
  /** Variables that the instance resolves from Parameter Store: variable → parameter name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Further arguments of `docker run`, each one element: ["--memory=512m", "--network=host"]. */
  readonly runOptions: readonly string[];
  /** Replaces the image's command when not empty. */
  readonly command: readonly string[];
  readonly stopTimeout: Ms;
  readonly health: HealthSpec;
  readonly checks: readonly Check[];
  readonly task?: TaskSpec;
  /** `manual`: an automatic rollback from this release freezes and alerts instead. */
  readonly rollback: 'auto' | 'manual';
}

/** One service of a release. `release` is the release that introduced this run spec: an unchanged service keeps the older id. */
export interface ServiceRelease {
  readonly release: ReleaseId;
  readonly spec: RunSpec;
}

export interface Release {
  readonly id: ReleaseId;
  readonly createdAt: Instant;
  /** `true`: found running, started by someone else. Its containers are the only sure way back to it. */
  readonly adopted: boolean;
  readonly services: Readonly<Record<ServiceName, ServiceRelease>>;
}

/** `1.2.0 (sha256:0123456789ab)`: what people call an image. */
export function imageName(image: ImageRef): string {
  const short = image.digest.slice(0, 'sha256:'.length + 12);
  return image.tag === undefined ? short : `${image.tag} (${short})`;
}

/** `1.2.0`, or the short digest where no tag is known. */
export function imageTag(image: ImageRef): string {
  return image.tag ?? image.digest.slice('sha256:'.length, 'sha256:'.length + 12);
}

/** Id of a service release that deployctl found running and did not start: the same on every instance that runs the same image. */
export function adoptedRelease(digest: Digest): ReleaseId {
  return `adopted-${digest.slice('sha256:'.length, 'sha256:'.length + 12)}`;
}

/** The release of a service that runs nowhere yet: there is nothing to go back to. */
export const NO_RELEASE = 'none';
