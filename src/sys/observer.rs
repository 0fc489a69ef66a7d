//! An observer that sees each system call before and after it is made.

use super::atomic_ref::AtomicRef;
use super::description::Call;
use super::errno::Errno;

/// Two functions that see each system call. Each returns whether to continue observing.
///
/// The observer does not see the calls that it makes itself.
pub struct Observer {
    /// Sees the call before it is made.
    pub before: fn(&Call) -> bool,
    /// Sees the call and its result. A call that does not return, such as a successful execve(2), never gets here.
    pub after: fn(&Call, Result<usize, Errno>) -> bool,
}

/// The observer. Without one, a call costs two loads and two branches more.
static OBSERVER: AtomicRef<Observer> = AtomicRef::none();

/// Starts to observe, or stops with `None`.
pub fn observe(observer: Option<&'static Observer>) {
    OBSERVER.set(observer);
}

/// Shows the observer a call that is about to be made.
pub(super) fn before(call: &Call) {
    notify(|observer| (observer.before)(call));
}

/// Shows the observer the result of a call.
pub(super) fn after(call: &Call, result: Result<usize, Errno>) {
    notify(|observer| (observer.after)(call, result));
}

/// Runs a function of the observer, if there is one. Meanwhile there is none.
fn notify(function: impl FnOnce(&Observer) -> bool) {
    if let Some(observer) = OBSERVER.get() {
        OBSERVER.set(None);
        if function(observer) {
            OBSERVER.set(Some(observer));
        }
    }
}
