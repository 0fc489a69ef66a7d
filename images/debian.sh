# shellcheck shell=bash
# Debian: from an engine, else put together from Debian's own packages.

# shellcheck disable=SC2034,SC2154  # images/build reads $sources and sets $root and $work.
sources=("docker debian" "podman debian" "mmdebstrap trixie" "debootstrap trixie")

# An archive serves root and an ordinary user alike: unpack knows what each
# may do.  The name and the resolver of this machine are not for the image.
from_mmdebstrap() {
    need "mmdebstrap debian-archive-keyring" mmdebstrap --version
    is_root || need uidmap command -v newuidmap
    # shellcheck disable=SC2016  # mmdebstrap gives the hook its directory as $1.
    mmdebstrap --variant=minbase --customize-hook='rm -f "$1/etc/hostname" "$1/etc/resolv.conf"' "$1" - >"$work/debian.tar" ||
        fail "$(telling ^E:)"
    unpack "$work/debian.tar"
}

# debootstrap mounts /proc in what it makes, hence the mount namespace.
from_debootstrap() {
    command -v debootstrap >/dev/null || fail "not installed"
    is_root || fail "only root can use it"
    unshare --mount debootstrap --variant=minbase "$1" "$root"
    rm -f "$root"/etc/{hostname,resolv.conf}
    find "$root/var/cache/apt" "$root/var/lib/apt/lists" -type f -delete
}
