//! Ctrl-C: it ends live input, so that all that was said is still transcribed and written. A second one ends the program, as
//! the first does while a file is transcribed.

use std::{
    io::{self, Read},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread,
    time::Duration,
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// The exit code of a program that Ctrl-C ended, as shells report it.
const INTERRUPTED: i32 = 130;
/// How often Ctrl-C is looked for while the input is silent.
const POLL: Duration = Duration::from_millis(50);
/// Bytes that are read at once: half a second or more.
const CHUNK: usize = 1 << 16;
/// Chunks that may wait to be decoded.
const AHEAD: usize = 8;

/// Whether [`Deferred`] work was asked to end. While there is none, it is true, so that the next signal ends the program.
static ENDED: LazyLock<Arc<AtomicBool>> = LazyLock::new(|| Arc::new(AtomicBool::new(true)));

/// Handles Ctrl-C, and the signal by which a system ends programs.
pub(super) fn handle() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal only sets the flag.
        flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&ENDED))?;
        flag::register(signal, Arc::clone(&ENDED))?;
    }
    Ok(())
}

/// While it lives, the first signal asks for the end of the work, and the second one ends the program.
pub(super) struct Deferred(());

impl Deferred {
    pub(super) fn new() -> Self {
        ENDED.store(false, Ordering::SeqCst);
        Self(())
    }

    /// Whether the work was asked to end.
    #[allow(clippy::unused_self, reason = "there is an answer only while the work is deferred")]
    pub(super) fn is_over(&self) -> bool {
        ENDED.load(Ordering::SeqCst)
    }
}

/// The next signal ends the program again.
impl Drop for Deferred {
    fn drop(&mut self) {
        ENDED.store(true, Ordering::SeqCst);
    }
}

/// Live input: it ends when it is closed, or with Ctrl-C.
pub(super) struct LiveInput {
    deferred: Deferred,
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    /// How much of the chunk was read.
    used: usize,
    /// How many more chunks are taken, once it was asked to end: those that have arrived, of a pipe that never pauses, too.
    left: usize,
}

impl LiveInput {
    /// Reads `input` on a thread of its own, which may wait for it for ever.
    pub(super) fn new(mut input: impl Read + Send + 'static) -> Self {
        let deferred = Deferred::new();
        let (sender, chunks) = sync_channel(AHEAD);
        thread::spawn(move || {
            loop {
                let mut chunk = vec![0; CHUNK];
                let read = input.read(&mut chunk);
                let last = !matches!(&read, Ok(count) if *count > 0);
                if matches!(&read, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
                    continue;
                }
                let chunk = read.map(|count| {
                    chunk.truncate(count);
                    chunk
                });
                if sender.send(chunk).is_err() || last {
                    return;
                }
            }
        });
        Self { deferred, chunks, chunk: Vec::new(), used: 0, left: AHEAD }
    }
}

impl Read for LiveInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.used == self.chunk.len() {
            let ended = self.deferred.is_over();
            match self.chunks.recv_timeout(if ended { Duration::ZERO } else { POLL }) {
                Ok(chunk) if !ended || self.left > 0 => {
                    (self.chunk, self.used) = (chunk?, 0);
                    self.left -= usize::from(ended);
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) if !ended => {}
                Ok(_) | Err(RecvTimeoutError::Timeout) => {
                    eprintln!("interrupted: transcribing what was said; once more to quit");
                    return Ok(0);
                }
            }
        }
        let count = (&self.chunk[self.used..]).read(buffer)?;
        self.used += count;
        Ok(count)
    }
}
