//! Panics of other people's code, which become errors.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    thread,
};

thread_local! {
    /// Whether a panic of this thread becomes an error.
    static BECOMES_ERROR: Cell<bool> = const { Cell::new(false) };
}

/// Does work whose panic becomes an error.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> thread::Result<T> {
    let outer = BECOMES_ERROR.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    BECOMES_ERROR.set(outer);
    done
}

/// Keeps panics that become errors off the standard error output: for programs, at their beginning.
///
/// Decoders of damaged recordings and drivers of GPUs panic at times. The library makes errors of that, but Rust has printed the
/// message of the panic by then, as if the program had failed. After this call such messages are events of `tracing` at the level
/// `debug`; those of all other panics go to the hook that was there before.
///
/// ```
/// indic_seamless::hide_caught_panics();
/// ```
///
/// # Panics
///
/// If the calling thread panics already, as [`std::panic::set_hook`].
pub fn hide_caught_panics() {
    let print = take_hook();
    set_hook(Box::new(move |panic| match BECOMES_ERROR.get() {
        true => tracing::debug!("{panic}"),
        false => print(panic),
    }));
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn only_panics_that_become_errors_are_hidden() {
        static PRINTED: AtomicUsize = AtomicUsize::new(0);
        let print = take_hook();
        set_hook(Box::new(move |panic| {
            // Those of other tests are none of this one's.
            match panic.payload_as_str() {
                Some("planted") => drop(PRINTED.fetch_add(1, Ordering::Relaxed)),
                _ => print(panic),
            }
        }));
        hide_caught_panics();
        let planted = || panic!("planted");
        assert!(caught(planted).is_err());
        assert!(caught(|| caught(planted).is_err()).expect("no panic"));
        assert_eq!(PRINTED.load(Ordering::Relaxed), 0);
        assert!(catch_unwind(planted).is_err());
        assert_eq!(PRINTED.load(Ordering::Relaxed), 1);
    }
}
