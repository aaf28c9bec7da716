#!/usr/bin/env bash
# Unpacks Debian's source package of Kubernetes below the folder $1 and prints the unpacked folder.
# apt's own configuration stays as it is: the deb-src lines live in a list of their own, derived from the Debian
# archives that this machine already uses, with a state folder of their own.
set -euo pipefail

folder=$1
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mkdir -p "$folder/lists/partial"

apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
  awk -v keyring="$keyring" '$1 == "Debian" { print "deb-src [signed-by=" keyring "] " $2 " " $3 " " $4 }' |
  sort -u >"$folder/sources.list"
[ -s "$folder/sources.list" ] || {
  echo "no Debian archive in apt's lists: run apt-get update first" >&2
  exit 1
}

own=(
  -o Dir::Etc::SourceList="$folder/sources.list"
  -o Dir::Etc::SourceParts=/dev/null
  -o Dir::State::Lists="$folder/lists"
  -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
  # The unprivileged user that apt downloads as cannot enter the cache folder.
  -o APT::Sandbox::User=root
)
apt-get "${own[@]}" update -qq >&2
cd "$folder"
apt-get "${own[@]}" source -qq "kubernetes${2:+=$2}" >&2
find "$folder" -mindepth 1 -maxdepth 1 -type d -name 'kubernetes-*'
