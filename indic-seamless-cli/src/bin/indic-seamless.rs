//! The program `indic-seamless`.

use std::process::ExitCode;

fn main() -> ExitCode {
    indic_seamless_cli::main()
}
