/**
 * What SSM takes in one command. "The size limit of a document is 64 KB" (API reference, SendCommand, MaxDocumentSizeExceeded); the parameters count as
 * parts of the document, which is JSON, so the script is measured as it stands there.
 */
const MOST_BYTES = 64 * 1024;
/** AWS-RunShellScript itself, and the other parameters. */
const DOCUMENT_BYTES = 2048;

/**
 * Why the script is too large to be sent; undefined: it fits.
 * @param own bytes of it that depend on what is asked for; absent: all
 */
export function commandFlaw(script: string, own?: number): string | undefined {
  const bytes = new TextEncoder().encode(JSON.stringify(script)).length + DOCUMENT_BYTES;
  if (bytes <= MOST_BYTES) return undefined;
  const rest = own === undefined ? '' : `, of which the instance script takes ${kilobytes(bytes - own)}`;
  return `its command would be ${kilobytes(bytes)}${rest}; SSM takes at most ${kilobytes(MOST_BYTES)} in one command`;
}

const kilobytes = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KB`;
