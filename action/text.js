// Text of others on its way into a summary or an annotation. The action runs without deployctl's own modules: src/reporters/clean.ts says why each is here.

const sequences = new RegExp(
  [
    String.raw`(?:\u001b[PX\]^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\n\r\u001b\u0090\u0098\u009b-\u009f]*(?:\u0007|\u001b\\|\u009c)`,
    String.raw`(?:\u001b\[|\u009b)[\u0030-\u003f]*[\u0020-\u002f]*[\u0040-\u007e]`,
    String.raw`\u001b[\u0020-\u002f]*[\u0030-\u007e]`,
  ].join('|'),
  'g',
);
const unprintable =
  // eslint-disable-next-line no-control-regex -- control characters are what this expression is for
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\p{Cs}]+/gu;

/** Without escape sequences, controls and marks that turn the direction of reading. Lines stay. */
export function plain(value) {
  return String(value ?? '')
    .replace(/\r\n?/g, '\n')
    .replace(sequences, '')
    .replace(unprintable, ' ');
}
