import { isDigest } from '../domain/ids.js';
import type { ImagesPort } from '../engine/ports.js';
import type { Calls } from './calls.js';
import { isNotFound, portError } from './errors.js';

const operation = 'ecr:DescribeImages';

/** Account, region and name of a private ECR repository. */
export interface EcrRepository {
  readonly registryId: string;
  readonly region: string;
  readonly name: string;
}

/**
 * `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/backend`, also of the FIPS, dual-stack and China endpoints (ECR guide, "Service endpoints");
 * undefined for any other registry.
 */
export function ecrRepository(repository: string): EcrRepository | undefined {
  const match =
    /^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z]{2}(?:-[a-z]+)+-\d)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)\/([a-z0-9._/-]+)$/.exec(
      repository,
    );
  const [, registryId, region, name] = match ?? [];
  return registryId === undefined || region === undefined || name === undefined
    ? undefined
    : { registryId, region, name };
}

/** Tags of ECR repositories. The digest of a multi-platform tag is that of its index, which any platform can pull. */
export function createImages(calls: Calls): ImagesPort {
  return {
    async resolve(repository, tag, signal) {
      const ecr = ecrRepository(repository);
      if (ecr === undefined) {
        return undefined;
      }
      const call = calls.ecr(ecr.region);
      const answer = await call({ operation: 'DescribeImages', use: 'read', signal }, (sdk, client, options) =>
        client.send(
          new sdk.DescribeImagesCommand({
            registryId: ecr.registryId,
            repositoryName: ecr.name,
            imageIds: [{ imageTag: tag }],
          }),
          options,
        ),
      ).catch((error: unknown) => {
        throw isNotFound(error) ? noImage(repository, tag, error) : error;
      });
      const digest = answer.imageDetails?.[0]?.imageDigest;
      if (digest === undefined) {
        throw noImage(repository, tag);
      }
      if (!isDigest(digest)) {
        throw portError('server', operation, `${repository}:${tag} has the digest ${digest}; sha256:… was expected`);
      }
      return digest;
    },
  };
}

function noImage(repository: string, tag: string, cause?: unknown): Error {
  const what = cause instanceof Error && /RepositoryNotFound/.test(cause.message) ? 'repository' : 'tag';
  return portError(
    'not-found',
    operation,
    what === 'repository'
      ? `there is no repository ${repository} (asked for tag ${tag}); check account, region and name`
      : `the repository ${repository} has no tag ${tag}; push it, or name one that is there`,
    { cause },
  );
}
