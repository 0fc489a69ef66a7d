//! An arena: memory for strings and lists whose length is known only at run time.
//!
//! The program has no allocator. The front end and the steps take what they need from one arena, give nothing back one
//! by one, and the whole arena goes back to the kernel when the command runs.

use core::cell::Cell;
use core::ffi::CStr;
use core::ptr::{self, NonNull};
use core::slice;

use super::errno::Errno;
use super::memory::{mmap, munmap};

/// The size of an arena in bytes. The kernel gives a page of it when the page is touched for the first time.
const SIZE: usize = 16 * 1024 * 1024;

/// The error of a full arena.
const NO_MEMORY: Errno = Errno::new(libc::ENOMEM);

/// Memory that is handed out from front to back. It is mapped when something is taken from it for the first time.
///
/// No byte is handed out twice, so each is zero until its one owner writes to it.
pub struct Arena {
    base: Cell<Option<NonNull<u8>>>,
    used: Cell<usize>,
}

impl Arena {
    /// An arena with nothing in it, and no memory yet.
    pub const fn new() -> Self {
        Self { base: Cell::new(None), used: Cell::new(0) }
    }

    /// A string that joins `parts`, which have no NUL in them.
    ///
    /// ENOMEM: the arena is full, or the kernel has no memory for it.
    pub fn string(&self, parts: &[&[u8]]) -> Result<&CStr, Errno> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let bytes = self.bytes(len + 1)?;
        let mut rest = &mut *bytes;
        for part in parts {
            let (place, after) = rest.split_at_mut_checked(part.len()).ok_or(NO_MEMORY)?;
            place.copy_from_slice(part);
            rest = after;
        }
        // The last byte is still zero.
        CStr::from_bytes_until_nul(bytes).map_err(|_| NO_MEMORY)
    }

    /// `len` bytes, all zero.
    ///
    /// ENOMEM: as [`Arena::string`].
    #[expect(clippy::mut_from_ref, reason = "each call returns other bytes")]
    pub fn bytes(&self, len: usize) -> Result<&mut [u8], Errno> {
        let address = self.take(len, 1)?;
        // SAFETY: `take` returned `len` readable and writable bytes of the arena, which it hands out only once. They are
        // zero, as the kernel made them, and stay mapped for as long as the arena is borrowed.
        Ok(unsafe { slice::from_raw_parts_mut(address.as_ptr(), len) })
    }

    /// Lends all free memory to `fill`, and hands out as many bytes from its beginning as `fill` returns.
    ///
    /// `fill` must leave the other bytes zero. ENOMEM: as [`Arena::string`]. After an error of `fill` the arena is full.
    pub fn fill(&self, fill: impl FnOnce(&mut [u8]) -> Result<usize, Errno>) -> Result<&mut [u8], Errno> {
        let start = self.used.get();
        let free = self.bytes(SIZE - start)?;
        let len = fill(free)?;
        let filled = free.get_mut(..len).ok_or(NO_MEMORY)?;
        // The bytes after these have no owner any more: `free` is not used again.
        self.used.set(start + len);
        Ok(filled)
    }

    /// `len` copies of `value`.
    ///
    /// ENOMEM: as [`Arena::string`].
    #[expect(clippy::mut_from_ref, reason = "each call returns other memory")]
    pub fn slice<T: Copy>(&self, len: usize, value: T) -> Result<&mut [T], Errno> {
        let size = len.checked_mul(size_of::<T>()).ok_or(NO_MEMORY)?;
        let address = self.take(size, align_of::<T>())?.cast::<T>();
        for index in 0..len {
            // SAFETY: `take` returned room for `len` aligned values, and `index` is less than `len`.
            unsafe { address.as_ptr().wrapping_add(index).write(value) };
        }
        // SAFETY: the loop above has written each of the `len` values. `take` hands memory out only once, and it stays
        // mapped for as long as the arena is borrowed. A `Copy` value needs no drop.
        Ok(unsafe { slice::from_raw_parts_mut(address.as_ptr(), len) })
    }

    /// Returns the memory to the kernel, as a drop does.
    ///
    /// # Safety
    ///
    /// No value that borrows from the arena is used afterwards, and the arena itself is not either.
    pub(super) unsafe fn unmap(&self) {
        if let Some(base) = self.base.take() {
            // SAFETY: `map` mapped SIZE bytes there for this arena alone. The caller promises that nothing uses them any more.
            unsafe { munmap(base.addr().get(), SIZE) }
        }
    }

    /// Hands out the next `len` bytes whose address is a multiple of `align`.
    fn take(&self, len: usize, align: usize) -> Result<NonNull<u8>, Errno> {
        let base = match self.base.get() {
            Some(base) => base,
            None => self.map()?,
        };
        let start = self.used.get().next_multiple_of(align);
        let end = start.checked_add(len).filter(|end| *end <= SIZE).ok_or(NO_MEMORY)?;
        self.used.set(end);
        NonNull::new(base.as_ptr().wrapping_add(start)).ok_or(NO_MEMORY)
    }

    /// Maps the memory. The kernel reserves no swap space for it, because most of it is never touched.
    fn map(&self) -> Result<NonNull<u8>, Errno> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let address = mmap(SIZE, libc::PROT_READ | libc::PROT_WRITE, flags)?;
        // The kernel maps nothing at address 0 if the caller does not ask for that address.
        let base = NonNull::new(ptr::with_exposed_provenance_mut(address)).ok_or(NO_MEMORY)?;
        self.base.set(Some(base));
        Ok(base)
    }
}

impl Default for Arena {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the memory to the kernel.
impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: all that borrowed from the arena has ended, or it could not be dropped.
        unsafe { self.unmap() }
    }
}

/// A list in an arena that grows as values are pushed.
pub struct List<'a, T> {
    slots: &'a mut [T],
    len: usize,
}

impl<'a, T: Copy> List<'a, T> {
    /// The empty list.
    pub const fn new() -> Self {
        Self { slots: &mut [], len: 0 }
    }

    /// Adds a value at the end. A full list moves to a place twice as large.
    ///
    /// ENOMEM: as [`Arena::string`].
    pub fn push(&mut self, arena: &'a Arena, value: T) -> Result<(), Errno> {
        if self.len == self.slots.len() {
            let larger = arena.slice((2 * self.len).max(4), value)?;
            for (to, from) in larger.iter_mut().zip(&*self.slots) {
                *to = *from;
            }
            self.slots = larger;
        }
        if let Some(slot) = self.slots.get_mut(self.len) {
            *slot = value;
            self.len += 1;
        }
        Ok(())
    }

    /// The values so far, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        self.slots.get_mut(..self.len).unwrap_or_default()
    }

    /// The finished list.
    pub fn into_slice(self) -> &'a [T] {
        self.slots.get(..self.len).unwrap_or_default()
    }
}

impl<T: Copy> Default for List<'_, T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_slices_do_not_overlap_and_are_aligned() {
        let arena = Arena::new();
        let first = arena.string(&[b"/tmp", b"/", b"c1"]).unwrap();
        let numbers = arena.slice(3, 7u64).unwrap();
        let second = arena.string(&[]).unwrap();
        numbers[0] = u64::MAX;
        assert_eq!((first, second, &*numbers), (c"/tmp/c1", c"", &[u64::MAX, 7, 7][..]));
        assert_eq!(numbers.as_ptr().addr() % align_of::<u64>(), 0);
    }

    #[test]
    fn a_list_keeps_its_values_while_it_grows() {
        let arena = Arena::new();
        let mut list = List::new();
        for number in 0..1000 {
            assert_eq!(list.push(&arena, number), Ok(()));
        }
        assert!(list.into_slice().iter().copied().eq(0..1000));
    }

    #[test]
    fn what_is_not_filled_is_still_free() {
        let arena = Arena::new();
        let first = arena.string(&[b"a"]).unwrap();
        let filled = arena
            .fill(|free| {
                assert_eq!(arena.bytes(1).map(drop), Err(NO_MEMORY), "nothing else can be taken now");
                free[..2].copy_from_slice(b"bc");
                Ok(2)
            })
            .unwrap();
        let second = arena.string(&[b"d"]).unwrap();
        assert_eq!((first, &*filled, second), (c"a", &b"bc"[..], c"d"));
        assert_eq!(arena.fill(|free| Ok(free.len() + 1)).map(drop), Err(NO_MEMORY));
    }

    #[test]
    fn a_full_arena_is_an_error() {
        let arena = Arena::new();
        assert!(arena.bytes(SIZE - 8).is_ok());
        assert_eq!(arena.bytes(9).map(drop), Err(NO_MEMORY));
        assert!(arena.bytes(8).is_ok());
        assert_eq!(arena.slice(usize::MAX, 1u64).map(drop), Err(NO_MEMORY));
        assert_eq!(arena.string(&[b"a"]).map(drop), Err(NO_MEMORY));
    }
}
