//! Atomics, locks and cells, in one place: a build for model checking (`--cfg loom`) swaps them
//! for ones that try every order of events, and can weaken one named step at a time.

#[cfg(not(loom))]
mod real {
    pub(crate) use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

    pub(crate) use spin::Mutex;

    #[cfg(feature = "alloc")]
    pub(crate) use alloc::sync::Arc as Counted;

    /// Memory that the holder of something else has exclusively.
    pub(crate) struct Cell<T>(core::cell::UnsafeCell<T>);

    impl<T> Cell<T> {
        pub(crate) const fn new(value: T) -> Cell<T> {
            Cell(core::cell::UnsafeCell::new(value))
        }

        /// To be read or written by whoever the memory belongs to now.
        #[inline]
        pub(crate) fn get(&self) -> *mut T {
            self.0.get()
        }

        /// To be read by those that share the memory now.
        #[inline]
        pub(crate) fn read(&self) -> *const T {
            self.0.get()
        }
    }

    /// One turn of a loop that waits for another processor.
    #[inline]
    pub(crate) fn pause() {
        core::hint::spin_loop();
    }

    /// Has the processor fetch a cache line that is about to be written: else reading it first
    /// fetches it, and writing it then asks the other processor again. Any address will do.
    #[inline(always)]
    pub(crate) fn expect_write<T>(at: *const T) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        // SAFETY: a hint, which changes nothing and faults nowhere; processors without it take it
        // for a `nop`.
        unsafe {
            core::arch::asm!("prefetchw [{}]", in(reg) at.addr(), options(nostack, preserves_flags, nomem));
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        let _ = at;
    }

    /// The order that a step needs. Its name is that of the mutation that weakens it.
    #[inline(always)]
    pub(crate) const fn order(_: &str, needed: Ordering) -> Ordering {
        needed
    }

    /// True where the named step is to be left out: never, but while models are checked.
    #[inline(always)]
    pub(crate) const fn left_out(_: &str) -> bool {
        false
    }
}

#[cfg(loom)]
mod modelled {
    extern crate std;

    use std::thread::panicking;

    pub(crate) use loom::sync::{
        Arc as Counted,
        atomic::{AtomicBool, AtomicPtr, Ordering},
    };

    /// An atomic whose end is an access too: everybody else has to be through with it.
    macro_rules! ending_atomic {
        ($name:ident, $word:ty) => {
            pub(crate) struct $name(loom::sync::atomic::$name);

            impl $name {
                pub(crate) fn new(value: $word) -> $name {
                    $name(loom::sync::atomic::$name::new(value))
                }
            }

            impl core::ops::Deref for $name {
                type Target = loom::sync::atomic::$name;

                fn deref(&self) -> &Self::Target {
                    &self.0
                }
            }

            impl Drop for $name {
                fn drop(&mut self) {
                    if !panicking() {
                        self.0.with_mut(|_| ());
                    }
                }
            }
        };
    }

    ending_atomic!(AtomicU64, u64);
    ending_atomic!(AtomicUsize, usize);

    /// A lock as `spin` has it, that fails where it is taken after its end.
    pub(crate) struct Mutex<T> {
        lock: loom::sync::Mutex<T>,
        ended: std::sync::atomic::AtomicBool,
    }

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Mutex<T> {
            Mutex { lock: loom::sync::Mutex::new(value), ended: false.into() }
        }

        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            assert!(!self.ended.load(Ordering::Relaxed), "locked after its end");
            self.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }

    impl<T> Drop for Mutex<T> {
        fn drop(&mut self) {
            self.ended.store(true, Ordering::Relaxed);
        }
    }

    /// Memory that the holder of something else has exclusively: every access is checked, and
    /// the end is one.
    pub(crate) struct Cell<T>(loom::cell::UnsafeCell<T>);

    impl<T> Cell<T> {
        pub(crate) fn new(value: T) -> Cell<T> {
            Cell(loom::cell::UnsafeCell::new(value))
        }

        pub(crate) fn get(&self) -> *mut T {
            self.0.with_mut(|value| value)
        }

        pub(crate) fn read(&self) -> *const T {
            self.0.with(|value| value)
        }
    }

    impl<T> Drop for Cell<T> {
        fn drop(&mut self) {
            if !panicking() {
                self.0.with_mut(|_| ());
            }
        }
    }

    pub(crate) fn pause() {
        loom::thread::yield_now();
    }

    pub(crate) fn expect_write<T>(_: *const T) {}

    /// The mutation that the environment asks for.
    fn mutation() -> &'static str {
        static NAME: std::sync::OnceLock<std::string::String> = std::sync::OnceLock::new();
        NAME.get_or_init(|| std::env::var("AGENT_MUTATION").unwrap_or_default())
    }

    pub(crate) fn order(name: &str, needed: Ordering) -> Ordering {
        if name == mutation() { Ordering::Relaxed } else { needed }
    }

    pub(crate) fn left_out(name: &str) -> bool {
        name == mutation()
    }
}

#[cfg(loom)]
pub(crate) use modelled::*;
#[cfg(not(loom))]
pub(crate) use real::*;
