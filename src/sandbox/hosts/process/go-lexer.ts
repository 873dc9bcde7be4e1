/** Splits a Go template into text and actions, and an action into tokens. Source: pkg.go.dev/text/template. */

export type Piece =
  | { readonly is: 'text'; readonly text: string; readonly line: number }
  | { readonly is: 'action'; readonly text: string; readonly line: number; readonly column: number };

export type Token =
  | { readonly is: 'word' | 'mark'; readonly text: string; readonly column: number }
  | { readonly is: 'dot'; readonly text: '.'; readonly column: number }
  /** `joined`: written directly after a closing paren, so that it reads a field of that value. */
  | {
      readonly is: 'field';
      readonly text: string;
      readonly path: readonly string[];
      readonly column: number;
      readonly joined: boolean;
    }
  | { readonly is: 'variable'; readonly text: string; readonly path: readonly string[]; readonly column: number }
  | { readonly is: 'literal'; readonly text: string; readonly value: string | number; readonly column: number };

type MakeError = (line: number, message: string) => Error;

/** Index after the closing `}}`, strings skipped; -1 when there is none. */
function actionEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    const char = text[at];
    if (char === '"') {
      for (at += 1; at < text.length && text[at] !== '"'; at += 1) if (text[at] === '\\') at += 1;
    } else if (char === '`') {
      at = text.indexOf('`', at + 1);
      if (at < 0) return -1;
    } else if (char === '}' && text[at + 1] === '}') return at + 2;
  }
  return -1;
}

/** Cuts at `{{ }}`; applies the trim markers `{{-` and `-}}`; drops comments. */
export function splitTemplate(text: string, makeError: MakeError): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let trimNext = false;
  const line = (): number => text.slice(0, at).split('\n').length;
  while (at < text.length) {
    const open = text.indexOf('{{', at);
    let plain = open < 0 ? text.slice(at) : text.slice(at, open);
    if (trimNext) plain = plain.trimStart();
    const trimsBefore = open >= 0 && /^\{\{-\s/.test(text.slice(open, open + 4));
    if (trimsBefore) plain = plain.trimEnd();
    if (plain !== '') pieces.push({ is: 'text', text: plain, line: line() });
    if (open < 0) break;
    at = open;
    const inner = open + (trimsBefore ? 3 : 2);
    const comment = /^\s*\/\*/.test(text.slice(inner));
    const closed = comment ? text.indexOf('*/', inner) : inner;
    const end = closed < 0 ? -1 : comment ? text.indexOf('}}', closed) + 2 : actionEnd(text, inner);
    if (end < 2) throw makeError(line(), comment ? 'unclosed comment' : 'unclosed action');
    trimNext = /\s-\}\}$/.test(text.slice(inner, end));
    if (!comment) {
      const body = text.slice(inner, end - (trimNext ? 3 : 2));
      pieces.push({ is: 'action', text: body, line: line(), column: inner - text.lastIndexOf('\n', open) - 1 });
    }
    at = end;
  }
  return pieces;
}

const TOKEN =
  /\s+|"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\]|\\.)+'|\$\w*(?:\.[A-Za-z_]\w*)*|(?:\.[A-Za-z_]\w*)+|\.|[+-]?\d[\w.]*|[A-Za-z_]\w*|:=|[=|(),]/y;

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };

function unquote(text: string): string {
  return text
    .slice(1, -1)
    .replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)/g, (_, code: string) =>
      code.length > 1 ? String.fromCodePoint(Number.parseInt(code.slice(1), 16)) : (ESCAPES[code] ?? code),
    );
}

/** Tokens of one action, without white space and commas. Columns count from 0, as Go reports them. */
export function lexAction(piece: Extract<Piece, { is: 'action' }>, makeError: (message: string) => Error): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  let afterParen = false;
  while (TOKEN.lastIndex < piece.text.length) {
    const start = TOKEN.lastIndex;
    const text = TOKEN.exec(piece.text)?.[0];
    if (text === undefined) {
      const bad = piece.text[start] ?? '';
      throw makeError(
        bad === '"'
          ? 'unterminated quoted string'
          : `unrecognized character in action: U+${(bad.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')} '${bad}'`,
      );
    }
    const column = piece.column + start;
    const head = text[0] ?? '';
    const joined = afterParen;
    afterParen = text === ')';
    if (/^\s/.test(text) || text === ',') continue;
    if (head === '"') tokens.push({ is: 'literal', text, value: unquote(text), column });
    else if (head === '`') tokens.push({ is: 'literal', text, value: text.slice(1, -1), column });
    else if (head === "'") tokens.push({ is: 'literal', text, value: unquote(text).codePointAt(0) ?? 0, column });
    else if (head === '$') {
      const [name = '$', ...path] = text.split('.');
      tokens.push({ is: 'variable', text: name, path, column });
    } else if (text === '.') tokens.push({ is: 'dot', text, column });
    else if (head === '.') tokens.push({ is: 'field', text, path: text.slice(1).split('.'), column, joined });
    else if (/^[+-]?\d/.test(text)) {
      const value = Number(text.replaceAll('_', ''));
      if (Number.isNaN(value)) throw makeError(`bad number syntax: "${text}"`);
      tokens.push({ is: 'literal', text, value, column });
    } else if (/^[A-Za-z_]/.test(text)) tokens.push({ is: 'word', text, column });
    else tokens.push({ is: 'mark', text, column });
  }
  return tokens;
}
