/**
 * What SSM takes in one command. "The size limit of a document is 64 KB" (API reference, SendCommand, MaxDocumentSizeExceeded); the parameters count as
 * parts of the document, which is JSON, so the script is measured as it stands there.
 */
const MOST_BYTES = 64 * 1024;
/** AWS-RunShellScript itself, and the other parameters. */
const DOCUMENT_BYTES = 2048;

/** Why the script is too large to be sent; undefined: it fits. */
export function sizeFlaw(script: string): string | undefined {
  const bytes = Buffer.byteLength(JSON.stringify(script)) + DOCUMENT_BYTES;
  if (bytes <= MOST_BYTES) return undefined;
  return `its command would be ${kilobytes(bytes)}, of which the instance script takes ${kilobytes(bytes - requestBytes(script))}; SSM takes at most ${kilobytes(MOST_BYTES)} in one command`;
}

/** The part that depends on the configuration. */
function requestBytes(script: string): number {
  return /^REQUEST=.*$/m.exec(script)?.[0].length ?? 0;
}

const kilobytes = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KB`;
