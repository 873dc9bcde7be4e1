# --- phases ask and list -------------------------------------------------------------------------------------------------------------

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

# What runs here, whoever started it. Changes nothing and takes no lock.
phase_list() {
  reached=list
  listed=''
  # 30: SSM cuts an answer at 24,000 characters.
  list_ids=$(dk ps -q --no-trunc | head -n 30)
  if [ -n "$list_ids" ]; then
    # shellcheck disable=SC2016,SC2086
    listed=$(
      inspect '{"name":<<json .Name>>,"image":<<json .Config.Image>>,"ports":"<<range $k, $v := .NetworkSettings.Ports>><<range $v>><<.HostPort>>:<<$k>>,<<end>><<end>>"}' $list_ids |
        awk 'NF { printf "%s%s", (n++ ? "," : ""), $0 }'
    )
  fi
  succeed ",\"running\":[$listed]"
}
