// docs/commands.md from oclif's manifest: every command with its flags, as --help has them.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @returns the page; needs a build */
export function commandsPage() {
  const path = fileURLToPath(new URL('../oclif.manifest.json', import.meta.url));
  const { commands } = JSON.parse(readFileSync(path, 'utf8'));
  const all = Object.values(commands)
    .filter(({ hidden }) => hidden !== true)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  return [
    '# Commands',
    '',
    '<!-- Generated from the command line itself by `npm run generate`. -->',
    '',
    'Every command takes `--json`: one document on stdout, described in [output.schema.json](../schema/output.schema.json). Exit codes are in the',
    '[README](../README.md#exit-codes).',
    '',
    ...all.flatMap(sectionOf),
  ].join('\n');
}

function sectionOf({ id, summary, description, args, flags, examples }) {
  const name = id.replaceAll(':', ' ');
  const given = Object.values(args).map((arg) =>
    arg.required ? arg.name.toUpperCase() : `[${arg.name.toUpperCase()}]`,
  );
  const shown = Object.values(flags).filter((flag) => flag.hidden !== true && flag.name !== 'json');
  const text = [summary, description].filter((part) => part !== undefined && part !== '');
  return [
    `## ${name}`,
    '',
    ...text.flatMap((part) => (part.includes('\n  ') ? ['```text', part, '```', ''] : [part, ''])),
    `    deployctl ${[name, ...given].join(' ')}${shown.length > 0 ? ' [flags]' : ''}`,
    '',
    ...table(shown),
    ...((examples ?? []).length > 0 ? [examples.map((one) => `    ${exampleOf(one, name)}`).join('\n'), ''] : []),
  ];
}

function table(flags) {
  if (flags.length === 0) return [];
  const rows = flags
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((flag) => {
      const values = (flag.options ?? []).join('\\|');
      const wanted = flag.helpValue ?? (values === '' ? 'VALUE' : values);
      const value = flag.type === 'option' ? ` ${String(wanted).replaceAll(/(?<!\\)\|/g, '\\|')}` : '';
      const short = flag.char === undefined ? '' : `\`-${flag.char}\`, `;
      const preset =
        flag.default === undefined || String(flag.default) === '' || flag.default === false
          ? ''
          : `; default \`${String(flag.default)}\``;
      return [`${short}\`--${flag.name}${value}\``, `${cell(flag.summary ?? flag.description ?? '')}${preset}`];
    });
  const widths = ['flag', 'what it does'].map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column].length)),
  );
  const line = (cells) => `| ${cells.map((text, column) => text.padEnd(widths[column])).join(' | ')} |`;
  return [
    line(['flag', 'what it does']),
    `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`,
    ...rows.map(line),
    '',
  ];
}

const cell = (text) => text.replaceAll('\n', ' ').replaceAll('|', '\\|');

const exampleOf = (example, name) =>
  (typeof example === 'string' ? example : example.command)
    .replaceAll('<%= config.bin %>', 'deployctl')
    .replaceAll('<%= command.id %>', name);
