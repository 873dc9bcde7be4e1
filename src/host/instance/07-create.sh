# --- docker create ------------------------------------------------------------------------------------------------------------------

# create NAME [OPTION…]: a container of the release, created but not started, in $created. Done while the old one still serves: a wrong
# option, a missing env file or a secret that can't be read is found out before anything is stopped. $complaint says why not.
#
# Values are exported and passed by name, so none shows in a process list. The names that would change the shell, the aws CLI or docker itself
# (PATH, AWS_PROFILE, DOCKER_HOST, …) go by a file instead. Secrets are read before anything is exported; all of it is exported in a subshell that
# then becomes docker.
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
  read_secrets
  if [ -n "$env_lines$secret_lines" ]; then
    : >"$work/env" || no_room "$work/env"
    for word in $env_lines; do
      decode "$word"
      printf '%s\n' "$decoded" >>"$work/env"
    done
    put_secret_lines
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
    for word in $secret_words $env_words; do
      decode "${word#*:}"
      export "${word%%:*}=$decoded"
    done
    exec docker create "$@" 3>&- 9>&- </dev/null
  ) >"$work/created" 2>"$work/create-error"
  create_status=$?
  rm -f "$work/env"
  cat "$work/create-error"
  # Docker shows the bytes of a line of an env file that it cannot read.
  complaint=$(tail -c 1000 "$work/create-error" | sed 's/\(invalid utf8 bytes at line [0-9]*\).*/\1/')
  created=$(tail -n 1 "$work/created")
  [ "$create_status" -eq 0 ] && [ -n "$created" ]
}

line_break='
'
carriage_return=$(printf '\r')

# read_secret VARIABLE PARAMETER: its value in $secret. The dot keeps line breaks at its end, of which the last is the aws CLI's own.
read_secret() {
  secret=$(aws ssm get-parameter --region "$region" --with-decryption --name "$2" --query Parameter.Value --output text 2>"$work/secret" 3>&- 9>&- </dev/null && printf .) ||
    fail secrets-failed "variable $1: cannot read parameter $2; create it, or allow the instance to read it: $(tail -n 3 "$work/secret")"
  secret=${secret%.}
  secret=${secret%"$line_break"}
}

# The values of $secrets, as $env_words has those of plain variables, in $secret_words.
read_secrets() {
  reached=secrets
  secret_words=''
  for word in $secrets; do
    read_secret "${word%%:*}" "${word#*:}"
    secret_words="$secret_words ${word%%:*}:$(printf '%s.' "$secret" | base64 | tr -d '\n')"
  done
  secret=''
}

# Those that go by the env file, which has a line for each.
put_secret_lines() {
  for word in $secret_lines; do
    read_secret "${word%%:*}" "${word#*:}"
    case $secret in
      *"$line_break"* | *"$carriage_return"*)
        fail secrets-failed "variable ${word%%:*}: the value of parameter ${word#*:} has a line break, and a variable of this name goes by an env file, which holds one line for each; \
store the value in one line, or give the variable another name" ;;
    esac
    printf '%s=%s\n' "${word%%:*}" "$secret" >>"$work/env"
  done
  secret=''
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
      holder=$(
        printf '%s\n' "$table" | awk -F '|' -v port="$port" "$awk_library"'
          ($4 == "running" || $4 == "paused" || $4 == "restarting") && publishes($14, port, $4) { print "container " $3 " (image " $15 ")"; exit }'
      )
      if [ -z "$holder" ]; then holder=$(listeners "$port" | awk -F '|' 'NR == 1 { print ($3 == "" ? "process " $2 : "container " $3 " (image " $4 ")") }'); fi
      containers_json 12
      fail port-taken "port $port is held by ${holder:-another process}; end that, or give the service another port: $complaint" "$2$containers" ;;
  esac
  containers_json 12
  fail start-failed "$1 did not start: $complaint" "$2$containers"
}
