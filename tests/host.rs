//! The tests' own host: it notices what a test leaves, and nothing that other programs do.

mod common;

use common::{Host, TmpContainer, mountinfo, shell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Barrier;
use std::thread;

#[test]
fn a_mount_or_unmount_by_a_test_is_noticed() {
    let outer = Host::new("outer");
    let is_noticed = |change: &str| {
        let test = || {
            let host = Host::new("inner");
            shell(&format!("{change} '{}'", outer.dir.display()));
            host.assert_same_mounts();
        };
        catch_unwind(AssertUnwindSafe(test)).is_err()
    };
    assert!(!is_noticed("test -d"));
    assert!(is_noticed("mount -t tmpfs none"));
    assert!(is_noticed("umount"));
}

#[test]
fn mounts_by_other_programs_do_not_matter() {
    // This thread's mount namespace is the machine of the other thread.
    let machine = Host::new("machine");
    let place = machine.dir.join("old");
    shell(&format!("cd '{}'; mkdir old new; mount -t tmpfs none old", machine.dir.display()));
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            let host = Host::new("test");
            assert!(mountinfo().contains(place.to_str().unwrap()));
            barrier.wait();
            barrier.wait();
            assert!(!mountinfo().contains(place.to_str().unwrap()), "the kernel unmounts it here too");
            host.assert_same_mounts();
        });
        barrier.wait();
        shell(&format!("cd '{}'; umount old; rmdir old; mount -t tmpfs none new", machine.dir.display()));
        barrier.wait();
    });
    shell(&format!("umount '{}/new'", machine.dir.display()));
}

#[test]
fn the_directory_for_a_tmpfs_exists_until_the_last_test_is_done_with_it() {
    let (first, second) = (TmpContainer::new(), TmpContainer::new());
    drop(first);
    assert!(Path::new(TmpContainer::PATH).is_dir());
    let third = TmpContainer::new();
    drop(second);
    assert!(Path::new(TmpContainer::PATH).is_dir());
    drop(third);
}
