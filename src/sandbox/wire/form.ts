/** A form of the AWS Query or EC2 protocol as nested values; all leaves are strings. */
export type FormValue = string | FormValue[] | { [name: string]: FormValue };

interface Node {
  value?: string;
  readonly children: Map<string, Node>;
}

/**
 * Parses an `application/x-www-form-urlencoded` body of the AWS Query protocol (`Actions.member.1.Type=…`, lists below
 * `member`) or of the EC2 protocol (`Filter.1.Value.1=…`, flat lists) into nested objects and arrays.
 *
 * An empty list arrives as `Actions=`, that is, as the empty string: it is not the same as an absent one.
 * Source: "Making Query API requests" of the ELB and EC2 API references; the empty list as the SDK for JavaScript sends it.
 */
export function parseForm(body: string): Record<string, FormValue> {
  const root: Node = { children: new Map() };
  for (const [name, value] of new URLSearchParams(body)) {
    let node = root;
    for (const part of name.split('.')) {
      let next = node.children.get(part);
      if (next === undefined) {
        next = { children: new Map() };
        node.children.set(part, next);
      }
      node = next;
    }
    node.value = value;
  }
  return toObject(root);
}

function toObject(node: Node): Record<string, FormValue> {
  // fromEntries defines own properties, so that a name such as __proto__ is only a name.
  return Object.fromEntries([...node.children].map(([name, child]) => [name, toValue(child)]));
}

function toValue(node: Node): FormValue {
  if (node.children.size === 0) {
    return node.value ?? '';
  }
  const member = node.children.get('member');
  if (member !== undefined && node.children.size === 1) {
    return member.children.size === 0 ? [] : toList(member);
  }
  if ([...node.children.keys()].every((name) => /^\d+$/.test(name))) {
    return toList(node);
  }
  return toObject(node);
}

function toList(node: Node): FormValue[] {
  return [...node.children].sort(([left], [right]) => Number(left) - Number(right)).map(([, child]) => toValue(child));
}
