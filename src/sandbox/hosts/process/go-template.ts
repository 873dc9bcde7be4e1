/**
 * Go's text/template, as far as `docker … --format` is used: fields, variables, pipes, if/else, range, with, trim
 * markers, comments and Docker's functions. Sources: pkg.go.dev/text/template; Docker docs, "Format command output".
 */
import { formatValue, truth, typeName } from './go-values.js';
import { callFunction, isFunction } from './go-functions.js';
import { lexAction, splitTemplate, type Piece, type Token } from './go-lexer.js';

/** A template that does not parse, or cannot be applied to its data. The message is in Go's words. */
export class TemplateError extends Error {}

type Operand =
  | { readonly is: 'dot' | 'nil' }
  | { readonly is: 'literal'; readonly value: string | number | boolean }
  | { readonly is: 'field'; readonly path: readonly string[]; readonly column: number }
  | { readonly is: 'variable'; readonly name: string; readonly path: readonly string[]; readonly column: number }
  | { readonly is: 'function'; readonly name: string; readonly column: number }
  | { readonly is: 'paren'; readonly pipe: Pipe; readonly path: readonly string[]; readonly column: number };

interface Pipe {
  readonly names: readonly string[];
  readonly assigns: boolean;
  readonly commands: readonly (readonly Operand[])[];
}

type Node =
  | { readonly is: 'text'; readonly text: string }
  | { readonly is: 'print'; readonly pipe: Pipe }
  | {
      readonly is: 'if' | 'with' | 'range';
      readonly pipe: Pipe;
      readonly body: readonly Node[];
      readonly other: readonly Node[];
    }
  | { readonly is: 'break' | 'continue' };

type Loop = 'go on' | 'break' | 'continue';

/** Scope of variables: a chain of frames, the innermost last. */
class Scope {
  private readonly values = new Map<string, unknown>();
  constructor(private readonly outer?: Scope) {}

  has(name: string): boolean {
    return this.values.has(name) || (this.outer?.has(name) ?? false);
  }

  get(name: string): unknown {
    return this.values.has(name) ? this.values.get(name) : this.outer?.get(name);
  }

  declare(name: string, value: unknown): void {
    this.values.set(name, value);
  }

  assign(name: string, value: unknown): void {
    if (this.values.has(name)) this.values.set(name, value);
    else this.outer?.assign(name, value);
  }
}

function parseError(line: number, message: string): TemplateError {
  return new TemplateError(`template parsing error: template: :${line}: ${message}`);
}

class Parser {
  private position = 0;
  private line = 1;

  constructor(private readonly pieces: readonly Piece[]) {}

  /** Parses up to `{{end}}`, `{{else…}}` or the end of the text. */
  block(inside: boolean): { nodes: Node[]; stop: 'end' | 'else' | 'eof'; rest: Token[] } {
    const nodes: Node[] = [];
    for (;;) {
      const piece = this.pieces[this.position++];
      if (piece === undefined) {
        if (inside) throw parseError(this.line, 'unexpected EOF');
        return { nodes, stop: 'eof', rest: [] };
      }
      this.line = piece.line;
      if (piece.is === 'text') {
        nodes.push({ is: 'text', text: piece.text });
        continue;
      }
      const tokens = lexAction(piece, (message) => parseError(piece.line, message));
      const [first, ...rest] = tokens;
      if (first === undefined) throw parseError(piece.line, 'missing value for command');
      if (first.is !== 'word') {
        nodes.push({ is: 'print', pipe: this.pipe(tokens) });
        continue;
      }
      switch (first.text) {
        case 'if':
        case 'with':
        case 'range':
          nodes.push(this.control(first.text, rest));
          break;
        case 'break':
        case 'continue':
          nodes.push({ is: first.text });
          break;
        case 'else':
        case 'end':
          if (!inside) throw parseError(piece.line, `unexpected {{${first.text}}}`);
          return { nodes, stop: first.text, rest };
        case 'define':
        case 'template':
        case 'block':
          throw parseError(piece.line, `{{${first.text}}} is not supported here`);
        default:
          nodes.push({ is: 'print', pipe: this.pipe(tokens) });
      }
    }
  }

  private control(is: 'if' | 'with' | 'range', tokens: Token[]): Node {
    const pipe = this.pipe(tokens, is);
    const body = this.block(true);
    if (body.stop !== 'else') return { is, pipe, body: body.nodes, other: [] };
    const [chained, ...rest] = body.rest;
    if (chained?.is === 'word' && (chained.text === 'if' || chained.text === 'with')) {
      return { is, pipe, body: body.nodes, other: [this.control(chained.text, rest)] };
    }
    const other = this.block(true);
    if (other.stop === 'else') throw parseError(this.line, 'expected end; found {{else}}');
    return { is, pipe, body: body.nodes, other: other.nodes };
  }

  private pipe(tokens: readonly Token[], context = 'command'): Pipe {
    const names: string[] = [];
    let rest = tokens;
    let assigns = false;
    const sign = tokens.findIndex((token) => token.is === 'mark' && (token.text === ':=' || token.text === '='));
    if (sign >= 0) {
      for (const token of tokens.slice(0, sign)) if (token.is === 'variable') names.push(token.text);
      assigns = tokens[sign]?.text === '=';
      rest = tokens.slice(sign + 1);
    }
    const commands: Operand[][] = [[]];
    for (let at = 0; at < rest.length; at += 1) {
      const token = rest[at];
      if (token === undefined) break;
      if (token.is === 'mark' && token.text === '|') {
        commands.push([]);
        continue;
      }
      let operand: Operand;
      if (token.is === 'mark' && token.text === '(') {
        let depth = 1;
        let end = at + 1;
        for (; end < rest.length && depth > 0; end += 1) {
          const inner = rest[end];
          if (inner?.is === 'mark' && inner.text === '(') depth += 1;
          if (inner?.is === 'mark' && inner.text === ')') depth -= 1;
        }
        if (depth > 0) throw parseError(this.line, 'unclosed left paren');
        const next = rest[end];
        const path = next?.is === 'field' && next.joined ? next.path : [];
        operand = { is: 'paren', pipe: this.pipe(rest.slice(at + 1, end - 1)), path, column: token.column };
        at = path.length > 0 ? end : end - 1;
      } else operand = this.operand(token);
      commands.at(-1)?.push(operand);
    }
    if (commands.some((command) => command.length === 0)) throw parseError(this.line, `missing value for ${context}`);
    return { names, assigns, commands };
  }

  private operand(token: Token): Operand {
    switch (token.is) {
      case 'field':
        return { is: 'field', path: token.path, column: token.column };
      case 'dot':
        return { is: 'dot' };
      case 'variable':
        return { is: 'variable', name: token.text, path: token.path, column: token.column };
      case 'literal':
        return { is: 'literal', value: token.value };
      case 'word':
        if (token.text === 'nil') return { is: 'nil' };
        if (token.text === 'true' || token.text === 'false') return { is: 'literal', value: token.text === 'true' };
        if (!isFunction(token.text)) throw parseError(this.line, `function "${token.text}" not defined`);
        return { is: 'function', name: token.text, column: token.column };
      case 'mark':
        throw parseError(this.line, `unexpected "${token.text}" in operand`);
    }
  }
}

function spelled(operand: Operand): string {
  switch (operand.is) {
    case 'field':
      return `.${operand.path.join('.')}`;
    case 'variable':
      return [operand.name, ...operand.path].join('.');
    case 'function':
      return operand.name;
    default:
      return '.';
  }
}

function execError(operand: Operand, message: string): TemplateError {
  const column = 'column' in operand ? operand.column : 0;
  return new TemplateError(
    `template parsing error: template: :1:${column}: executing "" at <${spelled(operand)}>: ${message}`,
  );
}

function step(value: unknown, key: string, args: readonly unknown[], operand: Operand): unknown {
  if (value instanceof Map) return value.get(key);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const found: unknown = Object.entries(value).find(([name]) => name === key)?.[1];
    if (typeof found === 'function') return Reflect.apply(found, undefined, args);
    if (found !== undefined) return found;
    throw execError(operand, `map has no entry for key "${key}"`);
  }
  if (value === undefined || value === null) throw execError(operand, `nil data; no entry for key "${key}"`);
  throw execError(operand, `can't evaluate field ${key} in type ${typeName(value)}`);
}

function walk(start: unknown, path: readonly string[], args: readonly unknown[], operand: Operand): unknown {
  return path.reduce((value, key, at) => step(value, key, at === path.length - 1 ? args : [], operand), start);
}

function operandValue(operand: Operand, dot: unknown, scope: Scope, args: readonly unknown[]): unknown {
  switch (operand.is) {
    case 'dot':
      return dot;
    case 'nil':
      return undefined;
    case 'literal':
      return operand.value;
    case 'field':
      return walk(dot, operand.path, args, operand);
    case 'variable':
      if (!scope.has(operand.name)) throw parseError(1, `undefined variable "${operand.name}"`);
      return walk(scope.get(operand.name), operand.path, args, operand);
    case 'paren':
      return walk(pipeValue(operand.pipe, dot, scope), operand.path, args, operand);
    case 'function':
      return callFunction(operand.name, args, (message) =>
        execError(operand, `error calling ${operand.name}: ${message}`),
      );
  }
}

function commandValue(command: readonly Operand[], dot: unknown, scope: Scope, piped: readonly unknown[]): unknown {
  const [head, ...rest] = command;
  if (head === undefined) return undefined;
  if (head.is === 'function' && (head.name === 'and' || head.name === 'or')) {
    // Short circuit: Go evaluates no argument past the one that decides.
    const wanted = head.name === 'or';
    let last: unknown;
    for (const operand of rest) {
      last = operandValue(operand, dot, scope, []);
      if (truth(last) === wanted) return last;
    }
    return piped.length > 0 ? piped[0] : last;
  }
  const args = [...rest.map((operand) => operandValue(operand, dot, scope, [])), ...piped];
  if (args.length > 0 && (head.is === 'literal' || head.is === 'dot' || head.is === 'nil')) {
    throw execError(head, `can't give argument to non-function ${head.is === 'literal' ? String(head.value) : '.'}`);
  }
  return operandValue(head, dot, scope, args);
}

function pipeValue(pipe: Pipe, dot: unknown, scope: Scope): unknown {
  let piped: unknown[] = [];
  for (const command of pipe.commands) piped = [commandValue(command, dot, scope, piped)];
  return piped[0];
}

function bind(pipe: Pipe, value: unknown, scope: Scope): void {
  const name = pipe.names[0];
  if (name === undefined) return;
  if (pipe.assigns) scope.assign(name, value);
  else scope.declare(name, value);
}

function entries(value: unknown): [unknown, unknown][] {
  if (Array.isArray(value)) return value.map((item: unknown, index) => [index, item]);
  if (value instanceof Map) return [...value.entries()].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  if (typeof value === 'number') return Array.from({ length: value }, (_, index) => [index, index]);
  if (typeof value === 'object' && value !== null) return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return [];
}

function render(nodes: readonly Node[], dot: unknown, scope: Scope, out: string[]): Loop {
  for (const node of nodes) {
    switch (node.is) {
      case 'text':
        out.push(node.text);
        break;
      case 'print': {
        const value = pipeValue(node.pipe, dot, scope);
        bind(node.pipe, value, scope);
        if (node.pipe.names.length === 0)
          out.push(value === undefined || value === null ? '<no value>' : formatValue(value));
        break;
      }
      case 'break':
      case 'continue':
        return node.is;
      case 'if':
      case 'with': {
        const inner = new Scope(scope);
        const value = pipeValue(node.pipe, dot, inner);
        bind(node.pipe, value, inner);
        const yes = truth(value);
        const loop = render(yes ? node.body : node.other, yes && node.is === 'with' ? value : dot, inner, out);
        if (loop !== 'go on') return loop;
        break;
      }
      case 'range':
        renderRange(node, dot, scope, out);
    }
  }
  return 'go on';
}

function renderRange(
  node: Extract<Node, { is: 'if' | 'with' | 'range' }>,
  dot: unknown,
  scope: Scope,
  out: string[],
): void {
  const items = entries(pipeValue(node.pipe, dot, scope));
  if (items.length === 0) {
    render(node.other, dot, new Scope(scope), out);
    return;
  }
  for (const [key, item] of items) {
    const inner = new Scope(scope);
    const [first, second] = node.pipe.names;
    if (first !== undefined) inner.declare(first, second === undefined ? item : key);
    if (second !== undefined) inner.declare(second, item);
    if (render(node.body, item, inner, out) === 'break') return;
  }
}

/**
 * Parses a template once and returns its application. Structs are plain objects (an unknown key is an error, as
 * `docker inspect` has it), maps are `Map`s (an unknown key is "<no value>"), methods are functions.
 * @throws TemplateError here when the text does not parse, and from the application when the data does not fit
 */
export function compileTemplate(text: string): (data: unknown) => string {
  const parser = new Parser(splitTemplate(text, parseError));
  const { nodes } = parser.block(false);
  return (data) => {
    const scope = new Scope();
    scope.declare('$', data);
    const out: string[] = [];
    render(nodes, data, scope, out);
    return out.join('');
  };
}
