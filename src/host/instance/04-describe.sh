# --- containers as JSON -------------------------------------------------------------------------------------------------------------

# inspect's description of containers $@, comma separated. Environment and commands are left out: they may hold secrets.
describe() {
  # shellcheck disable=SC2016
  inspect '{"id":<<json .Id>>,"name":<<json .Name>>,"image":<<json .Image>>,"reference":<<json .Config.Image>>,"status":<<json .State.Status>>,'\
'"startedAt":<<json .State.StartedAt>>,"restartCount":<<json .RestartCount>>,"exitCode":<<json .State.ExitCode>>,"oomKilled":<<json .State.OOMKilled>>,'\
'"restartPolicy":<<json .HostConfig.RestartPolicy.Name>>,"memoryLimit":<<json .HostConfig.Memory>>,"ports":"<<range $k, $v := .HostConfig.PortBindings>>'\
'<<range $v>><<.HostPort>>:<<$k>>,<<end>><<end>><<range $k, $v := .NetworkSettings.Ports>><<range $v>><<.HostPort>>:<<$k>>,<<end>><<end>>"'\
'<<with .Config.Labels>>,"app":<<json (index . "deployctl.app")>>,"environment":<<json (index . "deployctl.environment")>>,'\
'"service":<<json (index . "deployctl.service")>>,"color":<<json (index . "deployctl.color")>>,'\
'"release":<<json (index . "deployctl.release")>>,"digest":<<json (index . "deployctl.digest")>><<end>>}' "$@" |
    awk 'NF { printf "%s%s", (n++ ? "," : ""), $0 }'
}

# Which containers of $table concern the request: ours, those set aside or adopted, and any on a port or under a name of one of $slots; then all
# that run without labels, because the slots of other services, where one may have to be adopted, are not in every request. Running ones first,
# newest first.
concerned() {
  {
    notes
    printf '%s' "$slots" | while read -r s_service s_color s_port s_container _; do
      printf 'slot|%s|%s|%s|%s\n' "$s_service" "$s_color" "$s_port" "$s_container"
    done
    printf '%s\n' "$table"
  } | awk -F '|' -v app="$app" -v env="$environment" "$awk_library"'
    $1 == "note" || $1 == "mark" { noted[$2] = 1; next }
    $1 == "slot" { ports[$4] = 1; names[$5] = 1; names[$5 "-" $3] = 1; names[$5 "-" $3 "-next"] = 1; next }
    $1 != "row" || $12 != "" { next }
    {
      hit = ($7 == app && $8 == env) || ($2 in noted) || ($3 in names)
      for (p in ports) if (publishes($14, p, $4)) hit = 1
      if (hit) print ($4 == "running" ? 4 : $4 == "paused" || $4 == "restarting" ? 3 : 2) "|" $6 "|" $2
      else if ($7 == "" && ($4 == "running" || $4 == "paused" || $4 == "restarting")) print "1|" $6 "|" $2
    }' | sort -r | awk -F '|' '{ print $3 }'
}

# Of the unlabelled containers $wanted, which slots they were adopted for: "id service color", comma separated.
adopted_json() {
  # shellcheck disable=SC2086
  { notes; printf '%s\n' "$table"; } | awk -F '|' -v wanted=" $(printf '%s ' $wanted)" '
    $1 == "note" || $1 == "mark" { slot[$2] = $3 " " $4; next }
    $1 == "row" && $7 == "" && ($2 in slot) && index(wanted, " " $2 " ") { printf "%s\"%s %s\"", (n++ ? "," : ""), $2, slot[$2] }'
}

# containers_json MAX: ,"containers":[…],"images":{…},"adopted":[…],"omitted":N in $containers. SSM cuts an answer at 24,000 characters. The repo digests of unlabelled containers' images are what tells their release.
containers_json() {
  look
  list_containers "$1"
}

# The same, of what $table has.
list_containers() {
  wanted=$(concerned)
  total=$(printf '%s\n' "$wanted" | grep -c .)
  wanted=$(printf '%s\n' "$wanted" | head -n "$1")
  listed='' image_digests='' adopted=''
  if [ -n "$wanted" ]; then
    # shellcheck disable=SC2086
    listed=$(describe $wanted)
    adopted=$(adopted_json)
    image_ids=$(
      # shellcheck disable=SC2016,SC2086
      inspect '<<with .Config.Labels>><<if not (index . "deployctl.digest")>><<$.Image>><<end>><<else>><<.Image>><<end>>' $wanted | grep . | sort -u
    )
    # shellcheck disable=SC2086
    [ -z "$image_ids" ] || image_digests=$(dk image inspect --format "$(braces '<<json .Id>>:<<json .RepoDigests>>')" $image_ids | awk 'NF { printf "%s%s", (n++ ? "," : ""), $0 }')
  fi
  containers=",\"containers\":[$listed],\"images\":{$image_digests},\"adopted\":[$adopted],\"omitted\":$((total > $1 ? total - $1 : 0))"
  case $listed in *'"restartCount":'[1-9]*) containers="$containers,\"oom\":[$(memory_kills)]" ;; esac
}

# Ids of the containers that the kernel has killed for memory in the last hour, as far as the daemon remembers (its last 256 events): when a container is
# started again, its state forgets.
memory_kills() {
  # To the end of this second, which takes as long: what has just happened has no earlier one.
  kills_until=$(($(date +%s) + 1))
  set -- events --since "$((kills_until - 3600))" --until "$kills_until" --filter type=container --filter event=oom --format "$(braces '<<json .Actor.ID>>')"
  if command -v timeout >/dev/null; then timeout 5 docker "$@" 3>&- 9>&- </dev/null; else dk "$@"; fi 2>/dev/null |
    grep -E '^"[0-9a-f]{64}"$' | sort -u | awk '{ printf "%s%s", (n++ ? "," : ""), $0 }'
}

# Evidence for a failure of container $1: what docker says of it and the end of its log.
evidence() {
  evidence_state=$(inspect '<<.State.Status>> <<.State.ExitCode>> <<.RestartCount>> <<.State.OOMKilled>>' "$1")
  evidence_oom=${evidence_state##* }
  case $evidence_state in
    *' 0 false') ;;
    *' false') case $(memory_kills) in *"$1"*) evidence_oom=true ;; esac ;;
  esac
  case $evidence_state in
    # The exit code of a container that runs again is that of no end.
    "running "*) printf ',"oomKilled":%s' "$evidence_oom" ;;
    *' true' | *' false') printf ',"exitCode":%s,"oomKilled":%s' "$(printf %s "$evidence_state" | cut -d ' ' -f 2)" "$evidence_oom" ;;
  esac
  printf ',"logTail":%s' "$(tail_text "$(dk logs --tail 40 "$1" 2>&1)" 4000)"
  [ -z "${asked-}" ] || printf ',"lastProbe":%s' "$(text "$asked")"
  evidence_container=$(describe "$1") && printf ',"container":%s' "$evidence_container"
}

# fail_container CODE MESSAGE ID: a failure with its evidence and with what is here now.
fail_container() {
  found_evidence=$(evidence "$3")
  containers_json 12
  fail "$1" "$2" "$found_evidence$containers"
}
