// Stands for the aws CLI where a call must take another time than the CLI takes on this machine: the same arguments, the same request and the same output for
// the few operations of rolling.sh. BENCH_CALL_MS is how long a call lasts, from the start of this process; what Node needs of it is part of it.
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { signed } from '../sign.js';

const lists = new Set(['names', 'targets', 'instance-ids']);
const apis = {
  elbv2: { version: '2015-12-01', send: query },
  ssm: { send: json },
};

const [service, operation, ...rest] = process.argv.slice(2);
const { fields, expression } = read(rest);
const name = pascal(operation);
// The CLI's own time lies before its request, almost all of it: the loading of Python and of the service's model.
const own = Number(process.env.BENCH_CALL_MS ?? 0) - performance.now();
if (own > 0) await new Promise((resolve) => setTimeout(resolve, own));
const answer = await apis[service].send(name, fields);
const text = expression === undefined ? '' : asText(select(answer, expression));
if (text !== '') process.stdout.write(`${text}\n`);

function read(args) {
  const fields = {};
  let expression;
  for (let at = 0; at < args.length;) {
    const flag = args[at].slice(2);
    const values = [];
    for (at += 1; at < args.length && !args[at].startsWith('--'); at += 1) values.push(args[at]);
    if (flag === 'query') expression = values[0];
    else if (flag !== 'output') fields[pascal(flag)] = valueOf(flag, values);
  }
  return { fields, expression };
}

function valueOf(flag, values) {
  if (flag === 'targets') return values.map((one) => Object.fromEntries(one.split(',').map((pair) => pair.split('='))));
  if (lists.has(flag)) return values;
  const [value] = values;
  return value.startsWith('file://') ? JSON.parse(readFileSync(value.slice(7), 'utf8')) : value;
}

function pascal(words) {
  return words
    .split('-')
    .map((word) => word[0].toUpperCase() + word.slice(1))
    .join('');
}

function post(service, type, body) {
  const headers = signed(process.env, service, type, body);
  return new Promise((resolve, reject) => {
    const sent = request(process.env.AWS_ENDPOINT_URL, { method: 'POST', headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part) => (text += part));
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(text);
        else reject(new Error(text));
      });
    });
    sent.on('error', reject).end(body);
  });
}

async function json(name, fields) {
  const type = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AmazonSSM.${name}` };
  return JSON.parse(await post('ssm', type, JSON.stringify(fields)));
}

async function query(name, { Names, Targets, ...fields }) {
  const form = new URLSearchParams({ Action: name, Version: apis.elbv2.version, ...fields });
  (Names ?? []).forEach((one, index) => form.set(`Names.member.${String(index + 1)}`, one));
  (Targets ?? []).forEach((one, index) => {
    for (const [key, value] of Object.entries(one)) form.set(`Targets.member.${String(index + 1)}.${key}`, value);
  });
  const xml = await post(
    'elasticloadbalancing',
    { 'content-type': 'application/x-www-form-urlencoded' },
    form.toString(),
  );
  return fromXml(xml)[`${name}Response`][`${name}Result`];
}

/** Elements as objects, lists of members as arrays, everything else as text. */
function fromXml(xml) {
  const open = [{ value: {} }];
  for (const [, end, tag, closed, text] of xml.matchAll(/<(\/?)([\w]+)[^>]*?(\/?)>([^<]*)/g)) {
    if (end === '') open.push({ tag, value: undefined, text });
    if (end === '' && closed === '') continue;
    const { tag: own, value, text: inner } = open.pop();
    const parent = open.at(-1);
    if (own === 'member') (parent.value ??= []).push(value ?? inner);
    else (parent.value ??= {})[own] = value ?? inner;
  }
  return open[0].value;
}

/** The part of JMESPath that rolling.sh uses: `A.B`, `A[0]`, `A[].B`. */
function select(from, path) {
  const [, name, index, rest] = /^(\w+)(?:\[(\d*)\])?\.?(.*)$/.exec(path) ?? [];
  const value = from[name];
  const next = (one) => (rest === '' ? one : select(one, rest));
  if (index === undefined) return next(value);
  return index === '' ? (Array.isArray(value) ? value : []).map(next) : next(value[Number(index)]);
}

function asText(value) {
  return Array.isArray(value) ? value.join('\t') : String(value);
}
