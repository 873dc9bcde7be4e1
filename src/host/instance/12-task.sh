# --- phase task ---------------------------------------------------------------------------------------------------------------------

# The release's one-off task, at most once. The container is created, then the mark is written, then it is started: so a run that was killed
# finds either a container that never started, or one whose end can be read. A mark without a container is an unknown result.
phase_task() {
  task_name=$container-task-$release
  task_mark=$state/tasks/$service.$release
  task_state=''
  [ ! -e "$task_mark" ] || read -r task_state <"$task_mark" || :
  look
  # By its labels as well: the name alone may be somebody else's.
  task_id=$(printf '%s\n' "$table" | awk -F '|' -v name="$task_name" -v app="$app" -v env="$environment" -v service="$service" -v release="$release" \
    '$3 == name && $7 == app && $8 == env && $9 == service && $11 == release && $12 != "" { print $2; exit }')
  # One that ended as the mark says is here only when its removal was cut off.
  case $task_state in done | failed*) [ -z "$task_id" ] || dk rm -f "$task_id" ;; esac
  case $task_state in
    done) succeed ",\"task\":\"done before\"" ;;
    failed*) fail task-failed "the task of $release failed before (${task_state#failed }); it runs at most once per release, and a new rollout makes a new one" ;;
  esac
  if [ -z "$task_id" ]; then
    [ -z "$task_state" ] || fail task-unknown "the task of $release was started and its container is gone: whether it succeeded is not known"
    get_image "$repository" "$digest" "$release"
    create "$task_name" --label deployctl.task=yes || fail start-failed "docker create refused the task of $release; correct the settings of $service: $complaint"
    task_id=$created
  fi
  write_file "$task_mark" running || no_room "$task_mark" '; the task was not started'
  if [ "$(inspect '<<.State.Status>>' "$task_id")" = created ]; then
    if ! launch "$task_id"; then
      # It never ran: the next request may try again.
      failed_start=$complaint
      dk rm -f "$task_id" && rm -f "$task_mark"
      fail start-failed "the task of $release did not start: $failed_start"
    fi
  fi
  wait_task
}

wait_task() {
  reached=task
  clock
  task_began=$now
  while is_up "$(inspect '<<.State.Status>>' "$task_id")"; do
    clock
    if [ "$now" -ge $((task_began + task_timeout)) ]; then
      task_evidence=$(evidence "$task_id")
      dk stop -t 10 "$task_id"
      end_task "failed: longer than $task_timeout s"
      fail task-failed "the task of $release ran longer than $task_timeout s (task.timeout) and was stopped" "$task_evidence"
    fi
    [ "$now" -lt $((deadline - 3)) ] || fail task-unknown "the task of $release still runs; ask again" "$(evidence "$task_id")"
    nap 0.3
  done
  task_exit=$(inspect '<<.State.ExitCode>>' "$task_id")
  task_evidence=$(evidence "$task_id")
  case $task_exit in
    0)
      end_task "done"
      succeed "$task_evidence" ;;
    '') fail task-unknown "the container of the task of $release went away while it was watched" ;;
    *)
      end_task "failed: exit code $task_exit"
      fail task-failed "the task of $release ended with exit code $task_exit" "$task_evidence" ;;
  esac
}

end_task() {
  write_file "$task_mark" "$1" || fail task-unknown "cannot write $task_mark (disk full?): $1"
  dk rm -f "$task_id"
}
