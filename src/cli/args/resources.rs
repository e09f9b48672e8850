//! What can be written about how much a run may use.

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::config::{Key, Layer};

use super::one;

/// How much a run may use.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Resources")]
pub(in crate::cli) struct ResourceArgs {
    /// Work with N threads
    ///
    /// At most 1024. Default: as many as there are processors.
    #[arg(long, value_name = "N")]
    pub(in crate::cli) threads: Option<String>,
    /// Keep the rows in flight below SIZE, over all threads
    ///
    /// Default: 512MiB.
    #[arg(long, value_name = "SIZE")]
    pub(in crate::cli) memory: Option<String>,
    /// Take at most N new and changed files; the next run takes the rest
    ///
    /// A changed file whose unit is built for another reason is taken beyond that. Default: any number.
    #[arg(long, value_name = "N")]
    pub(in crate::cli) max_files: Option<String>,
    /// Take at most SIZE of new and changed files; the next run takes the rest
    ///
    /// A changed file whose unit is built for another reason is taken beyond that. Default: any size. Example: --max-bytes 10GiB
    #[arg(long, value_name = "SIZE")]
    pub(in crate::cli) max_bytes: Option<String>,
    /// Let another run take over after DUR of silence
    ///
    /// Only for a ledger in an object store: a run renews its lock there four times in this time, and loses it if it
    /// cannot. After a killed run, the next one has to wait for so long. Default: 60s; at least 3s. Example: --lease 5m
    #[arg(long, value_name = "DUR")]
    pub(in crate::cli) lease: Option<String>,
    /// Take no more work once object stores were asked N times
    ///
    /// Listings and retries count, and no more new and changed files are taken than there are requests left. What is
    /// begun is finished, and recorded, with as many as that takes. Ends with exit code 0 and the status partial where
    /// something is left for the next run. Default: any number.
    #[arg(long, value_name = "N")]
    pub(in crate::cli) max_requests: Option<String>,
    /// Take no more work after DUR
    ///
    /// What is begun is finished, and recorded. Ends with exit code 0 and the status partial where something is left for the
    /// next run. Where a source cannot be listed in that time, nothing is taken up, and that is told. Default: any time.
    /// Example: --max-duration 1h30m
    #[arg(long, value_name = "DUR")]
    pub(in crate::cli) max_duration: Option<String>,
    /// Run again until nothing is left for the next run
    ///
    /// With --max-files or --max-bytes: one pass after the other, each recorded as a run of its own, and each with a listing
    /// of its own. --max-duration and --max-requests are for all of them together. Ends as the last pass does: when nothing is
    /// left, when one fails, or when one gets no further. Default: false.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = PossibleValuesParser::new(["true", "false"]), hide_possible_values = true)]
    pub(in crate::cli) until_complete: Option<String>,
    /// Ask an object store at most N times a second
    ///
    /// Retries count. Up to a second's worth may come at once. Default: any number.
    #[arg(long, value_name = "N")]
    pub(in crate::cli) requests_per_second: Option<String>,
    /// Exchange at most SIZE a second with an object store
    ///
    /// In both directions together; at least 64KiB. Default: any size. Example: --bytes-per-second 50MiB
    #[arg(long, value_name = "SIZE")]
    pub(in crate::cli) bytes_per_second: Option<String>,
    /// Let at most N requests to an object store be under way at once
    ///
    /// At most 1024. Default: as many as the threads ask for.
    #[arg(long, value_name = "N")]
    pub(in crate::cli) store_concurrency: Option<String>,
}

impl ResourceArgs {
    pub(super) fn fill(&self, layer: &mut Layer) {
        for (key, value) in [
            (Key::Threads, &self.threads),
            (Key::Memory, &self.memory),
            (Key::MaxFiles, &self.max_files),
            (Key::MaxBytes, &self.max_bytes),
            (Key::Lease, &self.lease),
            (Key::MaxRequests, &self.max_requests),
            (Key::MaxDuration, &self.max_duration),
            (Key::UntilComplete, &self.until_complete),
            (Key::RequestsPerSecond, &self.requests_per_second),
            (Key::BytesPerSecond, &self.bytes_per_second),
            (Key::StoreConcurrency, &self.store_concurrency),
        ] {
            one(layer, key, value.as_ref());
        }
    }
}
