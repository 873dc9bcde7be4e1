// Signature Version 4 for POSTs without a query, of plain values: what is measured here must not load an SDK.
import { createHash, createHmac } from 'node:crypto';

/** What of the surroundings would win over the sandbox's keys in an environment, or go with them. */
export const bare = { AWS_PROFILE: undefined, AWS_SESSION_TOKEN: undefined };

const hash = (text) => createHash('sha256').update(text).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();

/**
 * Headers of a signed POST to the sandbox of an environment, as `deployctl sandbox env` exports it.
 * @param service name in the scope: ec2, elasticloadbalancing, ssm
 */
export function signed(env, service, headers, body) {
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const all = { ...headers, host: new URL(env.AWS_ENDPOINT_URL).host, 'x-amz-date': date };
  const names = Object.keys(all).sort();
  const lines = names.map((name) => `${name}:${all[name]}`);
  const request = ['POST', '/', '', ...lines, '', names.join(';'), hash(body)].join('\n');
  const scope = [date.slice(0, 8), env.AWS_REGION, service, 'aws4_request'];
  const key = scope.reduce(hmac, `AWS4${env.AWS_SECRET_ACCESS_KEY}`);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', date, scope.join('/'), hash(request)].join('\n')).toString('hex');
  const credential = `Credential=${env.AWS_ACCESS_KEY_ID}/${scope.join('/')}`;
  return {
    ...all,
    authorization: `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  };
}
