# --- what is here -------------------------------------------------------------------------------------------------------------------

# Docker, without our descriptors: whatever it starts must hold neither the lock nor the answer open.
dk() { docker "$@" 3>&- 9>&- </dev/null; }

# Go templates are written with << >>: the braces appear only here, because SSM looks for pairs of them in commands.
braces() {
  open_brace=$(printf '\173\173') close_brace=$(printf '\175\175')
  printf %s "$1" | sed "s/<</$open_brace/g; s/>>/$close_brace/g"
}

# inspect TEMPLATE ID…
inspect() {
  inspect_template=$(braces "$1")
  shift
  dk inspect --type container --format "$inspect_template" "$@"
}

# Whether a container in state $1 holds its ports or will again soon.
is_up() { case $1 in running | paused | restarting) return 0 ;; *) return 1 ;; esac; }

need_docker() {
  reached=docker
  command -v docker >/dev/null || fail no-docker "docker is not installed on the instance; install it (not on PATH $PATH)"
}

# Fills $table, a line a container: row|id|name|status|finished|started|app|environment|service|color|release|task|digest|ports,
look() {
  reached=look
  # The labels of a container may be null, and index takes no null.
  # shellcheck disable=SC2016
  row=$(braces 'row|<<.Id>>|<<.Name>>|<<.State.Status>>|<<.State.FinishedAt>>|<<.State.StartedAt>>|'"$(
    printf '<<with .Config.Labels>>'
    for label in app environment service color release task digest; do printf '<<index . "deployctl.%s">>|' "$label"; done
    printf '<<else>>|||||||<<end>>'
  )"'<<range $k, $v := .HostConfig.PortBindings>><<range $v>><<.HostPort>>,<<end>><<end>>')
  look_tries=0
  while :; do
    # docker ps is the first word with the daemon: one that hangs is found out here.
    if command -v timeout >/dev/null; then
      ids=$(timeout 30 docker ps -aq --no-trunc 2>&1 3>&- 9>&-)
    else
      ids=$(dk ps -aq --no-trunc 2>&1)
    fi || fail no-docker "docker does not answer on the instance: $ids"
    ids=$(printf '%s\n' "$ids" | grep -E '^[0-9a-f]{12,64}$')
    table=''
    [ -n "$ids" ] || return 0
    # shellcheck disable=SC2086
    if table=$(dk inspect --type container --format "$row" $ids); then
      table=$(printf '%s\n' "$table" | sed 's/<no value>//g; s#^\(row|[^|]*|\)/#\1#')
      return 0
    fi
    # A container that went away in between: look again.
    look_tries=$((look_tries + 1))
    [ "$look_tries" -lt 5 ] || fail no-docker "docker could not describe its containers, see $log on the instance"
  done
}

notes() { cat "$state"/kept/* 2>/dev/null; }
