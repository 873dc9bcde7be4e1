// What GitHub's runner and this action say to each other: inputs and files in the environment, commands on stdout.
// Sources: docs.github.com, "Workflow commands for GitHub Actions"; actions/runner, FileCommandManager.cs.
import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { plain } from './text.js';

/** An input of action.yml, as the runner passes it; '' when it was left out. */
export function input(name) {
  return (process.env[`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`] ?? '').trim();
}

/** The lines of an input that are not empty. */
export function lines(name) {
  return input(name)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** Appends `name=value` to GITHUB_OUTPUT or GITHUB_STATE. The delimiter can't be guessed, so no value can end it early. */
export function setValue(file, name, value) {
  const path = process.env[file];
  if (path === undefined || path === '') return;
  const delimiter = `deployctl_${randomUUID()}`;
  appendFileSync(path, `${name}<<${delimiter}\n${value}\n${delimiter}\n`);
}

/** Largest summary of a step; a larger one is dropped as a whole (actions/runner, CreateStepSummaryCommand). */
const mostSummary = 1024 * 1024;

export function addSummary(text) {
  const path = process.env.GITHUB_STEP_SUMMARY;
  if (path === undefined || path === '') return;
  const whole =
    Buffer.byteLength(text) < mostSummary
      ? text
      : `${text.slice(0, mostSummary / 4)}\n\n(cut: the rest is in the log)\n`;
  appendFileSync(path, whole);
}

/** An annotation: `error`, `warning` or `notice`. */
export function annotate(kind, title, message) {
  process.stdout.write(`::${kind} title=${property(title)}::${data(message)}\n`);
}

/** Masks a secret in all that the job prints from now on. Each line of it by itself: the runner masks lines. */
export function mask(secret) {
  for (const line of secret.split(/\r?\n/))
    if (line.trim() !== '') process.stdout.write(`::add-mask::${escaped(line)}\n`);
}

/** Until `resume()` nothing in the output is taken for a command: what comes from instances and images is not ours. */
export function stopCommands() {
  const token = randomUUID();
  process.stdout.write(`::stop-commands::${token}\n`);
  return () => process.stdout.write(`::${token}::\n`);
}

const data = (text) => escaped(plain(text));
const escaped = (text) => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const property = (text) => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
