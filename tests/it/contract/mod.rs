//! One suite for each port, run against every implementation and wrapper.

mod buckets;
mod clock;
mod disk;
mod lease;
mod local_source;
mod object_ranges;
mod object_source;
mod power;
mod sink;
mod source;
mod store_disk;
mod store_file;
