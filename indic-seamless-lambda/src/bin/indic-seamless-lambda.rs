//! The program `indic-seamless-lambda`.

use std::process::ExitCode;

fn main() -> ExitCode {
    indic_seamless_lambda::main()
}
