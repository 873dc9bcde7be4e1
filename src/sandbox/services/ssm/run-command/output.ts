import type { ExecResult } from '../../../types.js';

/** Lengths and markers of the agent's output handler (amazon-ssm-agent, iohandler.go). */
const STDOUT_LIMIT = 24_000;
const STDERR_LIMIT = 8_000;
const CUT_MARKER = '--output truncated--';
const PLUGIN_LIMIT = 2_500;
const ERROR_TITLE = '\n----------ERROR-------\n';
const PLUGIN_OUT_CUT = '\n---Output truncated---';
const PLUGIN_ERR_CUT = '\n---Error truncated----';

/** Exit codes with a meaning of their own (amazon-ssm-agent, pluginutil and contracts). */
const REBOOT_EXIT_CODE = 194;
const STOPPED_EXIT_CODE = 137;
const SUCCESS_EXIT_CODE = 168;

/** How a script's end is reported. */
export interface Verdict {
  readonly status: 'Success' | 'Failed' | 'TimedOut' | 'Cancelled';
  readonly details: string;
  readonly responseCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Whether the script asked for a reboot and to be run again afterwards. */
export function wantsReboot(result: ExecResult): boolean {
  return result.exitCode === REBOOT_EXIT_CODE && result.signal === null && !result.timedOut && !result.cancelled;
}

/**
 * Reads a script's end as the agent does: 0 is Success; 137 counts as stopped by a time-out even when the script chose
 * it; 168 is a success whose stderr is dropped; a foreign signal is Failed with -1; anything else is Failed and says so
 * at the end of stderr. Only the head of the output is kept.
 */
export function judge(result: ExecResult): Verdict {
  const stdout = cut(result.stdout, STDOUT_LIMIT);
  const stderr = cut(result.stderr, STDERR_LIMIT);
  if (result.cancelled) {
    return { status: 'Cancelled', details: 'Cancelled', responseCode: STOPPED_EXIT_CODE, stdout, stderr };
  }
  if (result.timedOut || (result.signal === null && result.exitCode === STOPPED_EXIT_CODE)) {
    return { status: 'TimedOut', details: 'ExecutionTimedOut', responseCode: STOPPED_EXIT_CODE, stdout, stderr };
  }
  if (result.signal !== null) {
    const name = result.signal === 'SIGKILL' ? 'killed' : result.signal;
    return failed(-1, stdout, `${result.stderr}failed to run commands: signal: ${name}`);
  }
  if (result.exitCode === 0) {
    return { status: 'Success', details: 'Success', responseCode: 0, stdout, stderr };
  }
  if (result.exitCode === SUCCESS_EXIT_CODE) {
    return { status: 'Success', details: 'Success', responseCode: SUCCESS_EXIT_CODE, stdout, stderr: '' };
  }
  return failed(result.exitCode, stdout, `${result.stderr}failed to run commands: exit status ${result.exitCode}`);
}

/** A failure that the agent reports itself, without a script's exit code. */
export function failed(responseCode: number, stdout: string, stderr: string): Verdict {
  return { status: 'Failed', details: 'Failed', responseCode, stdout, stderr: cut(stderr, STDERR_LIMIT) };
}

/** What `CommandPlugins[].Output` shows: stdout, a title and stderr in at most 2,500 characters. */
export function pluginOutput(stdout: string, stderr: string): string {
  const title = stderr.length > 0 ? ERROR_TITLE : '';
  const space = PLUGIN_LIMIT - title.length;
  if (stdout.length + stderr.length < space) {
    return stdout + title + stderr;
  }
  if (stdout.length > space / 2 && stderr.length > space / 2) {
    const half = Math.floor((space - PLUGIN_OUT_CUT.length - PLUGIN_ERR_CUT.length) / 2);
    return stdout.slice(0, half) + PLUGIN_OUT_CUT + title + stderr.slice(0, half) + PLUGIN_ERR_CUT;
  }
  if (stdout.length < space / 2) {
    return stdout + title + stderr.slice(0, space - PLUGIN_ERR_CUT.length - stdout.length) + PLUGIN_ERR_CUT;
  }
  return stdout.slice(0, space - PLUGIN_OUT_CUT.length - stderr.length) + PLUGIN_OUT_CUT + title + stderr;
}

/** Keeps the head of a text; the marker is part of the limit. */
function cut(value: string, limit: number): string {
  return value.length <= limit ? value : value.slice(0, limit - CUT_MARKER.length) + CUT_MARKER;
}
