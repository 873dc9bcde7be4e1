# --- the run ------------------------------------------------------------------------------------------------------------------------

read_request
open_log
trap at_exit EXIT
trap 'exit 143' HUP INT TERM
docker_config=''
if [ -n "$fence" ]; then take_fence; else read_highest; fi
need_docker
case $phase in
  inspect) phase_inspect ;;
  pull) phase_pull ;;
  resolve) phase_resolve ;;
  list) phase_list ;;
  ask) phase_ask ;;
  quiet) phase_quiet ;;
  task) phase_task ;;
  start) phase_start ;;
  restore) phase_restore ;;
  stop) phase_stop ;;
  *) fail broken-output "unknown phase '$phase'" ;;
esac
