//! Tells the linker that the program brings its own `_start`.
//!
//! It is said here, for the binaries alone, since in rustflags it would break the build scripts of the dependencies too.

fn main() {
    println!("cargo::rustc-link-arg-bins=-nostartfiles");
    println!("cargo::rerun-if-changed=build.rs");
}
