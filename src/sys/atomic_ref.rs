//! A shared variable that refers to something which lives as long as the program.

use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

/// None, or a `&'static T`.
pub struct AtomicRef<T: Sync + 'static>(AtomicPtr<T>);

impl<T: Sync> AtomicRef<T> {
    /// None at first.
    pub const fn none() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Stores a reference, or none.
    pub fn set(&self, value: Option<&'static T>) {
        self.0.store(value.map_or(ptr::null(), ptr::from_ref).cast_mut(), Ordering::Relaxed);
    }

    /// What was stored last.
    pub fn get(&self) -> Option<&'static T> {
        // SAFETY: `set` stores null, or a shared reference that lives for ever.
        unsafe { self.0.load(Ordering::Relaxed).as_ref() }
    }
}
