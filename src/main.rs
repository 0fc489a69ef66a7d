//! The binary: the freestanding entry (src/sys/entry.rs) around [`container::main`].

#![no_std]
#![no_main]
// The memory routines are loops that the compiler would else turn into calls to themselves.
#![no_builtins]

#[path = "sys/entry.rs"]
mod entry;
