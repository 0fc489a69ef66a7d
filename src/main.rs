//! The binary: the freestanding entry (src/sys/entry.rs) around [`container::main`].

#![no_std]
#![no_main]
// Without this, the compiler would turn the loops of the memory routines into calls to the routines themselves.
#![no_builtins]

#[path = "sys/entry.rs"]
mod entry;
