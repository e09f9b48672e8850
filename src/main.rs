//! The `strandline` program: parse, dispatch, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    keep_freed_memory();
    strandline::cli::main(std::env::args_os())
}

/// Has memory that is freed kept for what is allocated next, unless somebody has tuned the allocator already.
///
/// Batches come and go by the megabyte. By default the allocator hands such pieces back to the system at once and gets
/// them anew, zeroed and page by page, which took a tenth of the processor time of `ingest ndjson-200-by-day`.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(
    unsafe_code,
    reason = "there is no other way to tell the allocator, and nothing of ours whose bytes could come out otherwise"
)]
fn keep_freed_memory() {
    /// Larger pieces are always handed back.
    const LARGEST: i32 = 32 << 20;
    /// What is kept of a thread's memory, beyond what is in use.
    const KEPT: i32 = 128 << 20;
    if std::env::var_os("GLIBC_TUNABLES").is_some() {
        return;
    }
    // SAFETY: `mallopt` takes any numbers, and must not be called beside other threads; there are none yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_freed_memory() {}
