//! What goes to people and what goes to programs: results to stdout, talk to stderr.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use serde::Serialize;

use super::args::{Global, When};
use super::exit::Ending;
use super::hint::hint;

/// How much is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// The beginning of long lists.
    Bounded,
    /// All of them.
    Full,
}

/// What failed where a result cannot be written.
pub(super) const STDOUT: &str = "cannot write the result to stdout";

/// Whether anybody reads results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Yes,
    No,
}

/// Where words go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Talk {
    json: bool,
    quiet: bool,
    progress: When,
    /// How much is listed.
    pub(super) detail: Detail,
}

impl Talk {
    /// Takes the choices of the command line.
    pub(super) fn new(global: &Global) -> Self {
        Self {
            json: global.json,
            quiet: global.quiet,
            progress: global.progress,
            detail: if global.verbose {
                Detail::Full
            } else {
                Detail::Bounded
            },
        }
    }

    /// Talks as a command line that could not be understood asks for.
    pub(super) fn unparsed(json: bool) -> Self {
        Self {
            json,
            quiet: false,
            progress: When::Never,
            detail: Detail::Bounded,
        }
    }

    /// Tells whether results are wanted as JSON.
    pub(super) fn is_json(self) -> bool {
        self.json
    }

    /// Tells whether a progress line is wanted.
    pub(super) fn shows_progress(self) -> bool {
        match self.progress {
            When::Always => true,
            When::Never => false,
            When::Auto => !self.quiet && !self.json && io::stderr().is_terminal(),
        }
    }

    /// Writes a result: `value` where JSON is wanted, else what `text` renders.
    ///
    /// # Errors
    /// Where stdout cannot be written, for another reason than that nobody reads it any more.
    pub(super) fn result<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        let text = if self.json {
            format!("{}\n", serde_json::to_string(value)?)
        } else {
            text()
        };
        unless_closed(io::stdout().lock().write_all(text.as_bytes())).context(STDOUT)
    }

    /// Writes a result as a line of JSON; tells whether anybody reads them.
    ///
    /// # Errors
    /// As [`Self::result`].
    #[expect(
        clippy::unused_self,
        reason = "a result is written whatever else was asked for"
    )]
    pub(super) fn line<T: Serialize>(self, value: &T) -> anyhow::Result<Heard> {
        let text = format!("{}\n", serde_json::to_string(value)?);
        let mut stdout = io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Heard::No),
            other => other.map(|()| Heard::Yes).context(STDOUT),
        }
    }

    /// Says something to people; nothing where they asked for quiet or the result is for a program.
    pub(super) fn say(self, text: &str) {
        if !self.quiet && !self.json {
            // Nobody is left to be told of a stderr that cannot be written.
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
    }

    /// Says what goes on from now, also beside results for a program; nothing where they asked for quiet.
    pub(super) fn announce(self, text: &str) {
        if !self.quiet {
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
    }

    /// Tells of trouble that does not end the command, and what follows.
    #[expect(clippy::unused_self, reason = "it is said whatever was asked for")]
    pub(super) fn trouble(self, trouble: &dyn std::error::Error, follows: &str) {
        let mut text = format!("warning: {trouble}");
        let mut cause = trouble.source();
        while let Some(error) = cause {
            let words = error.to_string();
            if !text.ends_with(&words) {
                let _ = write!(text, ": {words}");
            }
            cause = error.source();
        }
        let _ = writeln!(io::stderr(), "{text}; {follows}");
    }

    /// Tells of an error with its causes and what to do next.
    pub(super) fn error(self, error: &anyhow::Error, ending: Ending) {
        let hint = hint(error);
        let mut causes: Vec<String> = error.chain().map(ToString::to_string).collect();
        causes.dedup();
        if self.json {
            let _ = writeln!(
                io::stdout(),
                "{}",
                error_document(&causes, hint.as_deref(), ending)
            );
        }
        let _ = io::stderr()
            .lock()
            .write_all(error_text(&causes, hint.as_deref()).as_bytes());
    }
}

/// Takes a closed pipe for success: whoever read it has seen enough.
///
/// # Errors
/// Any other error.
pub(super) fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn error_text(causes: &[String], hint: Option<&str>) -> String {
    let mut text = String::new();
    for (at, cause) in causes.iter().enumerate() {
        let label = if at == 0 { "error" } else { "  caused by" };
        // What others wrote may have lines of its own.
        let cause = cause.trim_end().replace('\n', "\n    ");
        let _ = writeln!(text, "{label}: {cause}");
    }
    if let Some(hint) = hint {
        let _ = writeln!(text, "  hint: {hint}");
    }
    text
}

fn error_document(causes: &[String], hint: Option<&str>, ending: Ending) -> serde_json::Value {
    let message = causes.first().map(String::as_str);
    serde_json::json!({
        "version": 1,
        "status": "failed",
        "error": { "kind": ending.word(), "message": message, "causes": causes.get(1..) },
        "hint": hint,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_its_causes_and_what_to_do() {
        let causes = ["cannot x".to_owned(), "a\nb".to_owned()];
        assert_eq!(
            error_text(&causes, Some("do y")),
            "error: cannot x\n  caused by: a\n    b\n  hint: do y\n"
        );
        assert_eq!(
            error_document(&causes, None, Ending::Held).to_string(),
            r#"{"version":1,"status":"failed","error":{"kind":"held","message":"cannot x","causes":["a\nb"]},"hint":null}"#
        );
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        assert!(unless_closed(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        assert!(unless_closed(Err(io::ErrorKind::StorageFull.into())).is_err());
    }
}
