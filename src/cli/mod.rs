//! The command line: arguments to settings, settings to work, work to words and an exit code.
//!
//! One file per command. What a command says is rendered by pure functions in `render`; how it ends is looked up in
//! `exit`; advice that goes with an error stands in `hint`. This is the only room that prints, reads the environment
//! or catches signals.
//!
//! # Invariants
//! - Results go to stdout, talk goes to stderr. With `--json`, stdout is one document, errors included.
//! - Nothing below this room sees a flag: everything is resolved once, into settings.
//! - A reader that closes its end of the pipe has seen enough: that is a success.

mod access;
mod answer;
mod args;
mod completions;
mod config_show;
mod doctor;
mod events;
mod exit;
mod explain;
mod files;
mod hint;
mod history;
mod init;
mod plan;
mod progress;
mod quarantine;
mod recover;
mod render;
mod reset;
mod run;
mod schema;
mod settings;
mod signals;
mod status;
mod talk;
mod target;
mod usage;
mod verify;
mod watch;

use std::cell::OnceCell;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser;
use clap::error::ErrorKind;

use self::args::{Cli, Command, Config, Global, Quarantine, Schema};
use self::exit::Ending;
use self::signals::Signals;
use self::talk::{Talk, unless_closed};
use self::usage::UsageError;

/// What a command needs besides its arguments.
struct Session<'a> {
    talk: Talk,
    signals: OnceCell<Signals>,
    global: &'a Global,
}

impl Session<'_> {
    /// Begins to catch signals and returns the flag that the first of them sets. A command that does not ask for it
    /// ends at the first signal, as any program does.
    fn interrupt(&self) -> io::Result<Arc<AtomicBool>> {
        if self.signals.get().is_none() {
            let _ = self.signals.set(Signals::catch()?);
        }
        Ok(self
            .signals
            .get()
            .map(Signals::interrupt)
            .unwrap_or_default())
    }
}

/// Does what the command line asks for and returns the exit code.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return unparsed(&error, args.iter().any(|arg| arg == "--json")),
    };
    let session = Session {
        talk: Talk::new(&cli.global),
        signals: OnceCell::new(),
        global: &cli.global,
    };
    let ending = dispatch(&cli.command, &session).unwrap_or_else(|error| {
        let ending = Ending::of_error(&error);
        session.talk.error(&error, ending);
        ending
    });
    ending.code(session.signals.get().and_then(Signals::code))
}

fn dispatch(command: &Command, session: &Session<'_>) -> anyhow::Result<Ending> {
    match command {
        Command::Run(args) if args.dry_run => plan::plan(args.layer(), session),
        Command::Run(args) => run::run(args, session),
        Command::Watch(args) => watch::watch(args, session),
        Command::Plan(args) => plan::plan(args.layer(), session),
        Command::Status(args) => status::status(args, session),
        Command::History(args) => history::history(args, session),
        Command::Files(args) => files::files(args, session),
        Command::Explain(args) => explain::explain(args, session),
        Command::Verify(args) => verify::verify(args, session),
        Command::Doctor(args) => doctor::doctor(args, session),
        Command::Reset(args) => reset::reset(args, session),
        Command::Recover(args) => recover::recover(args, session),
        Command::Quarantine(Quarantine::List(args)) => quarantine::list(args, session),
        Command::Quarantine(Quarantine::Retry(args)) => quarantine::retry(args, session),
        Command::Schema(Schema::Show(args)) => schema::show(args, session),
        Command::Schema(Schema::History(args)) => schema::history(args, session),
        Command::Schema(Schema::Diff(args)) => schema::diff(args, session),
        Command::Schema(Schema::Check(args)) => schema::check(args, session),
        Command::Init(args) => init::init(args, session),
        Command::Config(Config::Show(args)) => config_show::show(args, session),
        Command::Completions { shell } => completions::completions(*shell),
    }
}

/// Shows help, the version, or what is wrong with the arguments.
fn unparsed(error: &clap::Error, json: bool) -> ExitCode {
    let asked_for = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if asked_for {
        // Help that nobody reads to its end is no failure.
        let _ = unless_closed(error.print());
        return Ending::Done.code(None);
    }
    if json {
        let message = error.render().to_string();
        let message = message.strip_prefix("error: ").unwrap_or(&message).trim();
        let error = UsageError::Arguments(message.to_owned()).into();
        Talk::unparsed(json).error(&error, Ending::Usage);
    } else {
        let _ = error.print();
    }
    Ending::Usage.code(None)
}
