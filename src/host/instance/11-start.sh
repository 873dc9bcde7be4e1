# --- phases start, restore and stop -------------------------------------------------------------------------------------------------

# The release in the slot, whatever was there before. Order: everything that may fail without a stop first; then stop old, start new.
phase_start() {
  need_curl
  read_slot
  find_running "$release"
  if [ -n "$found" ]; then
    leave_running
  else
    start_new
  fi
  finish_start
}

# What runs is what is wanted; all else goes out of the way.
leave_running() {
  say "$release runs already in $found"
  refuse_obstacles
  sweep_created
  clear_slot "$found"
  if [ -e "$state/kept/$found" ]; then
    take_back "$found"
    put_policy "$found"
  fi
}

# A new container gets its restart policy from the witness. Docker would start one that ends before that again, and again, and with it would go what its
# end was: exit code and memory kill.
start_new() {
  get_image "$repository" "$digest" "$release"
  refuse_obstacles new
  sweep_created
  create "$live-next" --label "deployctl.color=$color" --restart no -p "$port:$container_port" ||
    fail start-failed "docker create refused the container of $release; correct the settings of $service: $complaint"
  clear_slot
  dk rename "$created" "$live" || fail start-failed "cannot name the new container $live, see $log on the instance"
  if ! launch "$created"; then
    failed_start=$complaint
    failed_evidence=$(evidence "$created")
    # Docker leaves one whose port is taken in state Created, with its name.
    dk rm -f "$created"
    complaint=$failed_start
    fail_launch "the container of $release" "$failed_evidence"
  fi
  found=$created
}

# The release back in the slot: its kept container when there is one, else a new one.
phase_restore() {
  need_curl
  read_slot
  find_running "$release"
  if [ -n "$found" ]; then
    leave_running
  else
    find_kept "$release"
    if [ -n "$found" ]; then
      restore_kept
    else
      case $release in
        # What someone else started is known by its container only.
        adopted-*) fail nothing-to-restore "no container of $release is kept on the instance, and deployctl did not start it, so it cannot be started again; roll out an image by name" ;;
      esac
      start_new
    fi
  fi
  finish_start
}

restore_kept() {
  say "starting kept container $found of $release again"
  refuse_obstacles
  sweep_created
  clear_slot "$found"
  take_back "$found"
  if ! launch "$found"; then
    case $complaint:$release in
      *"already allocated"* | *"already in use"* | *"failed to bind"* | *:adopted-*) fail_launch "the kept container of $release" "$(evidence "$found")" ;;
    esac
    say "the kept container does not start: a new one"
    read_slot
    start_new
    return 0
  fi
  put_policy "$found"
}

finish_start() {
  witness "$found"
  final=$(describe "$found")
  prune
  finish ",\"container\":$final"
}

# Nothing runs in the slot. What ran is kept.
phase_stop() {
  read_slot
  sweep_created
  clear_slot
  prune
  finish
}

# $1: further members of the answer. Evidence takes the room of some old containers.
finish() {
  if [ -n "$aside" ]; then containers_json 12; else containers_json 24; fi
  succeed "${1-}$aside$containers"
}
