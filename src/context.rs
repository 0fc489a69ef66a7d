//! The context of the child's steps: what they are given, and what one hands on to another.

use core::ffi::CStr;

use crate::paths::Paths;
use crate::spec::Spec;
use crate::sys::{Arena, BorrowedFd, CStrPtr, SigSet};

/// What the child's steps work with.
///
/// No descriptor here is ever closed by a step: execve(2) closes them all, or the end of the process.
pub struct Context<'a> {
    /// What the container is.
    pub spec: &'a Spec<'a>,
    /// The paths on the host.
    pub paths: &'a Paths<'a>,
    /// Memory for strings and lists.
    pub arena: &'a Arena,
    /// The child's end of the channel to the supervisor, if there is one.
    pub channel: Option<BorrowedFd<'a>>,
    /// Whether the command gets a terminal that belongs to the container.
    pub has_terminal: bool,
    /// Whether stdin, stdout or stderr of the command is the caller's terminal.
    pub shares_terminal: bool,
    /// The signals that the caller ignored.
    pub ignored: SigSet,
    /// The command line of this process, which PID 1 erases.
    pub caller_args: &'static [Option<CStrPtr<'static>>],
    /// The environment of this process, which PID 1 erases too.
    pub caller_env: &'static [Option<CStrPtr<'static>>],
    /// Set by `volume`: a detached mount for each volume, in the order of the spec.
    pub volumes: &'a [BorrowedFd<'static>],
    /// Set by `etc`: whether the overlay has the layer with the files of /etc.
    pub has_etc_layer: bool,
    /// Set by `dev`: a detached mount for each device of the host.
    pub devices: &'a [BorrowedFd<'static>],
    /// Set by `tty`: the slave of the command's terminal, if it gets one.
    pub pty_slave: Option<BorrowedFd<'static>>,
    /// Set by `user`: the user that the command will run as. None: as the caller, with `--bare`.
    pub identity: Option<Identity<'a>>,
}

impl<'a> Context<'a> {
    /// A context for a child without a terminal, before its first step.
    pub const fn new(spec: &'a Spec<'a>, paths: &'a Paths<'a>, arena: &'a Arena) -> Self {
        Self {
            spec,
            paths,
            arena,
            channel: None,
            has_terminal: false,
            shares_terminal: false,
            ignored: SigSet::NONE,
            caller_args: &[],
            caller_env: &[],
            volumes: &[],
            has_etc_layer: false,
            devices: &[],
            pty_slave: None,
            identity: None,
        }
    }
}

/// A user in numbers, as setuid(2) and its relatives take them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The user ID.
    pub uid: u32,
    /// The primary group ID.
    pub gid: u32,
    /// The supplementary group IDs. The primary one is the first of them.
    pub groups: &'a [u32],
    /// The user's home directory.
    pub home: &'a CStr,
}
