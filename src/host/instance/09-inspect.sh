# --- phase inspect ------------------------------------------------------------------------------------------------------------------

# Changes nothing in Docker. With a fence it marks what is adopted; without one it takes no lock either.
phase_inspect() {
  look
  [ -z "$fenced" ] || mark_slots
  list_containers 24
  succeed "$containers$(facts_json)"
}

facts_json() {
  reached=facts
  docker_version=$(dk version --format "$(braces '<<.Server.Version>>')" 2>/dev/null)
  docker_info=$(dk info --format "$(braces '<<.LiveRestoreEnabled>> <<.DockerRootDir>>')" 2>/dev/null)
  docker_folder=${docker_info#* }
  [ -d "$docker_folder" ] || docker_folder=${root:-/}
  printf ',"facts":{"dockerVersion":%s,"curl":%s,"flock":%s,"aws":%s' "$(text "$docker_version")" "$(has curl)" "$(has flock)" "$(has aws)"
  case $docker_info in 'true '* | 'false '*) printf ',"liveRestore":%s' "${docker_info%% *}" ;; esac
  # 1024-byte blocks; the last line also where a long device name wraps.
  df -Pk "$docker_folder" 2>/dev/null | awk 'NR == 2 { printf ",\"diskFreeBytes\":%.0f", $4 * 1024 }'
  awk '$1 == "MemTotal:" { printf ",\"memoryTotalBytes\":%.0f", $2 * 1024 } $1 == "MemAvailable:" { printf ",\"memoryAvailableBytes\":%.0f", $2 * 1024 }' \
    /proc/meminfo 2>/dev/null
  listeners_json
  printf ',"memory":{'
  # shellcheck disable=SC2086
  [ -z "$wanted" ] || inspect '<<.Id>> <<.State.Pid>>' $wanted | while read -r id pid; do
    [ "${pid:-0}" -gt 0 ] || continue
    printf '"%s":%s\n' "$id" "$(memory_of "$id" "$pid")"
  done | awk 'NF { printf "%s%s", (n++ ? "," : ""), $0 }'
  # Apart: SSM looks for pairs of braces.
  printf '}' && printf '}'
}

# What holds a port of the slots without being a container that publishes it.
listeners_json() {
  command -v ss >/dev/null || return 0
  # shellcheck disable=SC2046
  printf ',"listeners":[%s]' "$(
    listeners $(printf '%s' "$slots" | awk '{ print $3 }' | sort -u) |
      awk -F '|' '{ printf "%s{\"port\":%s,\"process\":\"%s\",\"container\":\"%s\"", (n++ ? "," : ""), $1, $2, $3; printf "}" }'
  )"
}

has() { if command -v "$1" >/dev/null; then printf true; else printf false; fi; }

# Bytes that container $1 with process $2 uses: of its cgroup (docker stats takes seconds), else of the process.
memory_of() {
  memory=''
  memory_path=$(awk -F: '$1 == "0" || $2 ~ /(^|,)memory(,|$)/ { print $3 }' "/proc/$2/cgroup" 2>/dev/null | grep -F "$1" | head -n 1)
  for file in "/sys/fs/cgroup$memory_path/memory.current" "/sys/fs/cgroup/memory$memory_path/memory.usage_in_bytes"; do
    if [ -n "$memory_path" ] && [ -z "$memory" ]; then memory=$(cat "$file" 2>/dev/null); fi
  done
  [ -n "$memory" ] || memory=$(awk '$1 == "VmRSS:" { printf "%.0f", $2 * 1024 }' "/proc/$2/status" 2>/dev/null)
  printf %s "${memory:-0}"
}
