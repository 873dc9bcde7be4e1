# --- docker create ------------------------------------------------------------------------------------------------------------------

# create NAME [OPTION…]: a container of the release, created but not started, in $created. Done while the old one still serves: a wrong
# option, a missing env file or a secret that can't be read is found out before anything is stopped. $complaint says why not.
#
# Values are exported and passed by name, so none shows in a process list. The few names that would change the shell or docker itself
# (PATH, DOCKER_HOST, …) go by a file instead. All of it happens in a subshell that then becomes docker.
create() {
  reached="docker create"
  create_name=$1
  shift
  set -- --name "$create_name" --pull=never --label "deployctl.app=$app" --label "deployctl.environment=$environment" \
    --label "deployctl.service=$service" --label "deployctl.release=$release" --label "deployctl.digest=$digest" "$@"
  for word in $env_files; do
    decode "$word"
    [ -r "$root$decoded" ] || fail start-failed "env file $decoded is not on the instance (or can't be read); put it there, or take it out of env-files"
    set -- "$@" --env-file "$root$decoded"
  done
  if [ -n "$env_lines" ]; then
    : >"$work/env" || no_room "$work/env"
    for word in $env_lines; do
      decode "$word"
      printf '%s\n' "$decoded" >>"$work/env"
    done
    set -- "$@" --env-file "$work/env"
  fi
  for word in $env_words $secrets; do set -- "$@" -e "${word%%:*}"; done
  for word in $options; do
    decode "$word"
    set -- "$@" "$decoded"
  done
  set -- "$@" "$image_name"
  for word in $arguments; do
    decode "$word"
    set -- "$@" "$decoded"
  done
  (
    for word in $secrets; do
      secret=$(aws ssm get-parameter --region "$region" --with-decryption --name "${word#*:}" --query Parameter.Value --output text 2>"$work/secret") || {
        printf 'variable %s: cannot read parameter %s; create it, or allow the instance to read it: %s\n' "${word%%:*}" "${word#*:}" "$(tail -n 3 "$work/secret")" >"$work/complaint"
        exit 96
      }
      export "${word%%:*}=$secret"
    done
    for word in $env_words; do
      decode "${word#*:}"
      export "${word%%:*}=$decoded"
    done
    exec docker create "$@" 3>&- 9>&- </dev/null
  ) >"$work/created" 2>"$work/create-error"
  create_status=$?
  rm -f "$work/env"
  cat "$work/create-error"
  if [ "$create_status" -eq 96 ] && [ -s "$work/complaint" ]; then fail secrets-failed "$(cat "$work/complaint")"; fi
  complaint=$(tail -c 1000 "$work/create-error")
  created=$(tail -n 1 "$work/created")
  [ "$create_status" -eq 0 ] && [ -n "$created" ]
}

# launch ID: starts it. A port may be free only a moment after the old container stopped, so a taken one is asked for again.
launch() {
  reached="docker start"
  launch_try=1
  while ! complaint=$(dk start "$1" 2>&1); do
    say "start failed ($launch_try): $complaint"
    case $complaint in
      *"already allocated"* | *"already in use"* | *"failed to bind"* | *"cannot assign"*) ;;
      *) return 1 ;;
    esac
    [ "$launch_try" -lt 3 ] || return 1
    nap 1
    launch_try=$((launch_try + 1))
  done
}

# fail_launch WHAT EVIDENCE: fails for a container that did not start, naming who holds the port when that is the reason.
fail_launch() {
  case $complaint in
    *"already allocated"* | *"already in use"* | *"failed to bind"*)
      look
      holder=$(printf '%s\n' "$table" | awk -F '|' -v port="$port" '$4 == "running" && index("," $14, "," port ",") { print "container " $3; exit }')
      if [ -z "$holder" ] && command -v ss >/dev/null; then
        holder=$(ss -Hltnp "sport = :$port" 2>/dev/null | sed -n '1s/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/process \1 (pid \2)/p')
      fi
      containers_json 12
      fail port-taken "port $port is held by ${holder:-another process}; end that, or give the service another port: $complaint" "$2$containers" ;;
  esac
  containers_json 12
  fail start-failed "$1 did not start: $complaint" "$2$containers"
}
