//! The `strandline` program: parse, dispatch, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    strandline::cli::main(std::env::args_os())
}
