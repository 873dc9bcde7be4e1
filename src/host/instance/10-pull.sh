# --- phases pull and resolve --------------------------------------------------------------------------------------------------------

# The images of a release, and whether its containers can be made, while the old version serves.
phase_pull() {
  pulled=''
  sweep_rehearsals
  while read -r image_service image_release image_repository image_digest image_needs; do
    [ -n "$image_service" ] || continue
    get_image "$image_repository" "$image_digest" "$image_release"
    rehearse "$image_needs"
    pulled="$pulled${pulled:+,}\"$image_service\":\"$image_digest\""
  done <<IMAGES
$images
IMAGES
  succeed ",\"digests\":{$pulled}"
}

# rehearse NEEDS: a container like those to come is created and removed again. An option that docker refuses, an env file that is not here and a secret
# that cannot be read are found out now, not when an instance was drained. The label keeps it out of the slots.
rehearse() {
  secrets='' secret_lines='' env_files='' options='' arguments=''
  read_lines "$1"
  service=$image_service release=$image_release digest=$image_digest
  create "$container-rehearsal-$release" --label deployctl.task=rehearsal ||
    fail start-failed "docker create refused the container of $release; correct the settings of $service: $complaint"
  dk rm -f -v "$created" || say "$created, of a rehearsal, stays"
}

# What a killed run has left.
sweep_rehearsals() {
  for id in $(dk ps -aq --filter label=deployctl.task=rehearsal --filter "label=deployctl.app=$app" --filter "label=deployctl.environment=$environment"); do
    dk rm -f -v "$id" || say "$id, of a rehearsal, stays"
  done
}

# Which digest a tag has, as this instance's docker sees it.
phase_resolve() {
  work=$state/resolve.$$
  mkdir -p "$work" || no_room "$work"
  registry_login "$repository"
  pull_reference "$repository:$tag" || fail_pull "$repository:$tag"
  resolved=$(dk image inspect --format "$(braces '<<json .RepoDigests>>')" "$repository:$tag") || fail no-image "pulled $repository:$tag, but docker does not show it on the instance; docker images tells what it has"
  succeed ",\"repository\":$(text "$repository"),\"repoDigests\":$resolved"
}
