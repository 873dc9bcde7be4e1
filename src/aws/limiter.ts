import type { Clock } from '../engine/ports.js';
import type { Ms } from '../domain/ids.js';

/**
 * Token buckets in front of the account's own ones. Every rollout in this process draws from the same buckets, so services that are rolled
 * out side by side wait for each other here instead of being throttled there.
 */
export interface Limiter {
  /**
   * Takes one token; waits for it in turn. Rejects with the signal's reason on abort, without having taken it.
   */
  take(quota: Quota, signal?: AbortSignal): Promise<void>;
  /** AWS said "slow down": halves the rate, down to an eighth. */
  throttled(quota: Quota): void;
  /** A call went through: the rate recovers by a twentieth. */
  passed(quota: Quota): void;
}

/** What AWS (or we, where AWS does not say) counts together. */
export type Quota =
  | 'ec2.read'
  | 'elbv2.read'
  | 'elbv2.change'
  | 'ssm.read'
  | 'ssm.change'
  | 'parameters.read'
  | 'parameters.change'
  | 'ecr.read';

export interface Rate {
  /** Calls that may go at once after a pause. */
  readonly burst: number;
  readonly perSecond: number;
}

/**
 * A good part of what AWS grants, which leaves some to everybody else in the account. Known: ELB Describe* 40, refill 10/s (ELB API throttling);
 * EC2 reads 100, refill 20/s (EC2 API throttling); GetParameter* 40/s (Systems Manager quotas). Not published: changes and Run Command.
 */
export const rates: Readonly<Record<Quota, Rate>> = {
  'ec2.read': { burst: 50, perSecond: 10 },
  'elbv2.read': { burst: 30, perSecond: 8 },
  'elbv2.change': { burst: 10, perSecond: 4 },
  'ssm.read': { burst: 20, perSecond: 8 },
  'ssm.change': { burst: 20, perSecond: 8 },
  'parameters.read': { burst: 30, perSecond: 20 },
  'parameters.change': { burst: 10, perSecond: 4 },
  'ecr.read': { burst: 10, perSecond: 5 },
};

interface Bucket {
  tokens: number;
  /** Monotonic ms up to which the tokens are counted. */
  filledAt: Ms;
  /** 1 normally, down to an eighth after throttling. */
  share: number;
}

const slowest = 1 / 8;

/** For an endpoint on this machine, which shares its limits with nobody and whose time may run faster. */
export const localRates: Readonly<Record<Quota, Rate>> = {
  'ec2.read': { burst: 500, perSecond: 200 },
  'elbv2.read': { burst: 500, perSecond: 200 },
  'elbv2.change': { burst: 500, perSecond: 200 },
  'ssm.read': { burst: 500, perSecond: 200 },
  'ssm.change': { burst: 500, perSecond: 200 },
  'parameters.read': { burst: 500, perSecond: 200 },
  'parameters.change': { burst: 500, perSecond: 200 },
  'ecr.read': { burst: 500, perSecond: 200 },
};

/** Buckets start full. */
export function createLimiter(clock: Clock, limits: Readonly<Record<Quota, Rate>> = rates): Limiter {
  const buckets = new Map<Quota, Bucket>();

  const filled = (quota: Quota): Bucket => {
    const limit = limits[quota];
    const now = clock.monotonic();
    const bucket = buckets.get(quota) ?? { tokens: limit.burst, filledAt: now, share: 1 };
    const gained = ((now - bucket.filledAt) / 1000) * limit.perSecond * bucket.share;
    bucket.tokens = Math.min(limit.burst, bucket.tokens + gained);
    bucket.filledAt = now;
    buckets.set(quota, bucket);
    return bucket;
  };

  return {
    async take(quota, signal) {
      signal?.throwIfAborted();
      const bucket = filled(quota);
      // The count goes below zero: each caller has booked its own token, and waits until it has been filled in. Hence first come, first served.
      bucket.tokens -= 1;
      if (bucket.tokens >= 0) {
        return;
      }
      try {
        await clock.sleep(Math.ceil((-bucket.tokens / (limits[quota].perSecond * bucket.share)) * 1000), signal);
      } catch (error) {
        bucket.tokens += 1;
        throw error;
      }
    },
    throttled(quota) {
      const bucket = filled(quota);
      bucket.share = Math.max(slowest, bucket.share / 2);
      bucket.tokens = Math.min(bucket.tokens, 0);
    },
    passed(quota) {
      const bucket = filled(quota);
      bucket.share = Math.min(1, bucket.share + 1 / 20);
    },
  };
}
