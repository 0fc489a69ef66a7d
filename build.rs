//! Arguments for the linker: the program has its own `_start`, and a release build has its own layout (link.ld).
//!
//! They are here, for binaries only, because in rustflags they would break the build scripts of the dependencies.

fn main() {
    println!("cargo::rustc-link-arg-bins=-nostartfiles");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        let top = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!(
            "cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr,--build-id=none,-z,norelro,-z,max-page-size=4096,-T,{top}/link.ld"
        );
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=link.ld");
}
