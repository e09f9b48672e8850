//! What the benches of the whole program share: the program as a child process with its time, processor time and
//! peak memory, where the made data lies, and the flags.

#![expect(clippy::unwrap_used, reason = "a bench stops where it cannot go on")]

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How large a bench is asked to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// A few seconds: to see that it works.
    Quick,
    /// What figures are taken from.
    Normal,
    /// With the largest size, which takes minutes to prepare.
    Full,
}

/// Reads `--quick` and `--full`.
pub(crate) fn scale() -> Scale {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    match (has("--quick"), has("--full")) {
        (true, _) => Scale::Quick,
        (false, true) => Scale::Full,
        (false, false) => Scale::Normal,
    }
}

/// Where made data is kept from one time to the next: `bench-data` beside the build.
pub(crate) fn data(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-data");
    fs::create_dir_all(&directory).unwrap();
    directory.join(name)
}

/// The program, ready to be given its arguments.
pub(crate) fn strandline() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strandline"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("STRANDLINE_")) {
        command.env_remove(name);
    }
    command
}

/// What a child process took.
pub(crate) struct Measured {
    /// From before it was started until it was gone.
    pub(crate) wall: Duration,
    /// What it and whatever it waited for kept processors busy, as user and as system, to the hundredth of a second.
    pub(crate) cpu: Duration,
    /// The most memory it had at once.
    pub(crate) peak_bytes: u64,
    /// What it wrote to stdout.
    pub(crate) stdout: String,
}

/// Runs `command` to its end, which must be a good one.
pub(crate) fn measure(command: &mut Command) -> Measured {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let busy = children_cpu();
    let begun = Instant::now();
    let child = command.spawn().unwrap();
    let (wall, peak_bytes, output) = watch(child, begun);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    Measured {
        wall,
        cpu: children_cpu().saturating_sub(busy),
        peak_bytes,
        stdout: String::from_utf8(output.stdout).unwrap(),
    }
}

/// The system tells the peak as long as the process lives, so it is asked again and again.
fn watch(child: Child, begun: Instant) -> (Duration, u64, std::process::Output) {
    let status = format!("/proc/{}/status", child.id());
    let peak = AtomicU64::new(0);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                peak.fetch_max(peak_of(&status), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(2));
            }
        });
        let output = child.wait_with_output().unwrap();
        let wall = begun.elapsed();
        is_done.store(true, Ordering::Relaxed);
        (wall, peak.load(Ordering::Relaxed), output)
    })
}

/// What all children took that are gone by now; the fields `cutime` and `cstime` of `/proc/self/stat`.
fn children_cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // The name of the process may hold anything; what follows its parenthesis begins with the third field.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(13).take(2);
    let ticks: u64 = ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    // Linux tells ticks of a hundredth of a second, whatever its own clock does.
    Duration::from_millis(ticks * 10)
}

fn peak_of(status: &str) -> u64 {
    let text = fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kib.unwrap_or(0u64) << 10
}

/// A number as people calculate with it.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn figure(number: u64) -> f64 {
    number as f64
}

/// The same numbers on every machine: a step of `SplitMix64`.
pub(crate) fn noise(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
