# --- who may act --------------------------------------------------------------------------------------------------------------------

# Whether fence ($1 $2 $3) is lower than fence ($4 $5 $6).
lower() {
  [ "$1" -lt "$4" ] || { [ "$1" -eq "$4" ] && [ "$2" -lt "$5" ]; } ||
    { [ "$1" -eq "$4" ] && [ "$2" -eq "$5" ] && [ "$3" -lt "$6" ]; }
}

# Highest fence seen here, in $highest; empty when none was. A file that can't be read as one is unknown, not absent.
read_highest() {
  highest=''
  [ -e "$state/fence" ] || return 0
  fence_a='' fence_b='' fence_c=''
  read -r fence_a fence_b fence_c <"$state/fence" || :
  fence_fits=yes
  case $fence_a:$fence_b:$fence_c in *[!0-9:]* | :* | *::* | *:) fence_fits=no ;; esac
  # More digits than any shell is sure to compare.
  for fence_part in "$fence_a" "$fence_b" "$fence_c"; do [ "${#fence_part}" -le 15 ] || fence_fits=no; done
  [ "$fence_fits" = yes ] ||
    fail no-state "$state/fence holds '$fence_a $fence_b $fence_c', wanted three numbers of at most 15 digits; remove it while no rollout runs: the next command writes it anew"
  highest="$fence_a $fence_b $fence_c"
}

# Waits for a running command, refuses an older one, repeats the answer of an equal one, raises the fence before anything is done.
take_fence() {
  reached=fence
  command -v flock >/dev/null || fail no-flock "flock is not installed on the instance; install util-linux"
  mkdir -p "$state/results" "$state/kept" "$state/adopted" "$state/verified" "$state/tasks" ||
    no_room "$state"
  (: >>"$state/lock") 2>/dev/null || no_room "$state/lock"
  exec 9>>"$state/lock"
  # Polled: busybox has flock without -w. Half the time is for waiting, an inspect does little else.
  case $phase in inspect) wait_until=$((deadline - budget / 10 - 1)) ;; *) wait_until=$((deadline - budget / 2)) ;; esac
  until flock -n 9; do
    clock
    [ "$now" -lt "$wait_until" ] || fail lock-timeout "another deployctl command still runs on the instance; nothing was done"
    nap 0.2
  done
  read_highest
  # shellcheck disable=SC2086
  if [ -n "$highest" ]; then
    if lower $fence $highest; then fail fenced "fence $fence is older than $highest, which was here before; nothing was done"; fi
    if [ "$fence" = "$highest" ]; then replay; fi
  fi
  write_file "$state/fence" "$fence" || no_room "$state/fence" '; nothing was done'
  highest=$fence
  fenced=yes
  open_work
}

# An equal fence is the same request. Its answer is repeated; without one, that run was killed, and the phases can be done again.
replay() {
  first=$state/results/$(printf %s "$fence" | tr ' ' .)
  [ -s "$first" ] || return 0
  say "fence $fence was answered before: answering again"
  ended=yes
  sweep_work
  { sed -n '1s/^{/{"replayed":true,/p' "$first"; } >&3
  case $(head -c 10 "$first") in '{"ok":true'*) exit 0 ;; *) exit 99 ;; esac
}

# All or nothing: a reader sees the old file or the new one.
write_file() {
  printf '%s\n' "$2" >"$1.new" && mv -f "$1.new" "$1"
}

# Keeps the first answer of this fence, and those of the 20 before.
remember() {
  write_file "$state/results/$(printf %s "$fence" | tr ' ' .)" "$1"
  # Names are digits and dots.
  # shellcheck disable=SC2012
  ls -1t "$state/results" | tail -n +21 | while read -r old; do rm -f "$state/results/$old"; done
}
