//! The draft of a Spec: what the options of a command line have said so far.

use core::ffi::CStr;

use crate::spec::{Limit, Mount, Options, Variable};
use crate::sys::{Arena, CStrPtr, Errno, List};
use crate::text::tail;

/// What the options set. A list grows with each option; its order is the command line's.
pub struct Draft<'a> {
    /// Memory for the values.
    pub arena: &'a Arena,
    /// The caller's environment.
    pub caller_env: &'a [Option<CStrPtr<'a>>],
    /// The variables of `--env`, whose values are known.
    pub variables: List<'a, Variable<'a>>,
    /// The paths of `--env-file`.
    pub env_files: List<'a, &'a CStr>,
    /// The volumes and tmpfs mounts.
    pub mounts: List<'a, Mount<'a>>,
    /// The limits, at most one for each resource.
    pub limits: List<'a, Limit>,
    /// The names of the steps to skip.
    pub skipped: List<'a, &'static str>,
    /// All that is not a list.
    pub options: Options<'a>,
    /// What is printed in place of a run.
    pub print: Option<Print>,
}

/// What an option prints in place of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Print {
    /// `--help`
    Help,
    /// `--steps`
    Steps,
    /// `--version`
    Version,
}

impl<'a> Draft<'a> {
    /// A command line without options.
    pub const fn new(arena: &'a Arena, caller_env: &'a [Option<CStrPtr<'a>>]) -> Self {
        Self {
            arena,
            caller_env,
            variables: List::new(),
            env_files: List::new(),
            mounts: List::new(),
            limits: List::new(),
            skipped: List::new(),
            options: Options::DEFAULT,
            print: None,
        }
    }

    /// The whole `NAME=VALUE` of a variable of the caller.
    pub fn caller_variable(&self, name: &[u8]) -> Option<Variable<'a>> {
        let entries = self.caller_env.iter().flatten().map(|entry| entry.to_cstr());
        entries.filter_map(Variable::new).find(|variable| variable.name() == name)
    }

    /// The value of a variable of the caller. An empty one counts as unset.
    pub fn caller_value(&self, name: &[u8]) -> Option<&'a CStr> {
        let variable = self.caller_variable(name)?;
        Some(tail(variable.entry(), name.len() + 1)).filter(|value| !value.is_empty())
    }

    /// Adds `NAME=VALUE`; or, for `NAME` alone, the variable of the caller, if there is one. EINVAL: there is no NAME.
    pub fn add_variable(&mut self, value: &'a CStr) -> Result<(), Errno> {
        let bytes = value.to_bytes();
        let variable = match Variable::new(value) {
            None if bytes.is_empty() || bytes.contains(&b'=') => return Err(Errno::EINVAL),
            None => self.caller_variable(bytes),
            variable => variable,
        };
        variable.map_or(Ok(()), |variable| self.variables.push(self.arena, variable))
    }

    /// Adds a limit. It replaces an earlier one of the same resource.
    pub fn add_limit(&mut self, limit: Limit) -> Result<(), Errno> {
        match self.limits.as_mut_slice().iter_mut().find(|known| known.resource == limit.resource) {
            Some(known) => *known = limit,
            None => self.limits.push(self.arena, limit)?,
        }
        Ok(())
    }
}
