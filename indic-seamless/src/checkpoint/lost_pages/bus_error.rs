//! The handler of `SIGBUS`. It passes what it is not for to the handler that was there before.

#![allow(unsafe_code, reason = "handlers of signals, and what they map, are not possible without it")]

use std::{
    ffi::{c_int, c_void},
    mem, ptr,
    sync::{OnceLock, atomic::Ordering::SeqCst},
};

use super::mapping_of;

/// What was done about the signal before the handler was installed; `None` if that failed.
static BEFORE: OnceLock<Option<Before>> = OnceLock::new();

/// The action before, and the size of a page.
struct Before {
    action: libc::sigaction,
    page: usize,
}

/// Whether there is the handler, which is installed by the first call.
pub(super) fn is_handled() -> bool {
    BEFORE.get_or_init(install).is_some()
}

fn install() -> Option<Before> {
    // SAFETY: all arguments are valid, as `sigaction` is a structure of numbers that may be zeros, and the handler calls only
    // what handlers may call.
    unsafe {
        let page = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)).ok().filter(|page| page.is_power_of_two())?;
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = on_bus_error as *const () as libc::sighandler_t;
        // Threads of Rust have a stack for handlers.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigemptyset(&raw mut action.sa_mask);
        let mut before = mem::zeroed();
        let installed = libc::sigaction(libc::SIGBUS, &raw const action, &raw mut before) == 0;
        installed.then_some(Before { action: before, page })
    }
}

extern "C" fn on_bus_error(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // No mapping is watched before it is set.
    let Some(Some(before)) = BEFORE.get() else { return };
    // SAFETY: with SA_SIGINFO the system passes a valid `info`.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr().addr()) };
    // Neither memory that is broken, nor a signal that somebody sent.
    if code == libc::BUS_ADRERR && replace(address, before.page) {
        return;
    }
    pass_on(&before.action, signal, info, context);
}

/// Puts zeros in the place of the pages from `address` to the end of its mapping. False if that is not watched.
fn replace(address: usize, page: usize) -> bool {
    let Some((mapping, end)) = mapping_of(address) else { return false };
    // First, so that nobody sees zeros without it.
    mapping.has_lost.store(true, SeqCst);
    let start = address & !(page - 1);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    // SAFETY: the pages are of a read-only mapping that is in use, as somebody has touched it. It is read as plain numbers, of
    // which zeros are valid, and its owner will unmap these pages with the others.
    let mapped = unsafe { libc::mmap(ptr::without_provenance_mut(start), end - start, libc::PROT_READ, flags, -1, 0) };
    mapped != libc::MAP_FAILED
}

/// Does what was done about the signal before.
fn pass_on(before: &libc::sigaction, signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: a handler that was installed for this signal has the type that its flags tell.
    unsafe {
        match before.sa_sigaction {
            libc::SIG_DFL | libc::SIG_IGN => {
                // It ends the process as soon as this handler returns.
                let mut default: libc::sigaction = mem::zeroed();
                default.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &raw const default, ptr::null_mut());
                libc::raise(signal);
            }
            handler if before.sa_flags & libc::SA_SIGINFO != 0 => {
                type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
                mem::transmute::<libc::sighandler_t, Handler>(handler)(signal, info, context);
            }
            handler => mem::transmute::<libc::sighandler_t, extern "C" fn(c_int)>(handler)(signal),
        }
    }
}
