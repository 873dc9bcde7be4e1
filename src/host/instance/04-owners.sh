# --- whose containers these are -----------------------------------------------------------------------------------------------------

# The containers that concern the slot out of $table, a line each: role|release|id|name|status|finished|reference
#   ours      labelled with this app, environment, service and color
#   adopted   started by somebody else, and the slot's own all the same: noted or named as such by us earlier; or running on the slot's port
#             under a name of $adopt_names, or from the repository $adopt_repository, which is given for the live color only
#   foreign   anything else that runs on the slot's port
#   namesake  anything else that has a name which deployctl gives in this slot
# Nothing is ever done to the last two. As belongs() in domain/occupancy.ts has it. An adopted one that was never set aside has no release
# here: see adopted_release. `unsure`: its reference is the id of an image, which names no repository: see read_slot.
slot_rows() {
  { notes; printf '%s\n' "$table"; } | awk -F '|' -v app="$app" -v env="$environment" -v service="$service" -v color="$color" \
    -v port="$port" -v container="$container" -v live="$live" -v repository="$adopt_repository" -v names=",$adopt_names," "$awk_library"'
    $1 == "note" && $3 == service && $4 == color { noted[$2] = $5; next }
    $1 == "mark" && $3 == service && $4 == color { marked[$2] = 1; next }
    $1 == "note" || $1 == "mark" { elsewhere[$2] = 1; next }
    $1 != "row" || $12 != "" { next }
    {
      id = $2; name = $3; holds = ($4 == "running" || $4 == "paused" || $4 == "restarting") && publishes($14, port, $4)
      kept = container "-" color "-adopted-"; tail = "-" substr(id, 1, 12)
      middle = substr(name, length(kept) + 1, 12)
      role = ""; release = $11
      if ($7 == app && $8 == env && $9 == service && $10 == color) role = "ours"
      else if ($7 != "") role = ""
      else {
        release = ""
        if (id in noted) { role = "adopted"; release = noted[id] }
        else if (id in marked || (holds && index(names, "," name ","))) role = "adopted"
        else if (name == kept middle tail && middle ~ /^[0-9a-f]+$/) { role = "adopted"; release = "adopted-" middle }
        else if (holds && repository != "-" && !(id in elsewhere)) {
          if (canonical($15) == canonical(repository)) role = "adopted"
          else if ($15 ~ /^(sha256:)?[0-9a-f]+$/) role = "unsure"
        }
      }
      if (role == "" && holds) role = "foreign"
      if (role == "" && (name == live || name == live "-next")) role = "namesake"
      if (role != "") print role "|" release "|" id "|" name "|" $4 "|" $5 "|" $15
    }'
}

# Whether container $1, which was started by the id of its image, runs one of repository $adopt_repository.
is_of_repository() {
  owner_image=$(inspect '<<.Image>>' "$1") || return 1
  dk image inspect --format "$(braces '<<range .RepoDigests>><<println .>><<end>>')" "$owner_image" |
    awk -v repository="$adopt_repository" "$awk_library"'NF && canonical($0) == canonical(repository) { found = 1 } END { exit !found }'
}

# Remembers that container $1 was adopted for the slot: once another color is live, nothing else tells it from what others start there.
mark_adopted() {
  [ -e "$state/adopted/$1" ] || write_file "$state/adopted/$1" "mark|$1|$service|$color" || no_room "$state/adopted"
}

# With a fence: marks what may be adopted in the slots of the request. Nothing is done to it.
mark_slots() {
  reached=adoption
  while read -r service color port container adopt_repository adopt_names; do
    case $service:$adopt_repository:$adopt_names in :* | *:-:-) continue ;; esac
    live=$container-$color
    while IFS='|' read -r role _ id _; do
      case $role in
        adopted) mark_adopted "$id" ;;
        unsure) if is_of_repository "$id"; then mark_adopted "$id"; fi ;;
      esac
    done <<OWNERS
$(slot_rows)
OWNERS
  done <<SLOTS
$slots
SLOTS
  service='' color='' port='' container=''
}
