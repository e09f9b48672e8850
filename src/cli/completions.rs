//! `strandline completions`: what shells need to know.

use std::io;
use std::io::Write;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use super::args::Cli;
use super::exit::Ending;
use super::talk::{STDOUT, unless_closed};

/// Writes completions for a shell to stdout.
pub(super) fn completions(shell: Shell) -> anyhow::Result<Ending> {
    // Generating panics where writing fails, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "strandline", &mut script);
    unless_closed(io::stdout().lock().write_all(&script)).context(STDOUT)?;
    Ok(Ending::Done)
}
