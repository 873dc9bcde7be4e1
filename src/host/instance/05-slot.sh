# --- the slot ------------------------------------------------------------------------------------------------------------------------

# Release of a container that deployctl did not start: adopted- and the first 12 of its image's digest (else of the image id).
# The same rule as adoptedRelease() in domain/release.ts.
adopted_release() {
  adopted_image=$(inspect '<<.Image>>' "$1") && adopted_reference=$(inspect '<<.Config.Image>>' "$1") || return 1
  adopted_digests=$(dk image inspect --format "$(braces '<<range .RepoDigests>><<.>> <<end>>')" "$adopted_image") || adopted_digests=''
  # shellcheck disable=SC2086
  adopted_pick=$(printf '%s\n' $adopted_digests | awk -F '@' -v reference="$adopted_reference" "$awk_library"'
    NF == 2 && first == "" { first = $2 }
    NF == 2 && canonical($1) == canonical(reference) { print $2; found = 1; exit }
    END { if (!found) print first }')
  adopted_pick=${adopted_pick:-$adopted_image}
  printf 'adopted-%.12s' "${adopted_pick#sha256:}"
}

# Reads the slot: $rows with every release filled in.
read_slot() {
  look
  rows=$(
    slot_rows | while IFS='|' read -r role row_release id name status finished reference; do
      if [ "$role" = unsure ]; then role=foreign && if is_of_repository "$id"; then role=adopted; fi; fi
      if [ "$role" = adopted ] && [ -z "$row_release" ]; then row_release=$(adopted_release "$id") || exit 1; fi
      printf '%s|%s|%s|%s|%s|%s|%s\n' "$role" "$row_release" "$id" "$name" "$status" "$finished" "$reference"
    done
  ) || fail no-docker "docker does not tell the image of a container on port $port, see $log on the instance"
}

# The running container of release $1 in the slot, in $found; empty when there is none.
find_running() {
  found=$(printf '%s\n' "$rows" | awk -F '|' -v r="$1" '($1 == "ours" || $1 == "adopted") && $2 == r && $5 == "running" { print $3; exit }')
}

# The newest stopped container of release $1 in the slot, those that were once found well first; in $found.
find_kept() {
  found=$(
    printf '%s\n' "$rows" | awk -F '|' -v r="$1" '($1 == "ours" || $1 == "adopted") && $2 == r && $5 == "exited" { print $1 "|" $6 "|" $3 }' |
      sort -r -t '|' -k 2,2 | while IFS='|' read -r role finished id; do
        if [ "$role" = adopted ] || [ -e "$state/verified/$id" ]; then printf '1 %s\n' "$id"; else printf '2 %s\n' "$id"; fi
      done | sort -s -k 1,1 | awk 'NR == 1 { print $2 }'
  )
}

# --- setting aside and taking back --------------------------------------------------------------------------------------------------

# refuse_obstacles [new]: a container of somebody else holds the slot's port, or a name that a new container needs, or one can't be kept: say so
# while everything still runs.
refuse_obstacles() {
  while IFS='|' read -r role row_release id name status finished reference; do
    case $role in
      foreign)
        fail port-taken "port $port is held by container $name (image $reference), which is not $service's; \
remove it, give $service another port, or name it in adopt of $service" ;;
      namesake)
        [ "${1-}" != new ] || fail start-failed "container $name (image $reference), which is not $service's, has a name that deployctl needs; \
rename it, or give $service another container name" ;;
      ours | adopted)
        if is_up "$status" && [ "$(inspect '<<.HostConfig.AutoRemove>>' "$id")" = true ]; then
          fail stop-failed "container $name runs with --rm: stopping would remove it, and with it the way back; start it without --rm first"
        fi ;;
    esac
  done <<ROWS
$rows
ROWS
}

# Removes what an earlier run created and never started.
sweep_created() {
  while IFS='|' read -r role row_release id name status finished reference; do
    if [ "$role" = ours ] && [ "$status" = created ]; then
      say "removing $name, which was never started"
      dk rm -f "$id"
    fi
  done <<ROWS
$rows
ROWS
}

# Name of a container that was set aside: kept_name ID RELEASE.
kept_name() { printf '%s-%s-%s-%.12s' "$container" "$color" "$2" "$1"; }

# What became of the first container that was set aside, for the answer of a request that asks for it.
aside=''

# set_aside ID NAME STATUS RELEASE: restart off, renamed, stopped, and a note of what it takes to bring it back.
# The note comes first: after that, a run that finds the container half set aside still knows its release, name and restart policy. The name comes
# after the policy: what has its new name and does not run is done with.
set_aside() {
  kept_name=$(kept_name "$1" "$4")
  policy=$(inspect '<<.HostConfig.RestartPolicy.Name>>:<<.HostConfig.RestartPolicy.MaximumRetryCount>>' "$1") ||
    fail no-docker "docker does not tell the restart policy of container $2; it was left as it is"
  policy=${policy%:0}
  if [ ! -e "$state/kept/$1" ]; then
    write_file "$state/kept/$1" "note|$1|$service|$color|$4|${policy:-no}|$2" || no_room "$state/kept"
  fi
  case $policy in '' | no) ;; *) dk update --restart=no "$1" || fail stop-failed "cannot set the restart policy of $2" ;; esac
  if [ "$2" != "$kept_name" ]; then dk rename "$1" "$kept_name" || fail stop-failed "cannot rename container $2, see $log on the instance"; fi
  if [ "$evidence" = yes ] && [ -z "$aside" ]; then aside=",\"aside\":{\"release\":$(text "$4")$(evidence "$1")}"; fi
  if is_up "$3"; then
    say "stopping $kept_name, at most $stop_timeout s"
    dk stop -t "$stop_timeout" "$1"
    stopped=$(inspect '<<.State.Status>>' "$1") || fail no-docker "docker does not tell whether container $kept_name has stopped"
    if is_up "$stopped"; then fail stop-failed "container $kept_name still runs after docker stop -t $stop_timeout; end it by hand: docker kill $kept_name"; fi
  fi
}

# Sets aside whatever runs in the slot or has not the name of something kept, but not container $1.
clear_slot() {
  while IFS='|' read -r role row_release id name status finished reference; do
    case $role in ours | adopted) ;; *) continue ;; esac
    if [ "$id" = "${1-}" ] || [ "$status" = created ]; then continue; fi
    [ "$role" = ours ] || mark_adopted "$id"
    if is_up "$status" || [ "$name" != "$(kept_name "$id" "$row_release")" ]; then set_aside "$id" "$name" "$status" "$row_release"; fi
  done <<ROWS
$rows
ROWS
}

# Gives container $1 its name back, as its note says. Its note stays until put_policy.
take_back() {
  note_name=''
  if [ -e "$state/kept/$1" ]; then IFS='|' read -r _ _ _ _ _ _ note_name <"$state/kept/$1"; fi
  take_role=$(printf '%s\n' "$rows" | awk -F '|' -v id="$1" '$3 == id { print $1; exit }')
  take_name=$(printf '%s\n' "$rows" | awk -F '|' -v id="$1" '$3 == id { print $4; exit }')
  # One that deployctl did not start gets the name under which people know it.
  if [ "$take_role" = ours ]; then take_as=$live; else take_as=${note_name:-$take_name}; fi
  [ "$take_name" = "$take_as" ] || dk rename "$1" "$take_as" || say "the name $take_as is taken: $take_name keeps its name"
}

# The restart policy that container $1 had, once it runs: one that is stopped must not come back by itself. The end of its time as a kept one.
put_policy() {
  # A note that is lost: the policy that deployctl gives.
  note_policy=unless-stopped
  if [ -e "$state/kept/$1" ]; then IFS='|' read -r _ _ _ _ _ note_policy _ <"$state/kept/$1"; fi
  case $note_policy in
    '' | no) ;;
    *) dk update --restart="$note_policy" "$1" || fail start-failed "cannot set the restart policy of container $1, see $log on the instance" ;;
  esac
  forget_note "$1"
}

forget_note() { rm -f "$state/kept/$1"; }

# Removes stopped containers of the slot beyond the newest $keep releases that were once well, and beyond the newest one of the others: those that
# never were, and further containers of one release, least of all of that which runs. Neither may push the way back out. Never one that runs, and
# never one that deployctl did not create: what was adopted stays until somebody removes it, and takes no other's place.
prune() {
  reached=prune
  read_slot
  prune_seen=" $(printf '%s\n' "$rows" | awk -F '|' '($1 == "ours" || $1 == "adopted") && $5 == "running" { print $2; exit }') "
  kept_well=0 kept_others=0
  while IFS='|' read -r finished row_release id name; do
    # Its kept name, which holds its own id, is given by set_aside only: labels alone may have been copied with an image.
    if [ -z "$id" ] || [ "$name" != "$(kept_name "$id" "$row_release")" ]; then continue; fi
    prune_new=no
    if [ -e "$state/verified/$id" ]; then
      case $prune_seen in *" $row_release "*) ;; *) prune_new=yes ;; esac
    fi
    if [ "$prune_new" = yes ]; then
      prune_seen="$prune_seen$row_release "
      kept_well=$((kept_well + 1))
      [ "$kept_well" -gt "$keep" ] || continue
    else
      kept_others=$((kept_others + 1))
      [ "$kept_others" -gt 1 ] || [ "$keep" -eq 0 ] || continue
    fi
    say "removing $name: more than $keep are kept"
    prune_reference=$(inspect '<<.Config.Image>>' "$id") prune_image=$(inspect '<<.Image>>' "$id")
    # Without -f docker refuses to remove one that was started in the meantime.
    dk rm "$id" || continue
    forget_note "$id"
    rm -f "$state/verified/$id"
    drop_tag "$prune_reference" "$row_release" "$prune_image"
  done <<ROWS
$(printf '%s\n' "$rows" | awk -F '|' '$1 == "ours" && $5 == "exited" { print $6 "|" $2 "|" $3 "|" $4 }' | sort -r)
ROWS
  # Notes and marks of containers that someone removed.
  for file in "$state"/kept/* "$state"/adopted/* "$state"/verified/*; do
    case $table in *"${file##*/}"*) ;; *) rm -f "$file" ;; esac
  done
}

# drop_tag REFERENCE RELEASE IMAGE: the tag of a release that no container of this instance has any more, unless somebody gave it to another image.
# Docker refuses while a container uses the image.
drop_tag() {
  case $1 in *@sha256:*) drop_repository=${1%%@*} ;; *:deployctl-*) drop_repository=${1%:deployctl-*} ;; *) return 0 ;; esac
  drop_users=$(dk ps -aq --filter "label=deployctl.release=$2") || return 0
  [ -z "$drop_users" ] || return 0
  drop_image=$(dk image inspect --format "$(braces '<<.Id>>')" "$drop_repository:deployctl-$2" 2>/dev/null) || return 0
  [ "$drop_image" = "$3" ] || return 0
  dk rmi "$drop_repository:deployctl-$2" || say "the image of $2 stays"
}
