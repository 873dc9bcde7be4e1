# complete.zsh FOLDER LINE: what an interactive zsh offers at the first Tab after LINE, a word a line. FOLDER holds _deployctl and stands in fpath.
zmodload zsh/zpty
folder=$1 line=$2
zpty z "TERM=dumb COLUMNS=400 zsh -f -i"
# read_until TEXT: what the shell has printed up to there.
read_until() {
  local all= got
  while [[ $all != *$1* ]]; do zpty -r z got || return 1; all+=$got; done
  print -r -- "$all"
}
zpty -w z "PROMPT= RPROMPT=; unsetopt zle_bracketed_paste prompt_cr prompt_sp; fpath=(${(q)folder} \$fpath); autoload -Uz compinit; compinit -u -D"
# Completes as Tab does, and prints what matched.
zpty -w z '_shown() { compadd() { local -a all; builtin compadd -O all "$@"; print -rl -- "" "offered:"$^all; builtin compadd "$@" }; _main_complete; print -- END; zle -I }'
zpty -w z 'zle -C shown list-choices _shown; bindkey "^T" shown; print REA""DY'
read_until READY >/dev/null
zpty -w -n z "$line"$'\x14'
read_until END | tr -d '\r' | sed -n 's/^offered://p'
zpty -d z
