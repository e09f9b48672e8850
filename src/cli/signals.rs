//! The first signal asks the run to stop where it safely can; the second ends the program at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// What signals have come.
#[derive(Debug, Clone)]
pub(super) struct Signals {
    interrupt: Arc<AtomicBool>,
    code: Arc<AtomicUsize>,
}

impl Signals {
    /// Begins to catch signals.
    ///
    /// # Errors
    /// Where the system does not let us.
    pub(super) fn catch() -> io::Result<Self> {
        let signals = Self {
            interrupt: Arc::default(),
            code: Arc::default(),
        };
        for (signal, code) in [(SIGINT, 130), (SIGTERM, 143)] {
            // In this order: the flag is not yet set when the first signal asks whether to end the program.
            flag::register_conditional_shutdown(signal, code, Arc::clone(&signals.interrupt))?;
            let exit = usize::try_from(code).unwrap_or_default();
            flag::register_usize(signal, Arc::clone(&signals.code), exit)?;
            flag::register(signal, Arc::clone(&signals.interrupt))?;
        }
        Ok(signals)
    }

    /// Returns the flag that the first signal sets.
    pub(super) fn interrupt(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupt)
    }

    /// Returns the exit code of the signal that has come, if one has.
    pub(super) fn code(&self) -> Option<u8> {
        let code = self.code.load(Ordering::Relaxed);
        u8::try_from(code).ok().filter(|code| *code > 0)
    }
}
