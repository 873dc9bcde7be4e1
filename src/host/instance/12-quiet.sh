# --- phase quiet --------------------------------------------------------------------------------------------------------------------

# Whether the container's port had no open connection for the whole $window: connections in the answer is then 0, else the number of those that
# were seen, and the watch ends there. What cannot be read says nothing: then the answer has no number. Changes nothing.
phase_quiet() {
  reached=quiet
  connections=''
  watch_connections
  containers_json 24
  succeed "$containers${connections:+,\"connections\":$connections}"
}

watch_connections() {
  # shellcheck disable=SC2016
  quiet_row=$(inspect '<<.State.Pid>>|<<range $k, $v := .HostConfig.PortBindings>><<range $v>><<.HostPort>>:<<$k>>,<<end>><<end>>|<<range .NetworkSettings.Networks>><<.IPAddress>> <<end>>' "$container") || return 0
  quiet_pid=${quiet_row%%|*} quiet_row=${quiet_row#*|}
  case $quiet_pid in '' | 0 | *[!0-9]*) return 0 ;; esac
  find_sockets "${quiet_row%%|*}" "${quiet_row#*|}" || return 0
  clock
  # Whole seconds: one more, so that none is missing.
  quiet_until=$((now + window + 1))
  while :; do
    open=$(open_connections) || return 0
    if [ "$open" -gt 0 ]; then
      connections=$open
      return 0
    fi
    clock
    [ "$now" -lt "$quiet_until" ] || break
    nap 0.5
  done
  # One that was started again meanwhile was not watched to the end.
  [ "$(inspect '<<.State.Pid>>' "$container")" != "$quiet_pid" ] || connections=0
}

# The ports, and where a network namespace is shared the addresses, that are the container's, as /proc/net/tcp has them: hexadecimal, an IPv4
# address in the order of the machine's bytes (little-endian on all that EC2 has). $1: port bindings, `8081:3000/tcp,`. $2: addresses.
find_sockets() {
  quiet_own=$(readlink /proc/self/ns/net) quiet_its=$(readlink "/proc/$quiet_pid/ns/net")
  if [ -z "$quiet_own" ] || [ -z "$quiet_its" ]; then return 1; fi
  quiet_addresses=''
  if [ "$quiet_own" = "$quiet_its" ]; then
    quiet_ports=$(printf '%04X' "$port")
    quiet_addresses=$(printf '%s' "$2" | tr ' ' '\n' | awk -F . 'NF == 4 { printf "%02X%02X%02X%02X ", $4, $3, $2, $1 }')
  else
    quiet_ports=$(printf '%s' "$1" | tr , '\n' | awk -F '[:/]' -v port="$port" '$1 == port && $3 == "tcp" { printf "%04X ", $2 }')
  fi
  [ -n "$quiet_ports" ]
}

# Sockets on those ports that still carry something: ESTABLISHED, SYN_RECV, FIN_WAIT1, CLOSE_WAIT, LAST_ACK, CLOSING (the kernel's
# include/net/tcp_states.h). Fails when a table cannot be read.
open_connections() {
  for quiet_table in tcp tcp6; do
    # A kernel without IPv6 has no second table, for nobody.
    if [ "$quiet_table" = tcp6 ] && [ ! -e /proc/self/net/tcp6 ]; then continue; fi
    cat "/proc/$quiet_pid/net/$quiet_table" || echo unreadable
  done | awk -v ports=" $quiet_ports " -v addresses="$quiet_addresses" '
    $1 == "sl" { tables++ }
    $1 == "unreadable" { bad = 1 }
    $4 ~ /^(01|03|04|08|09|0B)$/ {
      split($2, here, ":")
      if (index(ports, " " here[2] " ") == 0) next
      if (addresses != "" && index(addresses, substr(here[1], length(here[1]) - 7) " ") == 0) next
      open++
    }
    END { if (bad || !tables) exit 1; print open + 0 }'
}
