//! libFuzzer for the target that the variable `FUZZ_TARGET` names. Without it, the names of all targets, each with the length of its
//! longest input.

#![no_main]

use std::{env, process, sync::LazyLock};

use indic_seamless_fuzz::{TARGETS, Target};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let Ok(name) = env::var("FUZZ_TARGET") else {
        TARGETS.iter().for_each(|target| println!("{} {}", target.name, target.longest));
        process::exit(0)
    };
    Target::named(&name).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        process::exit(2)
    })
});

libfuzzer_sys::fuzz_target!(init: { TARGET.prepare() }, |data: &[u8]| TARGET.check(data));
