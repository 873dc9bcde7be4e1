# --- phases pull and resolve --------------------------------------------------------------------------------------------------------

# The images of a release, while the old version serves.
phase_pull() {
  pulled=''
  while read -r image_service image_release image_repository image_digest; do
    [ -n "$image_service" ] || continue
    get_image "$image_repository" "$image_digest" "$image_release"
    pulled="$pulled${pulled:+,}\"$image_service\":\"$image_digest\""
  done <<IMAGES
$images
IMAGES
  succeed ",\"digests\":{$pulled}"
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
