# --- images -------------------------------------------------------------------------------------------------------------------------

# The local name of image $1@$2 in $image_name: by digest, else by the tag that a pull of release $3 left. Fails when it is not here, or when the tag
# is known to be of another digest.
find_image() {
  image_name=$1@$2
  dk image inspect --format "$(braces '<<.Id>>')" "$image_name" >/dev/null 2>&1 && return 0
  image_name=$1:deployctl-$3
  image_digests=$(dk image inspect --format "$(braces '<<range .RepoDigests>><<.>> <<end>>')" "$image_name" 2>/dev/null) || return 1
  case " $image_digests" in *" $1@$2 "*) ;; *" $1@"*) return 1 ;; esac
}

# pull_reference REFERENCE: three tries, unless the registry gave a plain no. Complaint in $complaint.
pull_reference() {
  pull_try=1
  while :; do
    if complaint=$(docker ${docker_config:+--config "$docker_config"} pull -q "$1" 2>&1 3>&- 9>&- </dev/null); then
      say "pulled $1"
      return 0
    fi
    say "pull of $1 failed ($pull_try): $complaint"
    case $complaint in
      *"not found"* | *"manifest unknown"* | *denied* | *nauthorized* | *"no basic auth"* | *"no space left"* | *"invalid reference"*) return 1 ;;
    esac
    clock
    [ "$pull_try" -lt 3 ] && [ "$now" -lt $((deadline - 5)) ] || return 1
    nap "$pull_try"
    pull_try=$((pull_try + 1))
  done
}

# fail_pull REFERENCE: with what to do about $complaint.
fail_pull() {
  [ -z "$login_complaint" ] || fail login-failed "login to ECR failed ($login_complaint), and so did the pull of $1; \
it takes the aws CLI and what deployctl iam-policy --for instance prints: $complaint"
  case $complaint in
    *"no space left"*) advice='make room on the instance (docker image prune)' ;;
    *denied* | *nauthorized* | *"no basic auth"*) advice='allow the instance to pull (ECR: deployctl iam-policy --for instance)' ;;
    *"not found"* | *"manifest unknown"*) advice='push it, or name another image' ;;
    *) advice='see whether the instance reaches the registry' ;;
  esac
  fail pull-failed "cannot pull $1; $advice: $complaint"
}

# registry_login REPOSITORY: for ECR, with the instance's own role. Its password is valid for 12 hours and stays in a scratch folder that ends
# with the run, so root's docker configuration is left as it is. What goes wrong is told in $login_complaint, if the pull fails too.
registry_login() {
  docker_config='' login_complaint=''
  case $1 in
    *.dkr.ecr.*.amazonaws.com*/* | *.dkr.ecr-fips.*.amazonaws.com*/*) ;;
    *) return 0 ;;
  esac
  registry=${1%%/*}
  ecr_region=${registry#*.dkr.ecr*.}
  ecr_region=${ecr_region%%.*}
  if ! command -v aws >/dev/null; then
    login_complaint="the aws CLI is not installed on the instance"
    return 0
  fi
  login_folder=$work/docker
  mkdir -p "$login_folder"
  # A pipe has the status of its last command: an empty password makes docker login fail as well.
  if login_complaint=$(
    { aws ecr get-login-password --region "$ecr_region" |
      docker --config "$login_folder" login --username AWS --password-stdin "$registry"; } 2>&1 3>&- 9>&-
  ); then
    docker_config=$login_folder login_complaint=''
  fi
}

# get_image REPOSITORY DIGEST RELEASE: here already is enough, so a rollback does not need the registry. Tagged, because docker image prune
# removes what has only a digest.
get_image() {
  reached="pull of $1"
  if ! find_image "$1" "$2" "$3"; then
    registry_login "$1"
    if ! pull_reference "$1@$2"; then
      docker_config=''
      fail_pull "$1@$2"
    fi
    docker_config=''
    find_image "$1" "$2" "$3" || fail no-image "pulled $1@$2, but docker does not show that digest on the instance; docker images --digests tells what it has"
  fi
  dk tag "$image_name" "$1:deployctl-$3" || say "cannot tag $image_name"
}
