import type { Access, Caller } from '../access.js';
import { isSameSecret, keyOf } from '../access.js';
import { AwsError } from '../types.js';
import type { ServiceName } from './protocols.js';
import type { Authorization, SignedRequest } from './signature.js';
import { ALGORITHM, parseAuthorization, signatureOf, signedValue } from './signature.js';

/** How far the date of a request may be from now (IAM guide, "Troubleshoot AWS API request signing"). */
const WINDOW_MS = 15 * 60_000;

/** Name of each service in the scope of a signature. */
const signingNames: Readonly<Record<ServiceName, string>> = {
  ec2: 'ec2',
  elbv2: 'elasticloadbalancing',
  ssm: 'ssm',
  sts: 'sts',
};

/** What is wrong with a request's signature. */
type Flaw =
  | { readonly is: 'missing' }
  | { readonly is: 'incomplete'; readonly why: string }
  | { readonly is: 'unknown-key' }
  | { readonly is: 'mismatch'; readonly why: string }
  | { readonly is: 'out-of-time'; readonly why: string };

const DOES_NOT_MATCH =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.';

/**
 * Finds out who signed a call, by Signature Version 4 in the Authorization header.
 * @param service absent: the call names none that is served here
 * @returns whose key it was, or the refusal as the service words it
 */
export function authenticate(
  request: SignedRequest,
  service: ServiceName | undefined,
  deps: { readonly access: Access; readonly region: string; readonly now: () => number },
): Caller | AwsError {
  const header = signedValue(request, 'authorization');
  if (header === undefined) return refusal(service, { is: 'missing' });
  const authorization = parseAuthorization(header);
  if (authorization === undefined) {
    const why = `Authorization header requires '${ALGORITHM} Credential=KEY/DATE/REGION/SERVICE/aws4_request, SignedHeaders=…, Signature=…'.`;
    return refusal(service, { is: 'incomplete', why });
  }
  const found = keyOf(deps.access, authorization.credential.keyId);
  // A session token belongs to temporary credentials, and there are none.
  if (found === undefined || signedValue(request, 'x-amz-security-token') !== undefined) {
    return refusal(service, { is: 'unknown-key' });
  }
  const flaw =
    scopeFlaw(authorization, service, deps.region) ??
    headerFlaw(request, authorization) ??
    dateFlaw(request, authorization, deps.now()) ??
    signatureFlaw(request, authorization, found.key.secret);
  return flaw === undefined ? found.caller : refusal(service, flaw);
}

function scopeFlaw({ credential }: Authorization, service: ServiceName | undefined, region: string): Flaw | undefined {
  if (credential.region !== region) {
    return {
      is: 'mismatch',
      why: `Credential should be scoped to a valid region, not '${credential.region}'; it is '${region}' here.`,
    };
  }
  if (service !== undefined && credential.service !== signingNames[service]) {
    return { is: 'mismatch', why: `Credential should be scoped to correct service: '${signingNames[service]}'.` };
  }
  return undefined;
}

/** What decides about the meaning of a call must be signed: where it goes, when, and which operation it is. */
function headerFlaw(request: SignedRequest, { signedHeaders }: Authorization): Flaw | undefined {
  const mustBeSigned = request.headers.map(([name]) => name.toLowerCase()).filter((name) => /^x-amz-/.test(name));
  const open = ['host', ...mustBeSigned].find((name) => !signedHeaders.includes(name));
  return open === undefined
    ? undefined
    : { is: 'mismatch', why: `'${open}' must be a 'SignedHeader' in the AWS Authorization.` };
}

function dateFlaw(request: SignedRequest, { credential }: Authorization, now: number): Flaw | undefined {
  const date = signedValue(request, 'x-amz-date');
  const [, day, hours, minutes, seconds] = /^(\d{8})T(\d\d)(\d\d)(\d\d)Z$/.exec(date ?? '') ?? [];
  if (date === undefined || day === undefined) {
    return { is: 'incomplete', why: "Authorization header requires existence of an 'X-Amz-Date' header." };
  }
  if (day !== credential.day) {
    return {
      is: 'mismatch',
      why: `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${credential.day}' != '${day}', from '${date}'.`,
    };
  }
  const at = Date.parse(`${day.replace(/^(....)(..)(..)$/, '$1-$2-$3')}T${hours}:${minutes}:${seconds}Z`);
  if (Math.abs(now - at) <= WINDOW_MS) return undefined;
  const why = at < now ? 'Signature expired' : 'Signature not yet current';
  return { is: 'out-of-time', why: `${why}: ${date} is more than 15 minutes from ${new Date(now).toISOString()}.` };
}

function signatureFlaw(request: SignedRequest, authorization: Authorization, secret: string): Flaw | undefined {
  const date = signedValue(request, 'x-amz-date') ?? '';
  const wanted = signatureOf(request, authorization, date, secret);
  return isSameSecret(authorization.signature, wanted) ? undefined : { is: 'mismatch', why: DOES_NOT_MATCH };
}

/** Codes and messages of each service: API references, common errors; EC2 API, error codes. The statuses of SSM are those that are seen in practice. */
function refusal(service: ServiceName | undefined, flaw: Flaw): AwsError {
  const json = service === 'ssm';
  const suffix = json ? 'Exception' : '';
  const status = json ? 400 : 403;
  switch (flaw.is) {
    case 'missing':
      return new AwsError(
        `MissingAuthenticationToken${suffix}`,
        json ? 'Missing Authentication Token' : 'Request is missing Authentication Token',
        status,
      );
    case 'incomplete':
      return new AwsError(`IncompleteSignature${suffix}`, flaw.why, 400);
    case 'unknown-key':
      if (service === 'ec2') return notValidated();
      return new AwsError(
        json ? 'UnrecognizedClientException' : 'InvalidClientTokenId',
        'The security token included in the request is invalid.',
        status,
      );
    case 'out-of-time':
      if (service === 'ec2') return new AwsError('RequestExpired', `Request has expired. ${flaw.why}`, 400);
      return new AwsError(json ? 'InvalidSignatureException' : 'SignatureDoesNotMatch', flaw.why, status);
    case 'mismatch':
      // EC2 says it without the reason; with another one than its standard text the reason helps and is kept.
      if (service === 'ec2') return notValidated(flaw.why === DOES_NOT_MATCH ? '' : ` ${flaw.why}`);
      return new AwsError(json ? 'InvalidSignatureException' : 'SignatureDoesNotMatch', flaw.why, status);
  }
}

function notValidated(more = ''): AwsError {
  return new AwsError('AuthFailure', `AWS was not able to validate the provided access credentials.${more}`, 401);
}
