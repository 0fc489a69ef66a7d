# shellcheck shell=bash
# Debian: from an engine, else put together from Debian's own packages.

# shellcheck disable=SC2034,SC2154  # images/build reads $sources and sets $root and $work.
sources=("docker debian" "podman debian" "mmdebstrap trixie" "debootstrap trixie")

# An archive serves root and an ordinary user alike: unpack knows what each
# may do.  mmdebstrap works in /tmp because its helpers must get there.
from_mmdebstrap() {
    need mmdebstrap mmdebstrap --version
    mmdebstrap --variant=minbase "$1" - >"$work/debian.tar"
    unpack "$work/debian.tar"
}
