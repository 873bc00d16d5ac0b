//! The check of checkpoints, by the library and by `indic-seamless check`: valid checkpoints, and broken ones.

mod common;

use std::{fs, path::Path, process::Output};

use common::{Golden, golden_dir, program, spoil::Copy};
use indic_seamless::{
    Error, Precision,
    checkpoint::{
        Checkpoint,
        check::{CheckOptions, CheckProblem, CheckProblemKind, CheckReport},
    },
};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

fn check(dir: &Path) -> CheckReport {
    CheckOptions::new().folder(dir, &mut |_, _| {})
}

/// Runs the program; returns its exit code and what it printed.
fn run(arguments: &[&str]) -> (i32, String) {
    let mut program = program(env!("CARGO_BIN_EXE_indic-seamless"));
    let Output { status, stdout, stderr } = program.arg("check").args(arguments).output().expect("run");
    let printed = String::from_utf8(stdout).expect("UTF-8") + &String::from_utf8(stderr).expect("UTF-8");
    (status.code().expect("exit code"), printed)
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn the_demo_is_right() {
    let report = CheckOptions::new().demo(&mut |_, _| {});
    assert_eq!(report.problems, []);
    let (code, printed) = run(&["demo"]);
    assert_eq!(code, 0, "{printed}");
    for wanted in ["config.json", "sha256 ", "languages: 5 in", "memory for the weights", "कृपया आज का मौसम", "ms: load"]
    {
        assert!(printed.contains(wanted), "{wanted}: {printed}");
    }
    assert!(printed.ends_with("\nok\n"), "{printed}");
}

#[test]
fn goldens_are_right() {
    for golden in common::all() {
        let mut last = (0, 0);
        let report = CheckOptions::new().folder(golden.model(), &mut |done, all| last = (done, all));
        assert_eq!(report.problems, [], "{}", golden.name());
        assert_eq!(report.warnings, [""; 0], "{}", golden.name());
        // All of it was read, each byte once.
        assert_eq!(last.0, last.1);
        assert_eq!(last.1, report.files.iter().map(|file| file.bytes).sum::<u64>());
        let tensors = report.tensors.expect("tensors");
        assert_eq!((tensors.found, report.values), (tensors.wanted, tensors.parameters));
        for file in report.files {
            assert_eq!(fs::metadata(golden.model().join(&file.name)).expect("file").len(), file.bytes);
        }
        let (code, printed) = run(&[path(&golden.model())]);
        assert_eq!(code, 0, "{printed}");
        assert!(printed.ends_with("\nok\n"), "{printed}");
    }
}

#[test]
fn memory_depends_on_what_is_stored() {
    let report = check(&golden_dir().join("tiny-bf16-sharded/model"));
    let tensors = report.tensors.as_ref().expect("tensors");
    let [f32, bf16, int8, int4] = report.memory[..] else { panic!("{:?}", report.memory) };
    assert_eq!((f32.in_place, f32.converted), (0, 4 * tensors.parameters));
    assert!(bf16.in_place > bf16.converted && bf16.in_place + bf16.converted < f32.converted, "{bf16:?}");
    assert!(int8.in_place == 0 && int8.converted < bf16.in_place, "{int8:?}");
    assert!(int4.in_place == 0 && int4.converted < int8.converted, "{int4:?}");
    assert_eq!(report.loads_as.expect("precision").name(), "bf16");

    let dir = tempfile::tempdir().expect("folder");
    let quantised = dir.path().join("int8");
    Checkpoint::demo().expect("demo").quantize(&quantised, Precision::Int8, &mut |_, _| {}).expect("quantise");
    let report = check(&quantised);
    assert_eq!(report.problems, []);
    assert_eq!(report.loads_as.expect("precision").name(), "int8");
    let [f32, _, int8, _] = report.memory[..] else { panic!("{:?}", report.memory) };
    assert!(int8.in_place * 10 > int8.converted * 9 && f32.converted > 3 * int8.in_place, "{int8:?} {f32:?}");
}

/// Asserts that library and program name the problems of a copy, and no others.
fn names(what: &str, copy: &Copy, wanted: &[(CheckProblemKind, &str, &str, &str)]) {
    let report = check(copy.dir());
    let matches = |problem: &CheckProblem, &(kind, file, place, found): &(CheckProblemKind, &str, &str, &str)| {
        problem.kind == kind
            && problem.file == file
            && problem.place.as_deref().unwrap_or_default() == place
            && problem.found.contains(found)
    };
    for wanted in wanted {
        assert!(
            report.problems.iter().any(|problem| matches(problem, wanted)),
            "{what}: {wanted:?}, {:#?}",
            report.problems
        );
    }
    assert_eq!(report.problems.len(), wanted.len(), "{what}: {:#?}", report.problems);
    let (code, printed) = run(&[path(copy.dir())]);
    assert_eq!(code, 1, "{what}: {printed}");
    for (_, file, place, found) in wanted {
        let line = |line: &&str| line.contains(file) && line.contains(place) && line.contains(found);
        assert!(printed.lines().rev().take(wanted.len()).any(|l| line(&l)), "{what}: {printed}");
    }
}

const WEIGHTS: &str = "model.safetensors";
const CONFIG: &str = "config.json";
const GENERATION: &str = "generation_config.json";
const NORM: &str = "speech_encoder.inner_layer_norm.weight";
const FC1: &str = "text_decoder.layers.1.ffn.fc1.weight";

#[test]
fn broken_tensors_are_named() {
    let copy = Copy::of("tiny").tensors(|tensors| drop(tensors.remove(NORM)));
    names("missing", &copy, &[(CheckProblemKind::MissingTensor, WEIGHTS, NORM, "nothing")]);

    let copy = Copy::of("tiny").tensors(|tensors| tensors.get_mut(FC1).expect("fc1").1 = vec![64, 128]);
    names("transposed", &copy, &[(CheckProblemKind::TensorShape, WEIGHTS, FC1, "[64, 128]")]);

    let copy = Copy::of("tiny").tensors(|tensors| tensors.get_mut(NORM).expect("norm").0 = Dtype::I32);
    names("integers", &copy, &[(CheckProblemKind::TensorType, WEIGHTS, NORM, "I32")]);

    let copy = Copy::of("tiny").number(NORM, 7, f32::NAN).number(NORM, 9, f32::NEG_INFINITY);
    names("not a number", &copy, &[(CheckProblemKind::NonFinite, WEIGHTS, NORM, "NaN at index 7, 2 such values")]);
    let report = CheckOptions::new().values(false).folder(copy.dir(), &mut |_, _| {});
    assert_eq!((report.problems, report.values), (vec![], 0));

    let copy = Copy::of("tiny").number(FC1, 128 * 64 - 1, f32::INFINITY);
    names("infinite", &copy, &[(CheckProblemKind::NonFinite, WEIGHTS, FC1, "inf at index 8191, 1 such value,")]);
}

#[test]
fn broken_files_are_named() {
    let copy = Copy::of("tiny").write(CONFIG, "{\"vocab_size\": ");
    names("broken JSON", &copy, &[(CheckProblemKind::InvalidFile, CONFIG, "", "EOF")]);
    let copy = Copy::of("tiny").write("tokenizer_config.json", "[");
    names("broken JSON", &copy, &[(CheckProblemKind::InvalidFile, "tokenizer_config.json", "", "EOF")]);
    names(
        "no file",
        &Copy::of("tiny").remove(GENERATION),
        &[(CheckProblemKind::MissingFile, GENERATION, "", "nothing")],
    );
    let copy = Copy::of("tiny").remove("sentencepiece.bpe.model").remove("tokenizer.json");
    names("no tokenizer", &copy, &[(CheckProblemKind::MissingFile, "sentencepiece.bpe.model", "", "nothing")]);
    names("no weights", &Copy::of("tiny").remove(WEIGHTS), &[(CheckProblemKind::MissingFile, WEIGHTS, "", "nothing")]);
    let copy = Copy::of("tiny").write(WEIGHTS, [0xff; 64]);
    names("no safetensors", &copy, &[(CheckProblemKind::InvalidFile, WEIGHTS, "", "no safetensors header")]);

    let shard = "model-00003-of-00003.safetensors";
    let copy = Copy::of("tiny-bf16-sharded");
    let bytes = fs::read(copy.path(shard)).expect("read");
    let copy = copy.write(shard, &bytes[..bytes.len() / 2]);
    let found = format!("{} bytes, of {} by its header", bytes.len() / 2, bytes.len());
    names("cut short", &copy, &[(CheckProblemKind::InvalidFile, shard, "", &found)]);
    // Its tensors are not listed one by one.
    names("no shard", &copy.remove(shard), &[(CheckProblemKind::MissingFile, shard, "", "nothing")]);

    let index = "model.safetensors.index.json";
    let copy = Copy::of("tiny-bf16-sharded").write(index, "{\"weight_map\": {\"vocoder.weight\": \"a\"}}");
    names("no tensors", &copy, &[(CheckProblemKind::InvalidFile, index, "", "no tensor of speech-to-text")]);
    // A name that leads out of the folder, for a tensor that is not needed, and for one that is.
    let outside = |tensor: &str| {
        let copy = Copy::of("tiny-bf16-sharded");
        let mut content: Value = serde_json::from_slice(&fs::read(copy.path(index)).expect("read")).expect("JSON");
        content["weight_map"][tensor] = "../4".into();
        copy.write(index, content.to_string())
    };
    let copy = outside("text_encoder.e");
    copy.load().expect("loads");
    assert_eq!(check(copy.dir()).problems, []);
    let copy = outside("text_decoder.unused");
    assert!(matches!(copy.load(), Err(Error::InvalidFile { .. })));
    names("outside", &copy, &[(CheckProblemKind::InvalidFile, index, "", "\"../4\" for text_decoder.unused")]);
    // A tensor that is there twice: the last shard has another shape.
    let (copy, last) = (Copy::of("tiny-bf16-sharded"), "model-9.safetensors");
    let mut content: Value = serde_json::from_slice(&fs::read(copy.path(index)).expect("read")).expect("JSON");
    content["weight_map"]["text_decoder.unused"] = last.into();
    let header = json!({ NORM: { "dtype": "F32", "shape": [1], "data_offsets": [0, 4] } }).to_string();
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 4]].concat();
    let copy = copy.write(index, content.to_string()).write(last, bytes);
    assert!(matches!(copy.load(), Err(Error::TensorShape { found, .. }) if found == [1]));
    names("twice", &copy, &[(CheckProblemKind::TensorShape, last, NORM, "[1]")]);

    let report = check(Path::new("/no/such/folder"));
    assert_eq!(report.problems[0].kind, CheckProblemKind::MissingFile);
    assert_eq!(run(&["/no/such/folder"]).0, 1);
    assert_eq!(run(&["demo", "--precision", "f64"]).0, 2);
    assert_eq!(run(&[]).0, 2);
}

#[test]
fn contradictions_are_named() {
    let copy = Copy::of("tiny").set(CONFIG, "eos_token_id", 5000);
    names("eos", &copy, &[(CheckProblemKind::Config, CONFIG, "eos_token_id", "5000")]);
    let copy = Copy::of("tiny").set(CONFIG, "decoder_layers", 2_000_000_000);
    names("layers", &copy, &[(CheckProblemKind::Config, CONFIG, "decoder_layers", "2000000000")]);
    let copy = Copy::of("tiny").set(GENERATION, "forced_eos_token_id", json!([3, 1102]));
    names("forced eos", &copy, &[(CheckProblemKind::TokenId, GENERATION, "forced_eos_token_id", "1102")]);
    let copy = Copy::of("tiny").set(GENERATION, "num_beams", 0);
    names("beams", &copy, &[(CheckProblemKind::Config, GENERATION, "num_beams", "0")]);
    // As many tokens as config.json has positions for, and no more.
    let positions = |positions: u64, tokens: u64| {
        let copy = Copy::of("tiny").set(CONFIG, "max_position_embeddings", positions);
        copy.set(GENERATION, "max_new_tokens", tokens)
    };
    let copy = positions(200, 256);
    names("few positions", &copy, &[(CheckProblemKind::Config, GENERATION, "max_new_tokens", "256")]);
    Checkpoint::open(copy.dir()).expect_err("few positions");
    let copy = positions(8192, 5000);
    assert_eq!(check(copy.dir()).problems, []);
    Checkpoint::open(copy.dir()).expect("many positions");
    let copy = Copy::of("tiny").set("preprocessor_config.json", "sampling_rate", 8000);
    names("rate", &copy, &[(CheckProblemKind::Config, "preprocessor_config.json", "sampling_rate", "8000")]);

    let change_language = |code: &str, id: u64| {
        let copy = Copy::of("tiny");
        let json: Value = serde_json::from_slice(&fs::read(copy.path(GENERATION)).expect("read")).expect("JSON");
        let mut languages = json["text_decoder_lang_to_code_id"].clone();
        languages[code] = id.into();
        copy.set(GENERATION, "text_decoder_lang_to_code_id", languages)
    };
    let place = "text_decoder_lang_to_code_id.tam";
    let copy = change_language("tam", 1022);
    names("language", &copy, &[(CheckProblemKind::Language, GENERATION, place, "1022, which is __eng__")]);
    let report = check(change_language("xyz", 1022).dir());
    assert_eq!(report.languages.expect("languages").unknown, ["xyz"]);

    // A vocabulary larger than the tokenizer's.
    let copy = Copy::of("tiny").set(CONFIG, "vocab_size", 1110).tensors(|tensors| {
        let (_, shape, bytes) = tensors.get_mut("shared.weight").expect("embedding");
        (shape[0], *bytes) = (1110, [bytes.as_slice(), &[0; 8 * 64 * 4]].concat());
    });
    names("tokenizer", &copy, &[(CheckProblemKind::Tokenizer, "sentencepiece.bpe.model", "vocabulary", "1102 tokens")]);

    let dir = tempfile::tempdir().expect("folder");
    let quantised = dir.path().join("int8");
    Checkpoint::demo().expect("demo").quantize(&quantised, Precision::Int8, &mut |_, _| {}).expect("quantise");
    // Writing it again loses the metadata.
    let copy = Copy::of_folder(&quantised).tensors(|_| {});
    names("scheme", &copy, &[(CheckProblemKind::Quantization, WEIGHTS, "metadata quantization", "none")]);
    let scale = "shared.weight_scale";
    let copy = Copy::of_folder(&quantised).tensors(|tensors| drop(tensors.remove(scale)));
    let scheme = (CheckProblemKind::Quantization, WEIGHTS, "metadata quantization", "none");
    names("scale", &copy, &[scheme, (CheckProblemKind::MissingTensor, WEIGHTS, scale, "nothing")]);
}

#[test]
fn a_byte_that_the_kernels_do_not_take_is_named() {
    let dir = tempfile::tempdir().expect("folder");
    let quantised = dir.path().join("int8");
    Checkpoint::demo().expect("demo").quantize(&quantised, Precision::Int8, &mut |_, _| {}).expect("quantise");
    let copy = Copy::of_folder(&quantised);
    let mut bytes = fs::read(copy.path(WEIGHTS)).expect("read");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let tensor = file.tensor("shared.weight").expect("embedding").data().as_ptr() as usize - bytes.as_ptr() as usize;
    bytes[tensor + 5] = 0x80;
    let copy = copy.write(WEIGHTS, bytes);
    names("-128", &copy, &[(CheckProblemKind::Quantization, WEIGHTS, "shared.weight", "-128 at index 5")]);
}

#[cfg(unix)]
#[test]
fn a_blob_of_the_cache_has_its_sum_for_a_name() {
    let cached = |blob: &str| {
        let copy = Copy::of("tiny");
        fs::rename(copy.path(WEIGHTS), copy.path(blob)).expect("rename");
        std::os::unix::fs::symlink(blob, copy.path(WEIGHTS)).expect("link");
        copy
    };
    let other = "0123456789abcdef".repeat(4);
    let copy = cached(&other);
    let report = check(copy.dir());
    let sum = report.files.iter().find(|file| file.name == WEIGHTS).and_then(|file| file.sha256.clone()).expect("sum");
    names("checksum", &copy, &[(CheckProblemKind::Checksum, WEIGHTS, "SHA-256", &sum)]);
    assert_eq!(check(cached(&sum).dir()).problems, []);
    let report = CheckOptions::new().hashes(false).folder(copy.dir(), &mut |_, _| {});
    assert_eq!(report.problems, []);
}

#[test]
fn all_faults_are_listed() {
    let copy = Copy::of("tiny").tensors(|tensors| {
        tensors.remove(FC1);
        tensors.get_mut(NORM).expect("norm").1 = vec![8, 8];
        tensors.insert("t2u_model.encoder.weight".to_owned(), (Dtype::F32, vec![2], vec![0; 8]));
    });
    let copy = copy.number("shared.weight", 3, f32::NAN).set(CONFIG, "pad_token_id", 9000).set(
        GENERATION,
        "eos_token_id",
        9000,
    );
    let wanted = [
        (CheckProblemKind::MissingTensor, WEIGHTS, FC1, "nothing"),
        (CheckProblemKind::TensorShape, WEIGHTS, NORM, "[8, 8]"),
        (CheckProblemKind::NonFinite, WEIGHTS, "shared.weight", "NaN at index 3"),
        (CheckProblemKind::Config, CONFIG, "pad_token_id", "9000"),
        (CheckProblemKind::TokenId, GENERATION, "eos_token_id", "9000"),
    ];
    names("five faults", &copy, &wanted);
    assert_eq!(check(copy.dir()).tensors.expect("tensors").ignored["t2u_model"].tensors, 1);

    // The first problems of a kind are listed, the rest are counted.
    let copy =
        Copy::of("tiny").tensors(|tensors| tensors.retain(|name, _| !name.starts_with("speech_encoder.encoder.")));
    let report = check(copy.dir());
    let (lines, missing) = (report.verdict(), report.problems.len());
    assert!(missing > 21, "{missing}");
    assert_eq!(lines.len(), 21);
    assert_eq!(lines[20], format!("... and {} more of this kind (MissingTensor)", missing - 20));
}

#[test]
fn against_the_reference() {
    let tiny = golden_dir().join("tiny");
    let (code, printed) = run(&[path(&tiny.join("model")), "--against", path(&tiny)]);
    assert_eq!(code, 0, "{printed}");
    for wanted in ["hi_16k: pass", "batch_hi_te: pass", "enc.conformer.2", "dec.logits", "beam scores", "transformers"]
    {
        assert!(printed.contains(wanted), "{wanted}: {printed}");
    }
    let other = golden_dir().join("tiny-bf16-sharded/model");
    let (code, printed) = run(&[path(&other), "--against", path(&tiny)]);
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("hi_16k: FAIL") && printed.contains("enc.conformer.0 differs by"), "{printed}");
    assert_eq!(run(&[path(&tiny.join("model")), "--against", "/no/such/folder"]).0, 1);
}

#[test]
fn against_a_reference_that_was_not_tried_for_rounding() {
    let tiny = Golden::open(golden_dir().join("tiny")).expect("golden");
    let dir = tempfile::tempdir().expect("folder");
    fs::create_dir(dir.path().join("golden")).expect("folder");
    fs::create_dir(dir.path().join("audio")).expect("folder");
    fs::copy(tiny.audio("hi_16k").expect("clip"), dir.path().join("audio/hi_16k.wav")).expect("copy");
    let mut search = tiny.manifest["clips"]["hi_16k"]["generate"]["eng/greedy"].clone();
    for key in ["same_in_float64", "same_with_weight_noise_1e_4"] {
        search[key] = Value::Null;
    }
    let mut write = |change: &dyn Fn(&mut Value)| {
        change(&mut search);
        let clip = json!({"file": "hi_16k.wav", "generate": {"eng/greedy": search}});
        let manifest = json!({"max_new_tokens": 48, "clips": {"hi_16k": clip}});
        fs::write(dir.path().join("golden/manifest.json"), manifest.to_string()).expect("write");
    };
    let model = tiny.model();
    let against = |options: &[&str]| run(&[&[path(&model), "--against", path(dir.path())], options].concat());
    write(&|_| {});
    assert_eq!(against(&[]).0, 0);
    // In other precisions only ids and texts count.
    write(&|search| search["token_logprobs"][0][0] = (-2.5).into());
    let (code, printed) = against(&["--precision", "int8"]);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("only ids and texts"), "{printed}");
    assert_eq!(against(&[]).0, 1);
    write(&|search| search["ids"][0][2] = 5.into());
    let (code, printed) = against(&["--precision", "int8"]);
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("rounding not tried; the reference's first two tokens are at least"), "{printed}");
}

#[test]
#[ignore = "needs PyTorch and transformers: INDIC_SEAMLESS_PYTHON names a Python that has them"]
fn two_commands_prove_parity() {
    let python = std::env::var("INDIC_SEAMLESS_PYTHON").expect("INDIC_SEAMLESS_PYTHON");
    let tiny = golden_dir().join("tiny");
    let dir = tempfile::tempdir().expect("folder");
    let out = dir.path().join("recorded");
    let script = golden_dir().join("../../tools/reference/record.py");
    let clips = ["hi_16k.wav", "en_8k_stereo.wav"].map(|clip| tiny.join("audio").join(clip));
    let mut record = std::process::Command::new(python);
    record.arg(script).arg("--model").arg(tiny.join("model")).arg("--out").arg(&out);
    record.args(["--lang", "hin", "--lang", "eng", "--float64", "--weight-noise"]).args(clips);
    assert!(record.status().expect("run").success());
    let (code, printed) = run(&[path(&tiny.join("model")), "--against", path(&out)]);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("hi_16k: pass") && printed.contains("en_8k_stereo: pass"), "{printed}");
}
