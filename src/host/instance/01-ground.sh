# deployctl on an instance: one request in, one JSON line out.
#
# How to read it: 01-ground (this part: request, log, answers), 02-fence (who may act), 03-docker (what is here), 04-describe (containers as
# JSON), 04-owners (whose containers these are), 05-slot (setting aside, taking back, pruning), 06-images (pull, tags), 07-create (docker
# create, secrets), 08-witness (is the container well?), then a part for each phase, and 13-run, which calls it. A phase is sent with the
# parts that it needs: see encode.ts.
#
# POSIX sh; Docker 20.10 to 28. The agent kills with SIGKILL, so every line may be the last: what is found on the next run decides,
# never what was about to happen. Nothing of the request is ever evaluated: values are base64 words until they are used.

set -u
umask 077
cd / || exit 99
export LC_ALL=C
# The agent's service has no HOME (docker login and the aws CLI want one) and a short PATH.
export HOME="${HOME:-/root}"
export PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"
root=${DEPLOYCTL_ROOT:-}

# Descriptor 3 is the answer; all other output is noise and goes to the log. Descriptor 9 is the lock.
exec 3>&1
ended='' fenced='' highest='' reached=start log=/dev/null state='' work=''

# --- answers ------------------------------------------------------------------------------------------------------------------------

# $1 as a JSON string, at most 1500 bytes, without control characters.
text() {
  printf '%.1500s' "$1" | tr '\t' ' ' | tr -d '\000-\010\013-\037\177' | sed 's/\\/\\\\/g; s/"/\\"/g' |
    awk 'BEGIN { printf "\"" } NR > 1 { printf "\\n" } { printf "%s", $0 } END { printf "\"" }'
}

# The last $2 bytes of $1 as a JSON string.
tail_text() {
  printf %s "$1" | tail -c "$2" | tr '\t' ' ' | tr -d '\000-\010\013-\037\177' | sed 's/\\/\\\\/g; s/"/\\"/g' |
    awk 'BEGIN { printf "\"" } NR > 1 { printf "\\n" } { printf "%s", $0 } END { printf "\"" }'
}

# Highest fence as JSON: [generation,epoch,send] or null.
fence_json() {
  if [ -n "$highest" ]; then printf '[%s]' "$highest" | tr ' ' ,; else printf null; fi
}

# Ends the run: exit code $1, answer $2. An accepted fence remembers its first answer.
answer() {
  ended=yes
  [ -z "$fenced" ] || remember "$2"
  clean_work
  printf '%s\n' "$2" >&3
  exit "$1"
}

# $1: further members of the answer, each with a leading comma.
succeed() { answer 0 "{\"ok\":true${1-},\"fence\":$(fence_json)}"; }

# fail CODE MESSAGE [MEMBERS]. Never inside $( ): that would end the subshell only.
# Exit codes stay clear of 137, 168, 169 and 194, which the SSM agent takes for itself.
fail() {
  printf '%s fail %s: %s\n' "$(date -u +%H:%M:%S)" "$1" "$2"
  case $1 in
    fenced) fail_code=20 ;; lock-timeout) fail_code=21 ;; no-flock | no-state) fail_code=22 ;;
    no-docker) fail_code=30 ;; no-curl) fail_code=31 ;; secrets-failed) fail_code=32 ;;
    pull-failed) fail_code=40 ;; login-failed) fail_code=41 ;; no-image) fail_code=42 ;;
    port-taken) fail_code=50 ;; start-failed) fail_code=51 ;; stop-failed) fail_code=52 ;; nothing-to-restore) fail_code=53 ;;
    exited) fail_code=60 ;; unhealthy) fail_code=61 ;; check-failed) fail_code=62 ;;
    task-failed) fail_code=70 ;; task-unknown) fail_code=71 ;;
    *) fail_code=99 ;;
  esac
  answer "$fail_code" "{\"ok\":false,\"code\":\"$1\",\"message\":$(text "$2")${3-},\"fence\":$(fence_json)}"
}

# no_room PATH [WHAT IT MEANS]
no_room() { fail no-state "cannot write $1 (disk full or read-only?); make room on the instance${2-}"; }

# Called by the trap.
# shellcheck disable=SC2317
at_exit() {
  exit_status=$?
  [ -z "$ended" ] || return 0
  fenced=''
  fail broken-output "the instance script ended early (status $exit_status, in: $reached); see $log on the instance"
}

say() { printf '%s %s\n' "$(date -u +%H:%M:%S)" "$*"; }

# --- time ---------------------------------------------------------------------------------------------------------------------------

# Seconds that only go forward, in $now.
clock() {
  if read -r now _ 2>/dev/null </proc/uptime; then now=${now%%.*}; else now=$(date +%s); fi
}

nap() { sleep "$1" 2>/dev/null || sleep 1; }

# --- the request --------------------------------------------------------------------------------------------------------------------

# A free value travels as base64 of itself and one '.', so that none is empty and line ends at its end survive. Result in $decoded.
decode() {
  decoded=$(printf %s "$1" | base64 -d 2>/dev/null)
  decoded=${decoded%.}
}

# One line a fact: key, then words. See encode.ts.
read_request() {
  phase='' app='' environment='' region='' fence='' budget=60 slots='' images=''
  service='' color='' port='' container='' release='' repository='' digest='' keep=1 stop_timeout=10 container_port=''
  env_words='' env_lines='' secrets='' secret_lines='' env_files='' options='' arguments='' tag=''
  adopt_repository=- adopt_names=-
  health_path='' passes=1 window=5 interval=1 probe_timeout=2 start_timeout=60 checks='' task_timeout=60 evidence=no
  read_lines "$REQUEST"
  live=$container-$color
  state=$root/var/lib/deployctl/$app/$environment
  clock
  deadline=$((now + budget))
}

# read_lines BASE64: the facts of a request, or of a part of one.
read_lines() {
  while read -r key value; do
    case $key in
      phase) phase=$value ;; app) app=$value ;; environment) environment=$value ;; region) region=$value ;;
      fence) fence=$value ;; budget) budget=$value ;; keep) keep=$value ;; stop-timeout) stop_timeout=$value ;;
      slot) slots="$slots$value
" ;;
      image) images="$images$value
" ;;
      service) service=$value ;; color) color=$value ;; port) port=$value ;; container) container=$value ;;
      adopt-repository) adopt_repository=$value ;; adopt-names) adopt_names=$value ;;
      release) release=$value ;; repository) repository=$value ;; digest) digest=$value ;; tag) tag=$value ;;
      container-port) container_port=$value ;;
      env) env_words="$env_words $value" ;; env-line) env_lines="$env_lines $value" ;; env-file) env_files="$env_files $value" ;;
      secret) secrets="$secrets $value" ;; secret-line) secret_lines="$secret_lines $value" ;; option) options="$options $value" ;; argument) arguments="$arguments $value" ;;
      window) window=$value ;; evidence) evidence=$value ;;
      health-path) health_path=$value ;; passes) passes=$value ;; interval) interval=$value ;;
      probe-timeout) probe_timeout=$value ;; start-timeout) start_timeout=$value ;; task-timeout) task_timeout=$value ;;
      check) checks="$checks$value
" ;;
    esac
  done <<REQUEST_LINES
$(printf %s "$1" | base64 -d)
REQUEST_LINES
}

# The log never grows beyond 1 MB and its predecessor; without a place for it the noise is dropped.
open_log() {
  log=$root/var/log/deployctl/$app-$environment.log
  mkdir -p "$root/var/log/deployctl" 2>/dev/null
  if [ -f "$log" ] && [ "$(wc -c <"$log")" -gt 1000000 ]; then mv -f "$log" "$log.1"; fi
  # A redirection that fails would end the shell: try it in a subshell first.
  (: >>"$log") 2>/dev/null || log=/dev/null
  exec >>"$log" 2>&1 </dev/null
  say "$phase${service:+ $service/$color}${release:+ $release} fence ${fence:-none}"
}

# What a killed run left half done. Only with the lock.
sweep_work() { rm -rf "$state/work" "$state"/resolve.* "$state"/*.new "$state"/*/*.new; }

# Scratch files of a fenced run: the lock makes it ours alone.
open_work() {
  work=$state/work
  sweep_work
  mkdir -p "$work" || no_room "$work"
}

clean_work() { [ -z "$work" ] || rm -rf "$work"; }
