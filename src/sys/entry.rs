//! The entry of the program, and the functions that the compiler needs and that std or libc usually provide.
//!
//! This file belongs to the binary (src/main.rs) and not to the library, because the tests of the library use std, which defines
//! the same names.

#![allow(unsafe_code)]

use core::panic::PanicInfo;

use container::sys::{self, Process};

container::start!(entry);

/// Runs [`container::main`] and exits with its status. `_start` calls it.
///
/// # Safety
///
/// `stack` is the stack pointer that the kernel gave the process.
unsafe extern "C" fn entry(stack: *const usize) -> ! {
    // SAFETY: the caller promises the initial stack, and nothing has changed it yet.
    let process = unsafe { Process::from_initial_stack(stack) };
    sys::exit_group(container::main(&process))
}

/// A panic is a bug in this program. The handler prints that, and calls nothing that can panic.
#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    let written =
        sys::write(sys::STDERR, b"container: panic: this is a bug in container, please report it\n");
    let _ = written; // There is no other place for a message.
    sys::exit_group(125)
}

/// The unwind tables of core name it in a debug build. It is never called, because a panic ends the process.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

// The compiler calls the following functions by name. Each is a simple loop. Without `no_builtins` in main.rs the compiler would
// recognize the loop, and replace it with a call to the function itself.

/// `memcpy(to, from, len)`: copies a word at a time.
///
/// # Safety
///
/// `from` points to `len` readable bytes and `to` to `len` writable bytes, which do not overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    let words = len - len % size_of::<usize>();
    for i in (0..words).step_by(size_of::<usize>()) {
        // SAFETY: the word at i ends at or before `len`, and the caller promises `len` readable bytes.
        let word = unsafe { from.wrapping_add(i).cast::<usize>().read_unaligned() };
        // SAFETY: the word at i ends at or before `len`, and the caller promises `len` writable bytes.
        unsafe { to.wrapping_add(i).cast::<usize>().write_unaligned(word) };
    }
    for i in words..len {
        // SAFETY: i is less than `len`, and the caller promises `len` readable bytes.
        let byte = unsafe { from.wrapping_add(i).read() };
        // SAFETY: i is less than `len`, and the caller promises `len` writable bytes.
        unsafe { to.wrapping_add(i).write(byte) };
    }
    to
}

/// `memmove(to, from, len)`: copies a block that may overlap its destination.
///
/// # Safety
///
/// `from` points to `len` readable bytes and `to` to `len` writable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    if to.addr() <= from.addr() {
        // SAFETY: the bytes are the caller's promise. memcpy copies upwards and reads each word before it writes at or above it, so
        // an overlap with a destination below the source does no harm.
        return unsafe { memcpy(to, from, len) };
    }
    for i in (0..len).rev() {
        // SAFETY: i is less than `len`, and the caller promises `len` readable bytes.
        let byte = unsafe { from.wrapping_add(i).read() };
        // SAFETY: i is less than `len`, and the caller promises `len` writable bytes.
        unsafe { to.wrapping_add(i).write(byte) };
    }
    to
}

/// `memset(to, byte, len)`: fills a word at a time.
///
/// # Safety
///
/// `to` points to `len` writable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8 {
    // A word that has the byte in each place. To make it from an array, the compiler would call this function.
    let word = usize::from(byte as u8) * (usize::MAX / 255);
    let words = len - len % size_of::<usize>();
    for i in (0..words).step_by(size_of::<usize>()) {
        // SAFETY: the word at i ends at or before `len`, and the caller promises `len` writable bytes.
        unsafe { to.wrapping_add(i).cast::<usize>().write_unaligned(word) };
    }
    for i in words..len {
        // SAFETY: i is less than `len`, and the caller promises `len` writable bytes.
        unsafe { to.wrapping_add(i).write(byte as u8) };
    }
    to
}

/// `memcmp(a, b, len)`: compares two blocks; the result is negative, 0 or positive.
///
/// # Safety
///
/// Both point to `len` readable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    for i in 0..len {
        // SAFETY: i is less than `len`, and the caller promises `len` readable bytes.
        let left = unsafe { a.wrapping_add(i).read() };
        // SAFETY: i is less than `len`, and the caller promises `len` readable bytes.
        let right = unsafe { b.wrapping_add(i).read() };
        if left != right {
            return i32::from(left) - i32::from(right);
        }
    }
    0
}

/// `bcmp(a, b, len)`: the result is 0 if the two blocks are equal.
///
/// # Safety
///
/// Both point to `len` readable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    // SAFETY: the caller's promise is the same.
    unsafe { memcmp(a, b, len) }
}

/// `strlen(string)`: the number of bytes before the NUL.
///
/// # Safety
///
/// `string` points to readable bytes up to a NUL.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(string: *const u8) -> usize {
    let mut len = 0;
    // SAFETY: no byte before this one is a NUL, so the caller promises that this byte is part of the string.
    while unsafe { string.wrapping_add(len).read() } != 0 {
        len += 1;
    }
    len
}
