/** A command as far as completion needs it. */
export interface CompletedCommand {
  /** `sandbox up` */
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly CompletedFlag[];
}

export interface CompletedFlag {
  readonly name: string;
  readonly summary: string;
  readonly takesValue: boolean;
  /** Values that it takes, when they are known. */
  readonly values: readonly string[];
}

export const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

/** The completion script of a shell. Static: it runs nothing of deployctl while somebody types. */
export function completionScript(shell: Shell, program: string, commands: readonly CompletedCommand[]): string {
  switch (shell) {
    case 'bash':
      return bash(program, commands);
    case 'zsh':
      // zsh reads bash's completions (zshcompsys, "bashcompinit").
      return `#compdef ${program}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
autoload -U +X bashcompinit && bashcompinit
${bash(program, commands)}# A file in fpath is read at the first Tab, as the function that completes: the words are still to be given.
if [[ $funcstack[1] == _${program} ]]; then _bash_complete -F _${program}; fi
`;
    case 'fish':
      return fish(program, commands);
  }
}

/** First words, and second words of each topic: `sandbox` → up, down. */
function wordsOf(commands: readonly CompletedCommand[]): ReadonlyMap<string, readonly string[]> {
  const words = new Map<string, Set<string>>();
  for (const { name } of commands) {
    const [first = '', second] = name.split(' ');
    words.set('', (words.get('') ?? new Set()).add(first));
    if (second !== undefined) words.set(first, (words.get(first) ?? new Set()).add(second));
  }
  return new Map([...words].map(([key, set]) => [key, [...set].sort()]));
}

function bash(program: string, commands: readonly CompletedCommand[]): string {
  const words = wordsOf(commands);
  const topics = [...words].map(([topic, next]) => `      '${topic}') words='${next.join(' ')}' ;;`);
  const flags = commands.map(
    ({ name, flags: all }) => `      '${name}') words="$words ${all.map((flag) => `--${flag.name}`).join(' ')}" ;;`,
  );
  const values = new Map(
    commands
      .flatMap(({ flags: all }) => all)
      .filter((flag) => flag.values.length > 0)
      .map((flag) => [flag.name, flag.values]),
  );
  const free = [
    ...new Set(
      commands
        .flatMap(({ flags: all }) => all)
        .filter((flag) => flag.takesValue && flag.values.length === 0)
        .map((flag) => `--${flag.name}`),
    ),
  ].sort();
  return `# ${program} completion: source it, or put it where your shell looks for completions.
_${program}() {
  local current previous command='' word words='' index
  current=\${COMP_WORDS[COMP_CWORD]}
  previous=\${COMP_WORDS[COMP_CWORD - 1]}
  case $previous in
${[...values].map(([name, all]) => `    --${name}) COMPREPLY=($(compgen -W '${all.join(' ')}' -- "$current")); return ;;`).join('\n')}
    ${free.join(' | ')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    case $word in -*) break ;; esac
    command=\${command:+$command }$word
  done
  case $command in
${topics.map((line) => line.slice(2)).join('\n')}
  esac
  case $current in
    -*)
    case $command in
${flags.map((line) => line.slice(2)).join('\n')}
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _${program} ${program}
`;
}

function fish(program: string, commands: readonly CompletedCommand[]): string {
  const lines = [
    `# ${program} completion: put it into ~/.config/fish/completions/${program}.fish`,
    `complete -c ${program} -f`,
  ];
  const summaries = new Map(commands.map(({ name, summary }) => [name, summary]));
  for (const [topic, next] of wordsOf(commands)) {
    const seen =
      topic === ''
        ? '__fish_use_subcommand'
        : `__fish_seen_subcommand_from ${topic}; and not __fish_seen_subcommand_from ${next.join(' ')}`;
    for (const word of next) {
      const summary = summaries.get(topic === '' ? word : `${topic} ${word}`) ?? '';
      lines.push(`complete -c ${program} -n ${quote(seen)} -a ${word} -d ${quote(summary)}`);
    }
  }
  for (const { name, flags } of commands) {
    const condition = name
      .split(' ')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join('; and ');
    for (const { name: flag, summary, takesValue, values } of flags) {
      const value = values.length > 0 ? ` -xa ${quote(values.join(' '))}` : takesValue ? ' -rF' : '';
      lines.push(`complete -c ${program} -n ${quote(condition)} -l ${flag}${value} -d ${quote(summary)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
