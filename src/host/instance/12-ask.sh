# --- phase ask ----------------------------------------------------------------------------------------------------------------------

# What the running container says of its connections, in the headers of its health path's answer. Changes nothing and takes no lock.
phase_ask() {
  reached=ask
  need_curl
  find_address "$container"
  decode "$health_path"
  asked_head=$(no_proxy='*' curl -sS --max-time "$probe_timeout" -i "http://$address$decoded" 2>/dev/null 3>&- 9>&- | tr -d '\r\000' | sed '/^$/q')
  [ -n "$asked_head" ] || fail unhealthy "http://$address$decoded gave no answer within $probe_timeout s"
  succeed ",\"connection\":$(text "$(asked_header connection)"),\"keepAlive\":$(text "$(asked_header keep-alive)")"
}

# The value of header $1 in $asked_head.
asked_header() { printf '%s\n' "$asked_head" | awk -F ': *' -v name="$1" 'tolower($1) == name { print $2; exit }'; }
