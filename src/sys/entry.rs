//! The freestanding entry: what std and libc would otherwise bring. It is part of the binary alone (src/main.rs), since
//! tests of the library have a std of their own that defines the same names.

#![allow(unsafe_code)]

use core::panic::PanicInfo;

use container::sys::{self, Process};

container::start!(entry);

/// Where `_start` leads: from the initial stack to [`container::main`], and out again with its status.
///
/// # Safety
///
/// `stack` is the stack pointer that the kernel gave the process.
unsafe extern "C" fn entry(stack: *const usize) -> ! {
    // SAFETY: `_start` passes the initial stack.
    let process = unsafe { Process::from_initial_stack(stack) };
    sys::exit_group(container::main(&process))
}

/// A panic is a bug in this program. The handler says so, and calls nothing that could panic in its turn.
#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    let written =
        sys::write(sys::STDERR, b"container: panic: this is a bug in container, please report it\n");
    let _ = written; // There is nowhere left to complain to.
    sys::exit_group(125)
}

/// Named by core's unwind tables in a debug build; never called, since panics abort.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

// The compiler calls these by name. Each is the obvious loop; `no_builtins` in main.rs keeps the compiler from seeing the
// obvious in them and replacing the loop by a call to the function itself.

/// `memcpy(to, from, len)`, a word at a time.
///
/// # Safety
///
/// Both point to `len` bytes, which do not overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    let words = len - len % size_of::<usize>();
    for i in (0..words).step_by(size_of::<usize>()) {
        // SAFETY: the word at i ends before `len`, for which the caller vouches.
        let word = unsafe { from.wrapping_add(i).cast::<usize>().read_unaligned() };
        // SAFETY: as above.
        unsafe { to.wrapping_add(i).cast::<usize>().write_unaligned(word) };
    }
    for i in words..len {
        // SAFETY: i is less than len, and the caller vouches for len bytes.
        let byte = unsafe { from.wrapping_add(i).read() };
        // SAFETY: as above.
        unsafe { to.wrapping_add(i).write(byte) };
    }
    to
}

/// `memmove(to, from, len)`: as memcpy, and the two may overlap.
///
/// # Safety
///
/// Both point to `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    if to.addr() <= from.addr() {
        // SAFETY: it copies upwards, and reads each word before it writes that far, so here an overlap does no harm.
        return unsafe { memcpy(to, from, len) };
    }
    for i in (0..len).rev() {
        // SAFETY: i is less than len; downwards, for the same reason.
        let byte = unsafe { from.wrapping_add(i).read() };
        // SAFETY: as above.
        unsafe { to.wrapping_add(i).write(byte) };
    }
    to
}

/// `memset(to, byte, len)`, a word at a time.
///
/// # Safety
///
/// `to` points to `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8 {
    // The byte in each place of a word; an array of it would be filled by this very function.
    let word = usize::from(byte as u8) * (usize::MAX / 255);
    let words = len - len % size_of::<usize>();
    for i in (0..words).step_by(size_of::<usize>()) {
        // SAFETY: the word at i ends before `len`, for which the caller vouches.
        unsafe { to.wrapping_add(i).cast::<usize>().write_unaligned(word) };
    }
    for i in words..len {
        // SAFETY: i is less than len, and the caller vouches for len bytes.
        unsafe { to.wrapping_add(i).write(byte as u8) };
    }
    to
}

/// `memcmp(a, b, len)`.
///
/// # Safety
///
/// Both point to `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    for i in 0..len {
        // SAFETY: i is less than len, and the caller vouches for len bytes.
        let left = unsafe { a.wrapping_add(i).read() };
        // SAFETY: as above.
        let right = unsafe { b.wrapping_add(i).read() };
        if left != right {
            return i32::from(left) - i32::from(right);
        }
    }
    0
}

/// `bcmp(a, b, len)`: memcmp, of which only zero or not counts.
///
/// # Safety
///
/// Both point to `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    // SAFETY: the caller's promise is the same.
    unsafe { memcmp(a, b, len) }
}

/// `strlen(string)`.
///
/// # Safety
///
/// `string` ends in a NUL.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(string: *const u8) -> usize {
    let mut len = 0;
    // SAFETY: no NUL was read yet, so this byte is part of the string.
    while unsafe { string.wrapping_add(len).read() } != 0 {
        len += 1;
    }
    len
}
