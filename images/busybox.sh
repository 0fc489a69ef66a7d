# shellcheck shell=bash
# A root filesystem of one static program, small and made in a second.  Where
# Debian's busybox-static is installed it needs no network; elsewhere the
# package is fetched but not installed, which an ordinary user may do too.

# shellcheck disable=SC2034,SC2154  # images/build reads $sources and sets $root, $work and $log.
sources=("installed /bin/busybox" busybox-static "docker busybox" "podman busybox")

from_installed() {
    [ -x "$1" ] || fail "there is none"
    [[ $(ldd "$1" 2>&1) =~ (not a .*dynamic|statically linked) ]] || fail "it is not static"
    lay_out "$1"
}

from_busybox-static() {
    command -v apt-get >/dev/null || fail "this is no Debian: it has no apt-get"
    cd "$work" || exit
    with_lists "${apt_get[@]}" download busybox-static || fail "apt-get: $(telling ^E:)"
    dpkg-deb --extract busybox-static_*.deb package
    lay_out "$(find package -type f -path '*/bin/busybox')"
}

# Make a root filesystem of the program $1.  Every applet is a link in /bin;
# env has one more where the first lines of scripts look for it.
lay_out() {
    mkdir -p "$root"/{bin,etc,home,usr/bin}
    install -m 755 "$1" "$root/bin/busybox"
    local applet
    for applet in $("$root/bin/busybox" --list); do
        [ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"
    done
    ln -s ../../bin/busybox "$root/usr/bin/env"
    accounts
}

# The few names that programs look up.
accounts() {
    printf '%s\n' root:x:0:0:root:/root:/bin/sh nobody:x:65534:65534:nobody:/:/bin/false >"$root/etc/passwd"
    printf '%s\n' root:x:0: nobody:x:65534: >"$root/etc/group"
    printf '%s\n' '127.0.0.1 localhost' '::1 localhost' >"$root/etc/hosts"
}
