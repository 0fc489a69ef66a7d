# shellcheck shell=bash
# What the sources of images share.
#
# A source is a function from_WORD that fills the directory $root.  It is
# called with what follows WORD in the recipe's list, may keep its own files
# in $work, and runs with set -e in a subshell whose output goes to $log.
# When it fails, the last line of its output is the reason the user reads.

# shellcheck disable=SC2154  # images/build sets $root, $work and $log.
say() { echo "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# The line of the log that tells most: the first with this pattern, or the last.
telling() { grep -m 1 -- "$1" "$log" || tail -n 1 "$log"; }

is_root() { [ "$(id -u)" = 0 ]; }

# Whether $root has a directory of this name, or a link that says where it is.
has() { [ -d "$root/$1" ] || [ -L "$root/$1" ]; }

# ---- Programs and packages -------------------------------------------------

# apt-get with no question asked, and no long wait for a mirror that is away.
apt_get=(apt-get -q -y -o Acquire::http::Timeout=5 -o Acquire::Retries=0 -o DPkg::Lock::Timeout=60)

# The same for what only root may do, with sudo where that asks nothing either.
root_apt_get() {
    local sudo=(sudo -n)
    ! is_root || sudo=()
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive "${apt_get[@]}" "$@"
}

# with_lists COMMAND...: run an apt-get, and once more with new lists of
# packages if the fault was in the old ones: a fresh machine may have none.
with_lists() {
    "$@" && return
    grep -Eq "Unable to locate|Can't find a source|no installation candidate|404" "$log" && root_apt_get update && "$@"
}

# need PACKAGES COMMAND...: where COMMAND does not run, install PACKAGES.
need() {
    local packages
    read -ra packages <<<"$1"
    shift
    "$@" >/dev/null 2>&1 && return
    with_lists root_apt_get install --no-install-recommends "${packages[@]}" ||
        fail "$1 does not run: install ${packages[*]}"
}

# fetch URL FILE: give up in seconds on a server that is away or falls asleep.
fetch() {
    curl --fail --silent --show-error --location --proto-redir =https --connect-timeout 5 \
        --speed-limit 1000 --speed-time 10 --output "$2" "$1" || fail "$1: $(tail -n 1 "$log")"
}

# pypi NAME VERSION PLATFORM SHA256...: unpack a package of PyPI in $work/wheel.
# pip checks that what it fetched has one of the hashes; --target keeps it
# apart from the Python packages of this machine.
pypi() {
    local requirement="$1==$2" platform=$3 hash
    shift 3
    for hash; do requirement+=" --hash=sha256:$hash"; done
    echo "$requirement" >"$work/requirement"
    need python3-pip python3 -m pip --version
    TMPDIR=$work python3 -m pip install --quiet --no-deps --no-compile --require-hashes --timeout=10 --retries=1 \
        --only-binary=:all: --platform="${platform}_$(uname -m)" \
        --target="$work/wheel" --requirement="$work/requirement" ||
        fail "pip: $(telling ERROR)"
}

# ---- Archives --------------------------------------------------------------

# root keeps what an archive says; an ordinary user owns all, and can neither
# make device nodes nor set attributes that belong to the system.
as_root=(--numeric-owner --xattrs --xattrs-include='*')

# pack DIRECTORY LIST FILE: put the files of LIST into the tar archive FILE.
pack() {
    tar --create --file="$3" --force-local --directory="$1" "${as_root[@]}" --no-recursion --files-from="$2"
}

# unpack FILE: fill $root from a tar archive, plain or compressed.
#
# tar itself keeps the members inside $root: it drops a leading /, refuses
# `..`, and makes links that lead out only after everything else.  It does
# not miss a tail that was cut off between two members, though; hence the
# look at the last block, which --block-number makes it report.
unpack() {
    local options=("${as_root[@]}")
    decompressor "$1"
    if ! is_root; then
        devices "$1" >"$work/devices" 2>"$work/errors" || fail "not unpacked: $(tar_error)"
        options=(--no-same-owner --anchored --no-wildcards --exclude-from="$work/devices")
    fi
    tar --extract --file="$1" --force-local --directory="$root" --same-permissions --block-number \
        --warning=no-timestamp --warning=no-unknown-keyword "${options[@]}" >"$work/blocks" 2>"$work/errors" ||
        fail "not unpacked: $(tar_error)"
    tail -n 1 "$work/blocks" | grep -q 'Block of NULs' || fail "not unpacked: the end of the archive is missing"
}

# The first thing that tar complains of.  That it drops a leading / is none.
tar_error() { grep -m 1 -v -e '^$' -e '^tar: Removing leading' "$work/errors"; }

# tar finds out by itself how an archive is compressed, but not every machine
# has the program for it.
decompressor() {
    case $(od -A n -t x1 -N 4 -- "$1") in
    ' 28 b5 2f fd') need zstd zstd --version ;;
    ' fd 37 7a 58') need xz-utils xz --version ;;
    esac
}

# List the device nodes in an archive: the type comes first in a line of
# tar's, and the name follows after five fields.
devices() {
    tar --list --verbose --numeric-owner --quoting-style=literal --file="$1" --force-local |
        sed -nE 's/^[bc]([^ ]+ +){5}//p'
}

# A docker save file holds layers to be stacked, not one root filesystem.
from_tar() {
    [ -e "$1" ] || fail "there is no such file"
    [ -f "$1" ] || fail "it is no regular file"
    unpack "$(realpath -- "$1")"
    if [ -e "$root/manifest.json" ] || [ -e "$root/index.json" ]; then
        has etc || has bin || fail "this is what docker save writes: use docker export instead"
    fi
}

# Add the directories at the top that a container needs.  What is there stays
# as it is, links above all: one that leads out of $root must not be followed.
complete() {
    has bin || has sbin || has usr || has etc || fail "it holds no root filesystem: none of bin, sbin, usr and etc"
    is_root || chmod u+rwx "$root"
    local directory
    for directory in dev etc proc run sys; do
        has "$directory" || mkdir "$root/$directory"
    done
    has root || mkdir -m 700 "$root/root"
    has tmp || mkdir -m 1777 "$root/tmp"
}

# ---- Engines ---------------------------------------------------------------

from_docker() { from_engine docker "$1"; }
from_podman() { from_engine podman "$1"; }

# Export a container that never runs.  Its name is chosen here, so that it can
# be removed even when the engine was stopped before it told of it.  A timeout
# in the foreground leaves Ctrl-C to the engine.
from_engine() {
    engine=$1 container=image${work##*/}
    command -v "$engine" >/dev/null || fail "not installed"
    timeout --foreground --kill-after=1 5 "$engine" version || fail "no daemon answers"
    trap remove_container EXIT
    timeout --foreground --kill-after=5 60 "$engine" create --name "$container" "$2" /bin/sh ||
        fail "$(grep -i -m 1 error "$log" || echo "no image within a minute; try $engine pull $2 first")"
    "$engine" export --output "$work/engine.tar" "$container"
    unpack "$work/engine.tar"
}

remove_container() { timeout --foreground --kill-after=5 30 "$engine" rm --force "$container" >/dev/null 2>&1 || true; }
