//! What can be written about hints, and about a process that stays.

use clap::Args;

use crate::config::{Key, Layer};

use super::{PipelineArgs, one};

/// What `--events` is, at length.
const EVENTS: &str = "Take hints of what changed from URL, instead of listing SOURCE each time

For a SOURCE in an object store. sqs://HOST/ACCOUNT/QUEUE is a queue of SQS that gets the notifications of S3: from S3 \
itself, by SNS or by EventBridge. It is the queue's URL with sqs:// for https:// (sqs+http:// for http://, with \
AWS_ALLOW_HTTP=true). http://IP:PORT/PATH is an address at which `watch` listens for what S3 (by SNS), Google Cloud \
Storage (by Pub/Sub), Azure (by Event Grid), MinIO or SeaweedFS post; where other machines reach it, who posts has to \
say what STRANDLINE_EVENTS_TOKEN holds. A hint is only a reason to look: every file is looked at in SOURCE. \
Default: none. Example: --events sqs://sqs.eu-central-1.amazonaws.com/123456789012/raw";

/// Where hints come from.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Hints")]
pub(in crate::cli) struct EventArgs {
    /// Take hints of what changed from URL, instead of listing SOURCE each time
    #[arg(long, value_name = "URL", long_help = EVENTS)]
    pub(in crate::cli) events: Option<String>,
    /// With --events: list everything all the same, each DUR
    ///
    /// Hints get lost now and then, and a listing finds what they did not tell. Default: 6h. Example: --listing-every 1d
    #[arg(long, value_name = "DUR")]
    pub(in crate::cli) listing_every: Option<String>,
}

impl EventArgs {
    pub(super) fn fill(&self, layer: &mut Layer) {
        one(layer, Key::Events, self.events.as_ref());
        one(layer, Key::ListingEvery, self.listing_every.as_ref());
    }
}

/// What `run` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct RunArgs {
    /// What it shares with `plan`.
    #[command(flatten)]
    pub(in crate::cli) pipeline: PipelineArgs,
    /// About hints.
    #[command(flatten)]
    pub(in crate::cli) events: EventArgs,
    /// Show what would be done, as `plan` does, and change nothing
    ///
    /// Everything is listed then, and no hints are taken.
    #[arg(long, help_heading = "Behaviour")]
    pub(in crate::cli) dry_run: bool,
}

impl RunArgs {
    /// Returns what is written here.
    pub(in crate::cli) fn layer(&self) -> Layer {
        let mut layer = self.pipeline.layer();
        self.events.fill(&mut layer);
        layer
    }
}

/// What `watch` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct WatchArgs {
    /// What it shares with `run`.
    #[command(flatten)]
    pub(in crate::cli) pipeline: PipelineArgs,
    /// About hints.
    #[command(flatten)]
    pub(in crate::cli) events: EventArgs,
    /// Make the next pass DUR after the last, where no hints come
    ///
    /// Also where a pass has left something that is not settled, or could not be read. Default: 60s. Example: --interval 5m
    #[arg(long, value_name = "DUR", help_heading = "Hints")]
    pub(in crate::cli) interval: Option<String>,
}

impl WatchArgs {
    /// Returns what is written here.
    pub(in crate::cli) fn layer(&self) -> Layer {
        let mut layer = self.pipeline.layer();
        self.events.fill(&mut layer);
        one(&mut layer, Key::Interval, self.interval.as_ref());
        layer
    }
}
