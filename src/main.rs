//! The `strandline` program: parse, dispatch, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    keep_freed_memory();
    strandline::cli::main(std::env::args_os())
}

/// Has memory that is freed kept for what is allocated next.
///
/// Batches come and go by the megabyte. By default the allocator hands such pieces back to the system at once and gets
/// them anew, zeroed and page by page, which took a tenth of a run's time.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(
    unsafe_code,
    reason = "there is no other way to tell the allocator; it is told before any other thread begins, and what it refuses changes nothing"
)]
fn keep_freed_memory() {
    const LARGEST: i32 = 32 << 20;
    const KEPT: i32 = 512 << 20;
    // SAFETY: `mallopt` may be called at any time, with any numbers.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_freed_memory() {}
