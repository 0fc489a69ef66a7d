//! A set of signals.

use core::ffi::c_int;

/// A `sigset_t` of the kernel: bit N-1 is signal N.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigSet(pub u64);

impl SigSet {
    /// No signal.
    pub const NONE: Self = Self(0);

    /// Every signal.
    pub const ALL: Self = Self(u64::MAX);

    /// The set of these signals.
    pub const fn of(mut signals: &[c_int]) -> Self {
        let mut set = 0;
        while let [signal, rest @ ..] = signals {
            set |= 1 << (*signal - 1);
            signals = rest;
        }
        Self(set)
    }

    /// Whether the set contains the signal.
    pub const fn has(self, signal: c_int) -> bool {
        signal > 0 && self.0 >> (signal - 1) & 1 == 1
    }

    /// The signal of the set that has the lowest number.
    pub const fn first(self) -> Option<c_int> {
        if self.0 == 0 { None } else { Some(self.0.trailing_zeros() as c_int + 1) }
    }

    /// The signals that are in one of the sets, or in both.
    pub const fn or(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// The signals that are in both sets.
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// The signals of this set that are not in `others`.
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }
}
