/**
 * The cookies of an ALB. Their values are opaque to clients; here they are base64url text with the moment of expiry.
 * Source: ALB guide, sticky sessions: AWSALBTG (group), AWSALB (target), each with a CORS twin; renewed on each answer.
 */
const names = { group: 'AWSALBTG', target: 'AWSALB' } as const;

export type CookieKind = keyof typeof names;

/** What the request's cookie points to, unless it has none or it expired. */
export function readCookie(header: string | undefined, kind: CookieKind, now: number): string | undefined {
  if (header === undefined) {
    return undefined;
  }
  for (const name of [names[kind], `${names[kind]}CORS`]) {
    for (const part of header.split(';')) {
      const equals = part.indexOf('=');
      if (equals === -1 || part.slice(0, equals).trim() !== name) {
        continue;
      }
      const [expires = '', ...content] = Buffer.from(part.slice(equals + 1).trim(), 'base64url')
        .toString()
        .split(' ');
      if (Number(expires) > now) {
        return content.join(' ');
      }
    }
  }
  return undefined;
}

/**
 * The two Set-Cookie values that pin a client.
 * @param lifetimeMs real ms
 */
export function makeCookies(kind: CookieKind, content: string, now: number, lifetimeMs: number): string[] {
  const expires = now + lifetimeMs;
  const value = Buffer.from(`${Math.round(expires)} ${content}`).toString('base64url');
  const date = new Date(expires).toUTCString();
  const name = names[kind];
  return [
    `${name}=${value}; Expires=${date}; Path=/`,
    `${name}CORS=${value}; Expires=${date}; Path=/; SameSite=None; Secure`,
  ];
}
