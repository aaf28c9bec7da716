#!/usr/bin/env bash
# Builds the control plane (API server, controller manager, scheduler) from Debian's source package of Kubernetes and
# prints the folder that holds it. A build is kept outside of the checkout, by package version, and used again.
# Needs as root or not: apt's lists, dpkg-dev, golang-go; about 2 GB in the temporary folder and 4 minutes on 2 cores.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
parts=(kube-apiserver kube-controller-manager kube-scheduler)

main() {
  local version target
  version=${1:-$(candidate)}
  [ -n "$version" ] || fail "apt knows no package kubernetes-client, which is built from the source: apt-get update first"
  target=${XDG_CACHE_HOME:-$HOME/.cache}/handover-testkit/kubernetes-$version
  if ! [ -x "$target/kube-apiserver" ]; then
    for tool in go dpkg-source apt-get; do
      command -v "$tool" >/dev/null || fail "$tool is not installed"
    done
    build "$version" "$target"
  fi
  echo "$target"
}

# The source package's version is that of the binary packages made from it.
candidate() { apt-cache policy kubernetes-client | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'; }

build() {
  local version=$1 target=$2 work source
  work=$(mktemp -d "${TMPDIR:-/tmp}/handover-kubernetes.XXXXXX")
  # shellcheck disable=SC2064 # the folder of now
  trap "chmod -R u+w '$work'; rm -rf '$work'" EXIT
  source=$("$here/fetch-source.sh" "$work" "$version")

  # Debian's package is of the time of GOPATH: a link makes the unpacked folder the package k8s.io/kubernetes.
  export GO111MODULE=off CGO_ENABLED=0 GOFLAGS= GOPATH=$work/go GOCACHE=$work/cache
  mkdir -p "$GOPATH/src/k8s.io"
  ln -s "$source" "$GOPATH/src/k8s.io/kubernetes"
  cd "$GOPATH/src/k8s.io/kubernetes"

  generate_openapi
  mkdir cmd/control-plane
  cp "$here/main.go" cmd/control-plane/
  # Without providerless the clouds' own libraries come in too; dockerless leaves out Docker's.
  go build -tags providerless,dockerless -ldflags "$(stamp "$version")" -o "$work/bin/control-plane" ./cmd/control-plane

  for part in "${parts[@]}"; do ln -s control-plane "$work/bin/$part"; done
  mkdir -p "$(dirname "$target")"
  # Whole or not at all: two builds at a time both end with a complete folder.
  cp -a "$work/bin" "$target.$$"
  mv -T "$target.$$" "$target" 2>/dev/null || rm -rf "$target.$$"
}

# The schemas that the API server publishes and merges by; the tarball lacks this one generated file.
generate_openapi() {
  go build -o "$GOPATH/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
  "$GOPATH/openapi-gen" --input-dirs "$(tagged_packages | paste -sd,)" \
    --output-package k8s.io/kubernetes/pkg/generated/openapi --output-base "$GOPATH/src" \
    --output-file-base zz_generated.openapi --report-filename "$GOPATH/violations" \
    --go-header-file vendor/k8s.io/code-generator/hack/boilerplate.go.txt
}

# Packages that ask for a schema, under the names they are imported by: vendor/k8s.io links to staging/src/k8s.io.
tagged_packages() {
  grep -rl --include='*.go' '^// +k8s:openapi-gen=true' pkg staging/src/k8s.io vendor |
    grep -v -e /_examples/ -e /sample- -e /testdata/ |
    xargs -n1 dirname | sed 's#^staging/src/#vendor/#; s#^#k8s.io/kubernetes/#' | sort -u
}

# 1.20.5+really1.20.2-1.1+deb12u1 is Kubernetes 1.20.2; unstamped, the servers would call themselves v0.0.0.
stamp() {
  local number=${1##*really} minor
  number=${number%%-*}
  minor=${number#*.}
  local package
  printf -- '-s -w'
  for package in component-base/version client-go/pkg/version; do
    printf -- ' -X k8s.io/kubernetes/vendor/k8s.io/%s.gitVersion=v%s' "$package" "$number"
    printf -- ' -X k8s.io/kubernetes/vendor/k8s.io/%s.gitMajor=%s' "$package" "${number%%.*}"
    printf -- ' -X k8s.io/kubernetes/vendor/k8s.io/%s.gitMinor=%s' "$package" "${minor%%.*}"
  done
}

fail() {
  echo "cannot build Kubernetes: $1" >&2
  exit 1
}

main "$@"
