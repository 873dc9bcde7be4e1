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

# What awk programs share. publishes(): whether a container in this state publishes the TCP port, on whatever address; of one that is about to
# be started again a range may become any of its ports. canonical(): the repository of an image reference with what Docker leaves out, by
# Docker's own rule, as canonicalRepository() in domain/occupancy.ts has it.
awk_library='
function publishes(list, wanted, status,   count, part, at, host, ends) {
  count = split(list, part, ",")
  for (at = 1; at <= count; at++) {
    if (part[at] !~ /\/tcp$/) continue
    host = part[at]; sub(/:.*/, "", host)
    if (host == wanted "") return 1
    if (status == "restarting" && split(host, ends, "-") == 2 && wanted + 0 >= ends[1] + 0 && wanted + 0 <= ends[2] + 0) return 1
  }
  return 0
}
function canonical(reference,   host, path) {
  sub(/@.*/, "", reference); sub(/:[^:\/]*$/, "", reference)
  host = reference; path = reference
  if (index(reference, "/") == 0) host = ""; else sub(/\/.*/, "", host)
  if (host ~ /[.:]/ || host == "localhost" || host != tolower(host)) sub(/^[^\/]*\//, "", path); else host = "docker.io"
  host = tolower(host)
  if (host != "docker.io" && host != "index.docker.io") return host "/" path
  return "docker.io/" (index(path, "/") ? path : "library/" path)
}'

# Fills $table, a line a container: row|id|name|status|finished|started|app|environment|service|color|release|task|digest|ports|reference, with
# ports as `8081:3000/tcp,`: those that it was given, and those that it has.
look() {
  reached=look
  # The labels of a container may be null, and index takes no null.
  # shellcheck disable=SC2016
  row=$(braces 'row|<<.Id>>|<<.Name>>|<<.State.Status>>|<<.State.FinishedAt>>|<<.State.StartedAt>>|'"$(
    printf '<<with .Config.Labels>>'
    for label in app environment service color release task digest; do printf '<<index . "deployctl.%s">>|' "$label"; done
    printf '<<else>>|||||||<<end>>'
  )"'<<range $k, $v := .HostConfig.PortBindings>><<range $v>><<.HostPort>>:<<$k>>,<<end>><<end>>'\
'<<range $k, $v := .NetworkSettings.Ports>><<range $v>><<.HostPort>>:<<$k>>,<<end>><<end>>|<<.Config.Image>>')
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

# What listens on the TCP ports $@ though no container publishes them, a line each: port|process NAME (pid N)|container|image. Needs ss to tell.
listeners() {
  command -v ss >/dev/null || return 0
  {
    printf '%s\n' "$table"
    ss -Hltn 2>/dev/null | awk '{ sub(/.*:/, "", $4); print "listens|" $4 }'
  } | awk -F '|' -v wanted=" $* " "$awk_library"'
    $1 == "row" && ($4 == "running" || $4 == "paused" || $4 == "restarting") { rows++; ports[rows] = $14; status[rows] = $4 }
    $1 == "listens" && index(wanted, " " $2 " ") && !seen[$2]++ {
      for (at = 1; at <= rows; at++) if (publishes(ports[at], $2, status[at])) next
      print $2
    }' | while read -r listens; do
    listener=$(ss -Hltnp "sport = :$listens" 2>/dev/null | sed -n '1s/.*users:(("\([^"|\\]*\)",pid=\([0-9]*\).*/\2 \1/p')
    # With the host's network a container's process listens by itself; its cgroup tells whose it is.
    within=$(grep -oE '[0-9a-f]{64}' "/proc/${listener%% *}/cgroup" 2>/dev/null | head -n 1)
    printf '%s\n' "$table" | awk -F '|' -v port="$listens" -v id="${within:-none}" -v process="${listener#* } (pid ${listener%% *})" '
      $1 == "row" && $2 == id { name = $3; image = $15 }
      END { print port "|" (process ~ /^ / ? "unknown" : process) "|" name "|" image }'
  done
}

# note|id|service|color|release|policy|name: what was set aside. mark|id|service|color: what somebody else started, and was adopted for that slot.
notes() { cat "$state"/kept/* "$state"/adopted/* 2>/dev/null; }
