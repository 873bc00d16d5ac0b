//! The small subcommands: `languages`, `info`, `quantize`, `completions`, and wrong usage.

use std::{fs, process::Output};

use indic_seamless::Language;

use crate::{clip, common, program, stderr, stdout, tiny};

fn run(subcommand: &str, arguments: &[&str]) -> Output {
    program(subcommand).args(arguments).output().expect("run")
}

#[test]
fn an_unknown_subcommand_or_option_exits_with_2() {
    for (subcommand, arguments) in [
        ("translate", &[] as &[&str]),
        ("info", &[]),
        ("languages", &["--all"]),
        ("completions", &["tcl"]),
        ("quantize", &["--model", "demo"]),
        ("quantize", &["--precision", "f32", "--output", "x"]),
    ] {
        let output = run(subcommand, arguments);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{subcommand} {arguments:?}");
        assert!(stderr(&output).contains("try '--help'"), "{}", stderr(&output));
    }
}

#[test]
fn languages_are_listed_with_their_codes() {
    let output = run("languages", &[]);
    let printed = stdout(&output);
    assert_eq!(printed.lines().count(), Language::all().count());
    let words: Vec<Vec<&str>> = printed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(words.contains(&vec!["hin", "hi", "Hindi"]), "{printed}");
    // What is listed can be asked for.
    for (words, language) in words.iter().zip(Language::all()) {
        assert_eq!(words[0].parse::<Language>().expect("code"), language);
        assert!(words[1] == "-" || words[1].parse::<Language>().expect("short code") == language, "{words:?}");
        assert_eq!(words[2..].join(" ").parse::<Language>().expect("name"), language);
    }
}

#[test]
fn info_shows_what_a_model_is() {
    let output = run("info", &["demo"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let isa = indic_seamless::Isa::checked().expect("instruction set");
    let printed = stdout(&output);
    for wanted in
        ["model: demo", "languages: 5: ben eng hin tam tel", "parameters: 1.", "encoder: ", "memory as int8: "]
    {
        assert!(printed.contains(wanted), "{wanted}: {printed}");
    }
    assert!(printed.contains(&format!("kernels: {isa}, of ")), "{printed}");

    let output = run("info", &["/no/such/model"]);
    assert_eq!((output.status.code(), stderr(&output).lines().count()), (Some(1), 1), "{}", stderr(&output));
    assert!(stderr(&output).contains("/no/such/model"), "{}", stderr(&output));

    // A checkpoint that opens, and would not load.
    let copy = common::spoil::Copy::of("tiny")
        .tensors(|tensors| drop(tensors.remove("speech_encoder.inner_layer_norm.weight")));
    let output = run("info", &[copy.dir().to_str().expect("path")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("problems: 1; `indic-seamless check "), "{}", stdout(&output));
}

#[test]
fn quantize_writes_a_folder_that_loads() {
    let dir = tempfile::tempdir().expect("folder");
    let folder = dir.path().join("int8");
    let target = folder.to_str().expect("path");
    let output = run("quantize", &["--model", "demo", "--precision", "int8", "--output", target]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""), "{}", stderr(&output));
    let output = program("transcribe").args(["--model", target, "--lang", "hin"]).arg(clip()).output().expect("run");
    assert_eq!(stdout(&output), "कृपया आज का मौसम\n", "{}", stderr(&output));
    assert!(stdout(&run("info", &[target])).contains("weights: int8"));

    // An existing folder is not touched, and is noticed before the model is looked for.
    let before = fs::metadata(folder.join("model.safetensors")).expect("file").modified().expect("time");
    let output = run("quantize", &["--model", "nobody/nothing", "--output", target]);
    assert_eq!((output.status.code(), stderr(&output).lines().count()), (Some(1), 1), "{}", stderr(&output));
    assert!(stderr(&output).contains(target), "{}", stderr(&output));
    assert_eq!(fs::metadata(folder.join("model.safetensors")).expect("file").modified().expect("time"), before);
}

#[test]
fn shells_get_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run("completions", &[shell]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let script = stdout(&output);
        for wanted in ["transcribe", "quantize", "num-beams"] {
            assert!(script.contains(wanted), "{shell}: {wanted}");
        }
    }
}

#[test]
fn man_gets_a_page_for_each_subcommand() {
    let folder = tempfile::tempdir().expect("folder");
    let target = folder.path().join("share/man1");
    let output = run("manual", &[target.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(target.join("indic-seamless.1").exists());
    let page = fs::read_to_string(target.join("indic-seamless-transcribe.1")).expect("page");
    assert!(page.starts_with(".ie") && page.contains("num\\-beams"), "{page}");

    let taken = folder.path().join("taken");
    fs::write(&taken, "").expect("file");
    let output = run("manual", &[taken.to_str().expect("UTF-8")]);
    assert_eq!((output.status.code(), stderr(&output).lines().count()), (Some(1), 1), "{}", stderr(&output));
    assert!(stderr(&output).contains("taken"), "{}", stderr(&output));
}

#[test]
fn an_unknown_instruction_set_is_refused() {
    let mut command = program("transcribe");
    command.arg("--model").arg(tiny("model")).arg("x.wav").env(indic_seamless::ISA_VARIABLE, "mmx");
    let output = command.output().expect("run");
    let errors = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("mmx") && errors.contains("portable"), "{errors}");
}

/// `/dev/full` refuses every byte, like a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_no_panic() {
    for arguments in [&["languages"] as &[&str], &["info", "demo"], &["check", "demo"], &["completions", "bash"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let output = program(arguments[0]).args(&arguments[1..]).stdout(full).output().expect("run");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains("cannot write standard output"), "{arguments:?}: {}", stderr(&output));
    }
}
