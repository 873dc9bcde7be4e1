#!/usr/bin/env bash
# A rolling deploy on the aws CLI, as a careful person writes it: the opponent of `npm run bench -- script`. One service, the instances of one target
# group, a batch at a time. Every wait looks at a state; POLL is the pause between two looks. Stops at the first thing that goes wrong.
#
#   GROUP=shop-backend-blue PORT=8081 IMAGE=shop/backend:1.1.0 NAME=backend rolling.sh
set -euo pipefail

: "${GROUP:?name of the target group}" "${PORT:?host port}" "${IMAGE:?image to run}" "${NAME:?name of the container}"
CONTAINER_PORT=${CONTAINER_PORT:-3000}
BATCH=${BATCH:-1}             # instances at a time
PULL_AHEAD=${PULL_AHEAD:-0}   # instances that pull at a time while the old version serves; 0: each pulls in its batch, out of traffic
POLL=${POLL:-2}               # seconds between two looks
LIMIT=${LIMIT:-600}           # seconds that any one wait may take
HEALTH=${HEALTH:-/health}
PASSES=${PASSES:-3}           # passed checks in a row, on the instance
STOP=${STOP:-10}              # seconds that the old container has to end

say() { echo "$(date +%T) $*" >&2; }
die() { say "$*"; exit 1; }

arn=$(aws elbv2 describe-target-groups --names "$GROUP" --query 'TargetGroups[0].TargetGroupArn' --output text)
read -ra fleet <<<"$(aws elbv2 describe-target-health --target-group-arn "$arn" --query 'TargetHealthDescriptions[].Target.Id' --output text)"
((${#fleet[@]} > BATCH)) || die "$GROUP has ${#fleet[@]} targets: a batch of $BATCH would take all of them out of service"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# targets INSTANCE…: as the CLI wants them.
targets() { local id; for id; do printf 'Id=%s,Port=%s\n' "$id" "$PORT"; done; }

# until_all STATE INSTANCE…: waits until every one of these targets is in the state.
until_all() {
  local wanted=$1 since=$SECONDS states; shift
  local list; mapfile -t list < <(targets "$@")
  while :; do
    states=$(aws elbv2 describe-target-health --target-group-arn "$arn" --targets "${list[@]}" \
      --query 'TargetHealthDescriptions[].TargetHealth.State' --output text)
    [[ $states =~ ^(${wanted}[[:space:]]*)+$ ]] && return
    ((SECONDS - since < LIMIT)) || die "not $wanted after $LIMIT s: $* are $states"
    sleep "$POLL"
  done
}

# on_instances COMMAND INSTANCE…: runs the shell text by Run Command and waits for all of them.
on_instances() {
  local text=$1 since=$SECONDS id states; shift
  text=${text//\\/\\\\} text=${text//\"/\\\"} text=${text//$'\n'/\\n}
  printf '{"commands": ["%s"], "executionTimeout": ["300"]}' "$text" >"$folder/parameters.json"
  id=$(aws ssm send-command --document-name AWS-RunShellScript --instance-ids "$@" \
    --parameters "file://$folder/parameters.json" --query Command.CommandId --output text)
  while :; do
    states=$(aws ssm list-command-invocations --command-id "$id" --query 'CommandInvocations[].Status' --output text)
    # Right after the send the list may be empty or short.
    if [[ $(wc -w <<<"$states") -eq $# && ! $states =~ Pending|InProgress|Delayed ]]; then
      [[ $states =~ ^(Success[[:space:]]*)+$ ]] || die "command $id ended as $states on $*"
      return
    fi
    ((SECONDS - since < LIMIT)) || die "command $id is not over after $LIMIT s: $* are $states"
    sleep "$POLL"
  done
}

swap="set -e
docker pull -q $IMAGE
docker stop -t $STOP $NAME
docker rm $NAME
docker run -d --name $NAME -p $PORT:$CONTAINER_PORT --restart unless-stopped $IMAGE
address=\$(docker port $NAME $CONTAINER_PORT | sed -n '1s/0\.0\.0\.0/127.0.0.1/;1p')
passed=0 tries=0
while [ \$passed -lt $PASSES ]; do
  if curl -fsS -m 2 -o /dev/null http://\$address$HEALTH; then passed=\$((passed + 1)); else passed=0; fi
  tries=\$((tries + 1))
  [ \$tries -lt 150 ] || { docker logs --tail 50 $NAME; exit 1; }
  sleep 0.2
done"

if ((PULL_AHEAD > 0)); then
  for ((from = 0; from < ${#fleet[@]}; from += PULL_AHEAD)); do
    batch=("${fleet[@]:from:PULL_AHEAD}")
    say "pull on ${batch[*]}"
    on_instances "docker pull -q $IMAGE" "${batch[@]}"
  done
fi

for ((from = 0; from < ${#fleet[@]}; from += BATCH)); do
  batch=("${fleet[@]:from:BATCH}")
  mapfile -t list < <(targets "${batch[@]}")
  say "out of service: ${batch[*]}"
  aws elbv2 deregister-targets --target-group-arn "$arn" --targets "${list[@]}"
  until_all unused "${batch[@]}"
  say "swap"
  on_instances "$swap" "${batch[@]}"
  aws elbv2 register-targets --target-group-arn "$arn" --targets "${list[@]}"
  until_all healthy "${batch[@]}"
  say "in service"
done
