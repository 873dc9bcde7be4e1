# --- is the container well? ---------------------------------------------------------------------------------------------------------

need_curl() { command -v curl >/dev/null || fail no-curl "curl is not installed on the instance; install it: the health of a container can't be asked without it"; }

# What makes one start of a container: state, start time, restart count.
start_of() { inspect '<<.State.Status>> <<.State.StartedAt>> <<.RestartCount>>' "$1"; }

# The address at which container $1 is reached from here, in $address: what docker port says, but 127.0.0.1 for "all". With the host's network
# nothing is published, and the port is the container's own.
find_address() {
  address=''
  for line in $(dk port "$1" "$container_port/tcp" 2>/dev/null); do
    case $line in
      '['* | ::*) ;;
      *":$port") address=$line ;;
    esac
  done
  case $address in '') address=127.0.0.1:$port ;; 0.0.0.0:*) address=127.0.0.1:${address##*:} ;; esac
}

# probe METHOD PATH TIMEOUT [CURL OPTION…]: status in $status (000: no whole answer), the request and its answer in words in $asked.
probe() {
  probe_method=$1 probe_path=$2 probe_limit=$3
  shift 3
  case $probe_method in GET) ;; HEAD) set -- "$@" -I ;; *) set -- "$@" -X "$probe_method" ;; esac
  : >"$work/body"
  status=$(
    no_proxy='*' curl -sS --max-time "$probe_limit" -o "$work/body" -w '%{http_code}' "$@" "http://$address$probe_path" 2>"$work/curl" 3>&- 9>&-
  ) || status=000
  if [ "$status" = 000 ]; then
    # Without room for an answer there is none, whatever the container says.
    echo room 2>/dev/null >"$work/room" || no_room "$work"
    asked="$probe_method $probe_path: $(head -n 1 "$work/curl")"
  else
    asked="$probe_method $probe_path: $status $(head -c 200 "$work/body")"
  fi
}

# Whether status $1 is in the ranges $2: 200-299,304-304.
in_ranges() {
  printf '%s\n' "$2" | tr ',' '\n' | while IFS='-' read -r from to; do
    [ "$1" -ge "$from" ] && [ "$1" -le "$to" ] && echo yes
  done | grep -q yes
}

# The container must be the same start as at the beginning: one that ended fails the witness at once, and so does one that docker started
# again, however well it looks now.
same_start() {
  start_now=$(start_of "$1")
  [ "$start_now" != "$start_first" ] || return 0
  case $start_now in
    "running "*) fail_container exited "the container ended and was started again by docker (restarts: ${start_now##* }) while it was watched" "$1" ;;
    '')
      # No answer is not an answer.
      look
      case $table in *"row|$1|"*) ;; *) fail exited "the container is gone: someone removed it while it was watched" ;; esac ;;
    *) fail_container exited "the container ended (${start_now%% *}) while it was watched" "$1" ;;
  esac
}

out_of_time() {
  clock
  [ "$now" -ge "$1" ] || [ "$now" -ge $((deadline - 2)) ]
}

# witness ID: the health path K times in a row, then the checks, all for one start of one container. Returns when it is well.
witness() {
  reached=witness
  asked=''
  start_first=$(start_of "$1")
  if [ -z "$start_first" ]; then look && start_first=$(start_of "$1"); fi
  case $start_first in "running "*) ;; *) start_first=none && same_start "$1" ;; esac
  find_address "$1"
  decode "$health_path"
  witness_path=$decoded
  clock
  witness_began=$now passed=0
  while [ "$passed" -lt "$passes" ]; do
    same_start "$1"
    probe GET "$witness_path" "$probe_timeout"
    if in_ranges "$status" 200-299; then
      passed=$((passed + 1))
    else
      passed=0
      # An answer that fails because the container just died is told as that.
      same_start "$1"
      if out_of_time $((witness_began + start_timeout)); then
        fail_container unhealthy "http://$address$witness_path did not pass $passes times in a row within $((now - witness_began)) s" "$1"
      fi
    fi
    [ "$passed" -ge "$passes" ] || nap "$interval"
  done
  while read -r method samples allowed limit ranges path contains headers; do
    [ -n "$method" ] && check "$1"
  done <<CHECKS
$checks
CHECKS
  keep_up "$1"
  same_start "$1"
  write_file "$state/verified/$1" "$start_first" || say "cannot write the mark of $1"
}

# The restart policy of a container of ours that has none yet: see start_new. One that someone else started keeps its own.
keep_up() {
  case $(inspect '<<.HostConfig.RestartPolicy.Name>>|<<with .Config.Labels>><<index . "deployctl.app">><<end>>' "$1") in
    "no|$app" | "|$app") dk update --restart=unless-stopped "$1" || fail start-failed "cannot set the restart policy of container $1, see $log on the instance" ;;
  esac
}

# One check of the loop above: so many requests, so many of which may fail.
check() {
  decode "$path"
  check_path=$decoded check_contains='' failed=0 sample=0
  if [ "$contains" != - ]; then decode "$contains" && check_contains=$decoded; fi
  check_id=$1
  set --
  [ "$headers" = - ] || for word in $headers; do
    decode "$word"
    set -- "$@" -H "$decoded"
  done
  while [ "$sample" -lt "$samples" ]; do
    sample=$((sample + 1))
    probe "$method" "$check_path" "$limit" "$@"
    check_why=''
    if ! in_ranges "$status" "$ranges"; then
      check_why="wanted status $(printf '%s' "$ranges" | sed 's/\([0-9][0-9][0-9]\)-\1/\1/g')"
    elif [ -n "$check_contains" ]; then
      # NUL bytes can't be in a shell's variable.
      case $(head -c 262144 "$work/body" | tr -d '\000') in
        *"$check_contains"*) ;;
        *) check_why="wanted an answer that contains \"$check_contains\"" ;;
      esac
    fi
    [ -z "$check_why" ] || failed=$((failed + 1))
    if [ "$failed" -gt "$allowed" ]; then
      same_start "$check_id"
      fail_container check-failed "check $method $check_path: $failed of $sample requests failed, allowed are $allowed of $samples ($check_why)" "$check_id"
    fi
    if out_of_time "$deadline"; then
      fail_container check-failed "check $method $check_path: no time left after $sample of $samples requests" "$check_id"
    fi
  done
  same_start "$check_id"
}
