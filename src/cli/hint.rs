//! What to do next: advice that goes with an error, kept apart from what the error says.

use std::error::Error;
use std::io::{self, ErrorKind};

use crate::config::{BadValue, FileError, PlaceError, ProfileError, SettingError};
use crate::engine::{PlacesError, RunError};
use crate::hints::HintError;
use crate::ledger::{LedgerError, OpenError};
use crate::store::{OpenStoreError, OwnFault, Refusal};

use super::usage::UsageError;

/// Returns the advice for an error, `None` where there is nothing better to do than to read it.
pub(super) fn hint(error: &anyhow::Error) -> Option<String> {
    if let Some(fault) = error.chain().find_map(own_fault) {
        return Some(of_own_fault(fault).to_owned());
    }
    error
        .chain()
        .find_map(|cause| {
            let usage = cause.downcast_ref().and_then(of_usage);
            let places = || cause.downcast_ref().map(of_places);
            let setting = || cause.downcast_ref().and_then(of_setting);
            let file = || cause.downcast_ref().and_then(of_file);
            let open = || cause.downcast_ref().and_then(of_open);
            let ledger = || cause.downcast_ref().and_then(of_ledger);
            let run = || cause.downcast_ref().and_then(of_run);
            let store = || cause.downcast_ref().map(of_store);
            let hints = || cause.downcast_ref().map(of_hints);
            usage
                .or_else(places)
                .or_else(setting)
                .or_else(file)
                .or_else(open)
                .or_else(ledger)
                .or_else(run)
                .or_else(store)
                .or_else(hints)
        })
        .map(str::to_owned)
}

/// Returns what is wrong on this side, where a request to a store came to nothing by that.
fn own_fault(cause: &(dyn Error + 'static)) -> Option<OwnFault> {
    let held = cause
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    let held = held.and_then(|held| held.downcast_ref::<Refusal>());
    held.or_else(|| cause.downcast_ref())?.own_fault()
}

fn of_own_fault(fault: OwnFault) -> &'static str {
    match fault {
        OwnFault::Untrusted => {
            "where the certificate is signed by a CA of your own, name the file of that CA with --ca-file (or AWS_CA_BUNDLE, SSL_CERT_FILE); is it the right address?"
        }
        OwnFault::NoKeys => {
            "call the program that credential_process names by itself, and see what it says"
        }
    }
}

fn of_profile(error: &ProfileError) -> &'static str {
    match error {
        ProfileError::Missing { .. } => {
            "`aws configure list-profiles` lists those that are there; AWS_PROFILE names the one that is used"
        }
        ProfileError::Unsupported { .. } => {
            "eval \"$(aws configure export-credentials --profile NAME --format env)\" has the AWS CLI follow it and put the keys into the environment; for keys that are renewed, name a profile that has `credential_process = aws configure export-credentials --profile NAME`"
        }
        ProfileError::Services { .. }
        | ProfileError::Half { .. }
        | ProfileError::HalfIdentity
        | ProfileError::Syntax { .. }
        | ProfileError::Process { .. } => {
            "mend the profile, name another with AWS_PROFILE, or give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        }
    }
}

fn of_usage(error: &UsageError) -> Option<&'static str> {
    Some(match error {
        UsageError::Recover { .. } => "TARGET must be the directory that holds the outputs",
        UsageError::SettingsFile { .. } => "`strandline init` writes a settings file",
        UsageError::ProfileFile { .. } => {
            "AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name others"
        }
        UsageError::Profile(error) => of_profile(error),
        UsageError::Exists { .. } => "name another file with -c, or remove this one",
        UsageError::Write { .. } => "name another file with -c",
        UsageError::UnknownFile { .. } => {
            "name it relative to SOURCE, as `strandline files` lists it; a file that was never taken is not recorded, `strandline plan` tells why"
        }
        UsageError::File { .. } => "FILE must be a file that is there and can be read",
        UsageError::UnknownSchema { .. } => "`strandline schema history TARGET` lists them",
        UsageError::NoStore { .. } => {
            "doctor is for object stores (s3://, gs://, az://); what is wrong with a directory, a run tells"
        }
        UsageError::EventsOfDirectory { .. } => {
            "--events is for a source in an object store (s3://, gs://, az://); leave it out, or say --events none"
        }
        UsageError::EndpointOfRun { .. } => {
            "`strandline watch` listens; a run takes hints from a queue (--events sqs://HOST/ACCOUNT/QUEUE), or none (--events none)"
        }
        UsageError::Arguments(_) => return None,
    })
}

fn of_places(error: &PlacesError) -> &'static str {
    match error {
        PlacesError::NoSource => {
            "name it (`strandline run SOURCE TARGET`), or set path in [source] of strandline.toml (`strandline init` writes one)"
        }
        PlacesError::NoTarget => {
            "name it (`strandline status TARGET`), or set path in [target] of strandline.toml (`strandline init` writes one)"
        }
        PlacesError::Source { .. } => "SOURCE must be a directory that is there and can be read",
        PlacesError::Place { .. } => "it must be a directory, or not be there yet",
        PlacesError::Overlap {
            inner: "state directory",
            ..
        } => "name another directory with --state, or leave it out",
        PlacesError::Store(error) => of_store(error),
        PlacesError::Staging { .. } => "TMPDIR names another directory for it",
        PlacesError::Overlap { .. } => "keep SOURCE and TARGET apart, for example ./in and ./out",
    }
}

fn of_setting(error: &SettingError) -> Option<&'static str> {
    match error.source {
        BadValue::Place(PlaceError::Secret { .. }) => Some(
            "keys and tokens belong in the environment (AWS_ACCESS_KEY_ID, GOOGLE_SERVICE_ACCOUNT, AZURE_STORAGE_SAS_TOKEN, …); a ? or # of a key is written %3F or %23",
        ),
        BadValue::NothingDeclared => Some(
            "`strandline schema show TARGET --toml` prints the columns of a pipeline as [schema.columns]",
        ),
        BadValue::Pattern(_) => {
            Some("`strandline run --help` tells about patterns, under --include")
        }
        _ => None,
    }
}

fn of_store(_: &OpenStoreError) -> &'static str {
    "`strandline run --help` tells, under SOURCE, which variables give access to an object store"
}

fn of_file(error: &FileError) -> Option<&'static str> {
    match error {
        FileError::Syntax { .. } | FileError::Expect { .. } => None,
        FileError::Table { .. } | FileError::Key { .. } | FileError::Kind { .. } => {
            Some("`strandline config show` lists every key with its default")
        }
    }
}

fn of_open(error: &OpenError) -> Option<&'static str> {
    match error {
        OpenError::Held { .. } => Some(HELD),
        OpenError::Missing => Some(
            "`strandline run SOURCE TARGET` begins one; where TARGET has outputs already, `strandline recover TARGET` rebuilds it; where it is kept elsewhere, name the place with --state",
        ),
        OpenError::Newer { .. } => Some(NEWER),
        OpenError::Corrupt { .. } => Some(CORRUPT),
        OpenError::Io { source, .. } => of_io(source.kind()),
    }
}

fn of_ledger(error: &LedgerError) -> Option<&'static str> {
    match error {
        LedgerError::Corrupt { .. } => Some(CORRUPT),
        LedgerError::LostLease { .. } => Some(HELD),
        LedgerError::Io { source, .. } => of_io(source.kind()),
        LedgerError::Stopped { .. } | LedgerError::NestedIntent { .. } => None,
    }
}

fn of_run(error: &RunError) -> Option<&'static str> {
    match error {
        RunError::Held { .. } | RunError::LeaseLost => Some(HELD),
        RunError::Braked(_) => Some(
            "look whether SOURCE is whole (a missing mount?); `strandline plan` lists what would go; --allow-removals lets it go",
        ),
        RunError::LedgerMissing { .. } => Some(
            "`strandline recover TARGET` rebuilds the ledger from the outputs; where it is kept elsewhere, name the place with --state; to start afresh, name an empty TARGET",
        ),
        RunError::Foreign { .. } => Some(
            "name the ledger of this target with --state, or rebuild it with `strandline recover TARGET`",
        ),
        RunError::TargetLost { .. } => Some(
            "look whether TARGET is whole (a missing mount?); to build it afresh, `strandline reset TARGET --all` and run again",
        ),
        RunError::ModifiedForbidden { .. } => Some(
            "`strandline plan` lists what changed; --on-modify replace takes it, --on-modify ignore keeps what was loaded",
        ),
        RunError::Pattern { .. } => {
            Some("`strandline run --help` tells about patterns, under --include")
        }
        RunError::Incompatible { .. } => Some(
            "declare them so that it holds, or say --schema-compatibility none for this one run; `strandline schema show TARGET` tells what there is",
        ),
        RunError::Sql(_) => Some("`strandline run --help` tells about SQL, under --select"),
        RunError::Expectation { .. } => Some(
            "nothing of its unit was published; mend the file, or let the expectation drop the row, or set it or the file aside",
        ),
        RunError::Unread { .. } => Some(
            "FILE must be a file that is there and can be read, and that nothing writes to meanwhile",
        ),
        RunError::Workers { .. } => Some("try fewer with --threads"),
        RunError::Interrupted => Some("run the same command again; nothing was changed"),
        RunError::Source(..) => {
            Some("look whether SOURCE is there and can be read, then run again")
        }
        RunError::NothingToRecover => Some(
            "`strandline verify TARGET` checks it; `strandline reset TARGET --all` builds everything again",
        ),
        RunError::Sink(error) => of_io(error.source.kind()),
        RunError::Open(_) | RunError::Ledger(_) => None,
    }
}

fn of_hints(error: &HintError) -> &'static str {
    match error {
        HintError::Open { .. } => {
            "set STRANDLINE_EVENTS_TOKEN to a secret that whoever posts says (Authorization: Bearer TOKEN, or ?token=TOKEN), or listen at 127.0.0.1"
        }
        HintError::Io { .. } => "name an address of this machine with a port that is free",
        HintError::Queue { .. } => {
            "look whether --events is the queue's URL with sqs:// for https://, and whether sqs:ReceiveMessage and sqs:DeleteMessage are allowed; --events none goes without"
        }
    }
}

/// What can be done about a target or state directory that cannot be used.
fn of_io(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Some(
            "whoever runs strandline needs access to TARGET, and to the directory that --state names: to read for a question, to write for a run",
        ),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(
            "make room for TARGET, and for what --state names, then run again; nothing is lost",
        ),
        _ => None,
    }
}

const HELD: &str =
    "wait until that run has ended; `strandline status TARGET` shows how things stand";
const NEWER: &str = "use the version of strandline that wrote it, or a later one";
const CORRUPT: &str =
    "`strandline recover TARGET` sets the damaged ledger aside and rebuilds it from the outputs";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Ending;

    #[test]
    fn a_hint_is_found_below_the_context_that_an_error_is_given() {
        let error = anyhow::Error::new(OpenError::Missing).context("cannot ask the ledger");
        assert!(hint(&error).unwrap().contains("strandline recover TARGET"));
        let error = anyhow::Error::new(RunError::Open(OpenError::Newer { found: 2, known: 1 }));
        assert_eq!(hint(&error).as_deref(), Some(NEWER));
        assert_eq!(hint(&anyhow::anyhow!("x")), None);
    }

    #[test]
    fn a_target_that_cannot_be_written_has_its_hint_wherever_that_is_met() {
        let path = || "out/_strandline/lock".into();
        for (kind, hinted) in [
            (ErrorKind::PermissionDenied, true),
            (ErrorKind::ReadOnlyFilesystem, true),
            (ErrorKind::StorageFull, true),
            (ErrorKind::BrokenPipe, false),
        ] {
            let source = || std::io::Error::from(kind);
            let open = OpenError::Io {
                path: path(),
                source: source(),
            };
            let sink = RunError::Sink(crate::sink::SinkError {
                action: "publish",
                name: "a".to_owned(),
                source: source(),
            });
            let told = [RunError::Open(open), sink].map(|error| hint(&error.into()).is_some());
            assert_eq!(told, [hinted, hinted], "{kind}");
        }
    }

    #[test]
    fn a_ledger_that_is_damaged_or_lost_while_it_is_open_has_its_hint() {
        let path = || "out/ledger.redb".into();
        let lost = LedgerError::LostLease { path: path() };
        let error = anyhow::Error::new(RunError::Ledger(lost));
        assert_eq!(hint(&error).as_deref(), Some(HELD));
        let stopped = LedgerError::Stopped { path: path() };
        assert_eq!(hint(&anyhow::Error::new(stopped)), None);
    }

    #[test]
    fn a_held_ledger_ends_the_same_way_wherever_it_is_met() {
        let note = || "process 7".to_owned();
        for error in [
            anyhow::Error::new(OpenError::Held { note: note() }).context("cannot x"),
            anyhow::Error::new(RunError::Held { note: note() }),
            anyhow::Error::new(RunError::Open(OpenError::Held { note: note() })),
        ] {
            assert_eq!(Ending::of_error(&error), Ending::Held);
            assert_eq!(hint(&error).as_deref(), Some(HELD));
        }
    }
}
