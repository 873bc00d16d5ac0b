//! Broken, incomplete and contradictory checkpoints, and unusual ones that must load.

mod common;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::Path,
    time::{Duration, SystemTime},
};

use common::spoil::Copy;
use indic_seamless::{
    Error, Language, Precision, Transcriber, Waveform,
    checkpoint::{Checkpoint, WeightAccess},
};
use safetensors::Dtype;

fn transcribe(transcriber: &Transcriber) -> String {
    let audio = Waveform::open(common::golden_dir().join("tiny/audio/hi_16k.wav")).expect("clip");
    transcriber.transcribe(&audio, "eng".parse().expect("language")).expect("transcript").text
}

const TEXT: &str = "The weather is pleasant today.";

#[test]
fn missing_files_are_named() {
    for file in ["config.json", "generation_config.json", "model.safetensors"] {
        let error = Copy::of("tiny").remove(file).error();
        assert!(matches!(&error, Error::MissingFile { wanted, .. } if wanted.contains(file)), "{error}");
    }
    let error = Copy::of("tiny").remove("sentencepiece.bpe.model").remove("tokenizer.json").error();
    assert!(matches!(&error, Error::MissingFile { wanted, .. } if wanted.contains("tokenizer.json")), "{error}");
    let error = Copy::of("tiny-bf16-sharded").remove("model-00002-of-00003.safetensors").error();
    assert!(matches!(&error, Error::MissingFile { wanted, .. } if wanted.contains("00002")), "{error}");
    let error = Transcriber::from_dir("/no/such/folder").expect_err("no folder");
    assert!(matches!(error, Error::MissingFile { .. }), "{error}");
}

#[test]
fn what_can_be_missing_may_be_missing() {
    let copy = Copy::of("tiny").remove("preprocessor_config.json").remove("tokenizer.json");
    let copy = copy.remove("added_tokens.json").remove("special_tokens_map.json");
    assert_eq!(transcribe(&copy.load().expect("loads")), TEXT);
    let copy = Copy::of("tiny").remove("sentencepiece.bpe.model");
    assert_eq!(transcribe(&copy.load().expect("loads")), TEXT);
}

#[test]
fn broken_files_are_named() {
    let broken = |file: &str, copy: Copy| {
        let error = copy.error();
        assert!(matches!(&error, Error::InvalidFile { path, .. } if path.ends_with(file)), "{file}: {error}");
    };
    for file in ["config.json", "generation_config.json", "preprocessor_config.json"] {
        broken(file, Copy::of("tiny").write(file, "{\"vocab_size\": "));
    }
    broken("model.safetensors", Copy::of("tiny").write("model.safetensors", ""));
    broken("model.safetensors", Copy::of("tiny").write("model.safetensors", [0xff; 64]));
    let index = "model.safetensors.index.json";
    broken(index, Copy::of("tiny-bf16-sharded").write(index, "[]"));
    let elsewhere = r#"{"weight_map": {"shared.weight": "../model.safetensors"}}"#;
    broken(index, Copy::of("tiny-bf16-sharded").write(index, elsewhere));

    let copy = Copy::of("tiny");
    let whole = fs::read(copy.path("model.safetensors")).expect("read");
    let mut header = whole.clone();
    header[20] = b'{';
    broken("model.safetensors", copy.write("model.safetensors", header));
    for kept in [4, 100, whole.len() / 2, whole.len() - 1] {
        broken("model.safetensors", Copy::of("tiny").write("model.safetensors", &whole[..kept]));
    }
    let shard = "model-00003-of-00003.safetensors";
    let copy = Copy::of("tiny-bf16-sharded");
    let bytes = fs::read(copy.path(shard)).expect("read");
    broken(shard, copy.write(shard, &bytes[..bytes.len() - 2]));
}

#[test]
fn contradictions_name_the_tensor_or_the_key() {
    let shape = |key: &str, value: u64| Copy::of("tiny").set("config.json", key, value).error();
    let error = shape("decoder_ffn_dim", 256);
    let wanted = "text_decoder.layers.0.ffn.fc1.weight";
    assert!(
        matches!(&error, Error::TensorShape { name, found, wanted: shape, .. }
            if name == wanted && found == &[128, 64] && shape == &[256, 64]),
        "{error}"
    );
    let error = shape("speech_encoder_layers", 4);
    assert!(
        matches!(&error, Error::MissingTensor { name, .. } if name.starts_with("speech_encoder.encoder.layers.3.")),
        "{error}"
    );
    for (key, value) in [
        ("speech_encoder_attention_heads", 5),
        ("decoder_attention_heads", 0),
        ("hidden_size", 63),
        ("num_adapter_layers", 2),
        ("feature_projection_input_dim", 80),
        ("adaptor_stride", 0),
        ("adaptor_stride", 1_000_000_000),
        // A short recording has no window of so many taps.
        ("adaptor_kernel_size", 10),
        ("conv_depthwise_kernel_size", 1_000_000_000),
        ("left_max_position_embeddings", 1_000_000_000),
        ("right_max_position_embeddings", 1_000_000_000),
        ("eos_token_id", 5000),
    ] {
        let error = shape(key, value);
        assert!(matches!(&error, Error::InvalidConfig { key: found, .. } if found == key), "{key}: {error}");
    }
    let error = Copy::of("tiny").set("config.json", "position_embeddings_type", "rotary").error();
    assert!(matches!(error, Error::InvalidConfig { .. }), "{error}");
    // The output projection would be another matrix than the embedding.
    let error = Copy::of("tiny").set("config.json", "tie_word_embeddings", false).error();
    assert!(matches!(&error, Error::InvalidConfig { key, .. } if key == "tie_word_embeddings"), "{error}");
    let error = Copy::of("tiny").set("config.json", "activation_function", "tanh").error();
    assert!(matches!(error, Error::InvalidFile { .. }), "{error}");
    let error = Copy::of("tiny").set("preprocessor_config.json", "sampling_rate", 8000).error();
    assert!(matches!(&error, Error::InvalidConfig { key, .. } if key == "sampling_rate"), "{error}");
    // A language's token beyond the vocabulary.
    let languages = serde_json::json!({"eng": 70_000});
    let error = Copy::of("tiny").set("generation_config.json", "text_decoder_lang_to_code_id", languages).error();
    assert!(matches!(error, Error::TokenOutOfRange { id: 70_000, vocabulary: 1102, .. }), "{error}");
    // A vocabulary smaller than the tokenizer's ids.
    let error = Copy::of("tiny").set("config.json", "vocab_size", 900).error();
    assert!(matches!(error, Error::TokenOutOfRange { vocabulary: 900, .. }), "{error}");
}

#[test]
fn wrong_tensors_are_named() {
    let name = "speech_encoder.inner_layer_norm.weight";
    let error = Copy::of("tiny").tensors(|tensors| drop(tensors.remove(name))).error();
    assert!(matches!(&error, Error::MissingTensor { name: n, wanted, .. } if n == name && wanted == &[64]), "{error}");
    let integers =
        |tensors: &mut BTreeMap<_, _>| drop(tensors.insert(name.to_owned(), (Dtype::I32, vec![64], vec![0; 256])));
    let error = Copy::of("tiny").tensors(integers).error();
    assert!(matches!(&error, Error::TensorType { name: n, found, .. } if n == name && found == "I32"), "{error}");
}

#[test]
fn the_full_model_and_either_name_of_the_embedding_load() {
    let superset = Copy::of("tiny").tensors(|tensors| {
        let unused = (Dtype::I64, vec![2], vec![0; 16]);
        tensors.insert("t2u_model.model.encoder.layers.0.weight".to_owned(), unused.clone());
        tensors.insert("vocoder.dur_predictor.conv1.weight".to_owned(), unused);
    });
    assert_eq!(transcribe(&superset.load().expect("superset")), TEXT);
    for alias in ["text_decoder.embed_tokens.weight", "lm_head.weight"] {
        let renamed = Copy::of("tiny").tensors(|tensors| {
            let embedding = tensors.remove("shared.weight").expect("embedding");
            tensors.insert(alias.to_owned(), embedding);
        });
        assert_eq!(transcribe(&renamed.load().expect(alias)), TEXT);
    }
}

#[test]
fn a_header_of_odd_length_leaves_tensors_unaligned_but_loads() {
    let copy = Copy::of("tiny");
    let bytes = fs::read(copy.path("model.safetensors")).expect("read");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes"));
    let mut shifted = (length + 3).to_le_bytes().to_vec();
    shifted.extend_from_slice(&bytes[8..8 + length as usize]);
    shifted.extend_from_slice(b"   ");
    shifted.extend_from_slice(&bytes[8 + length as usize..]);
    assert_eq!(transcribe(&copy.write("model.safetensors", shifted).load().expect("loads")), TEXT);
}

#[test]
fn a_checkpoint_in_memory_is_as_good_as_a_folder() {
    for golden in ["tiny", "tiny-bf16-sharded"] {
        let dir = common::golden_dir().join(golden).join("model");
        let files = || {
            let entries = fs::read_dir(&dir).expect("model").map(|entry| entry.expect("entry").path());
            entries.map(|path| {
                let name = path.file_name().expect("name").to_string_lossy().into_owned();
                (name, Cow::Owned(fs::read(path).expect("read")))
            })
        };
        let load = |checkpoint| Transcriber::builder().build_checkpoint(checkpoint, &mut |_, _| {});
        let transcriber = load(Checkpoint::from_files(golden, files()).expect("opens")).expect("loads");
        assert_eq!(transcribe(&transcriber), transcribe(&Transcriber::from_dir(&dir).expect("loads")));

        let less =
            files().filter(|(name, _)| !name.contains("safetensors") || name == "model-00001-of-00003.safetensors");
        let error = Checkpoint::from_files(golden, less).expect_err("no weights");
        assert!(matches!(&error, Error::MissingFile { dir, .. } if dir == Path::new(golden)), "{error}");
    }
}

#[test]
fn a_language_with_two_tokens_is_refused() {
    // In the tokenizer 1022 is English, and Tamil another one.
    let tamil = Checkpoint::open(common::golden_dir().join("tiny/model")).expect("opens");
    let tamil = tamil.tokenizer().language_id("tam".parse().expect("language")).expect("Tamil");
    let languages = serde_json::json!({"eng": 1022, "tam": 1022});
    let error = Copy::of("tiny").set("generation_config.json", "text_decoder_lang_to_code_id", languages).error();
    assert!(
        matches!(&error, Error::InvalidConfig { path, key, found, wanted }
            if path.ends_with("generation_config.json") && key == "text_decoder_lang_to_code_id.tam" && found == "1022"
                && wanted.contains(&tamil.to_string())),
        "{error}"
    );
    // Codes that this crate does not know are not compared.
    let languages = serde_json::json!({"eng": 1022, "xyz": 1023});
    let copy = Copy::of("tiny").set("generation_config.json", "text_decoder_lang_to_code_id", languages);
    assert_eq!(copy.load().expect("loads").checkpoint().languages().collect::<Vec<_>>(), ["eng", "xyz"]);
    // English is only in the map, Zulu only in the tokenizer.
    let token = serde_json::json!({"1098": {"content": "__zul__", "special": true}});
    let languages = serde_json::json!({"eng": 1022});
    let copy = Copy::of("tiny").set("generation_config.json", "text_decoder_lang_to_code_id", languages);
    let copy = copy.set("tokenizer_config.json", "added_tokens_decoder", token);
    assert_eq!(copy.load().expect("loads").checkpoint().languages().collect::<Vec<_>>(), ["eng"]);
}

#[test]
fn a_language_that_only_this_crate_knows_is_refused() {
    let languages = serde_json::json!({"eng": 1022});
    let copy = Copy::of("tiny").set("generation_config.json", "text_decoder_lang_to_code_id", languages);
    let transcriber = copy.load().expect("loads");
    let audio = Waveform::open(common::golden_dir().join("tiny/audio/hi_16k.wav")).expect("clip");
    let hindi: Language = "hin".parse().expect("language");
    let error = transcriber.transcribe(&audio, hindi).expect_err("unknown");
    assert!(
        matches!(&error, Error::UnknownLanguage { found, known, .. } if found == "hin" && known == &["eng"]),
        "{error}"
    );
}

/// Puts `value` in the place of an element of a tensor of `f32`.
fn spoil(name: &'static str, element: usize, value: f32) -> Copy {
    Copy::of("tiny").tensors(|tensors| {
        let bytes = &mut tensors.get_mut(name).expect(name).2;
        bytes[4 * element..][..4].copy_from_slice(&value.to_le_bytes());
    })
}

const NORM: &str = "text_decoder.layers.0.ffn_layer_norm.weight";
const FC1: &str = "text_decoder.layers.0.ffn.fc1.weight";
const EMBEDDING: &str = "shared.weight";

#[test]
fn weights_that_are_no_numbers_are_found_when_they_are_read() {
    for (name, element, value) in [(NORM, 7, f32::NAN), (FC1, 130, f32::INFINITY), (FC1, 0, f32::NEG_INFINITY)] {
        let error = spoil(name, element, value).error();
        assert!(
            matches!(&error, Error::NonFiniteWeight { name: found, index, path, .. }
                if found == name && *index == element && path.ends_with("model.safetensors")),
            "{error}"
        );
    }
    // Mapped, a large matrix is not read before it is used; converted, it is.
    let copy = spoil(EMBEDDING, 1000, f32::NAN);
    for precision in [Precision::Bf16, Precision::Int8, Precision::Int4] {
        let error = Transcriber::builder().precision(precision).build(copy.dir()).expect_err("not a number");
        assert!(matches!(&error, Error::NonFiniteWeight { index: 1000, .. }), "{precision}: {error}");
    }
    let feed_forward = "text_decoder.layers.0.ffn.fc1.weight";
    for (copy, name) in [(copy, EMBEDDING), (spoil(feed_forward, 1000, f32::NAN), feed_forward)] {
        let source = Checkpoint::open(copy.dir()).expect("opens");
        for precision in [Precision::Int8, Precision::Int4] {
            let target = copy.path("quantised");
            let error = source.quantize(&target, precision, &mut |_, _| {}).expect_err("quantised");
            assert!(matches!(&error, Error::NonFiniteWeight { name: found, .. } if found == name), "{error}");
            assert!(!target.exists());
        }
    }
}

#[test]
fn scores_that_are_no_numbers_end_the_search() {
    let transcriber = spoil(EMBEDDING, 1000 * 64 + 3, f32::NAN).load().expect("loads");
    let audio = Waveform::open(common::golden_dir().join("tiny/audio/hi_16k.wav")).expect("clip");
    let error = transcriber.transcribe(&audio, Language::ENGLISH).expect_err("not a number");
    assert!(matches!(error, Error::NonFiniteLogit { token: 1000, .. }), "{error}");
}

#[test]
fn one_file_of_weights_counts_before_an_index_that_was_left_behind() {
    let stale = r#"{"weight_map": {"shared.weight": "model-00001-of-00009.safetensors"}}"#;
    let copy = Copy::of("tiny").write("model.safetensors.index.json", stale);
    assert_eq!(transcribe(&copy.load().expect("loads")), TEXT);
}

#[test]
fn every_token_of_the_model_must_have_a_text() {
    let error = Copy::of("tiny").set("config.json", "vocab_size", 2000).error();
    assert!(
        matches!(&error, Error::InvalidConfig { key, wanted, .. } if key == "vocab_size" && wanted.contains("1102")),
        "{error}"
    );
}

#[test]
fn without_a_map_of_languages_the_tokenizer_knows_them() {
    let copy = Copy::of("tiny").set("generation_config.json", "text_decoder_lang_to_code_id", serde_json::json!({}));
    let transcriber = copy.load().expect("loads");
    let whole = Copy::of("tiny").load().expect("loads");
    let languages = |transcriber: &Transcriber| -> Vec<String> {
        transcriber.checkpoint().languages().map(str::to_owned).collect()
    };
    assert!(languages(&whole).iter().all(|code| languages(&transcriber).contains(code)));
    assert_eq!(transcribe(&transcriber), TEXT);
}

#[test]
fn options_of_the_checkpoint_that_are_not_followed_are_named() {
    let copy = Copy::of("tiny").set("generation_config.json", "num_beam_groups", 2);
    let copy = copy.set("generation_config.json", "sequence_bias", serde_json::json!([[[5], -1.0]]));
    let checkpoint = Checkpoint::open(copy.dir()).expect("opens");
    assert_eq!(checkpoint.unsupported_options(), ["num_beam_groups: 2", "sequence_bias: [[[5],-1.0]]"]);
    let error = Copy::of("tiny").set("generation_config.json", "max_new_tokens", 2_000_000_000).error();
    assert!(matches!(&error, Error::InvalidConfig { key, .. } if key == "max_new_tokens"), "{error}");
    let error = Copy::of("tiny").set("generation_config.json", "decoder_start_token_id", 300_000).error();
    assert!(matches!(&error, Error::TokenOutOfRange { id: 300_000, .. }), "{error}");
}

#[test]
fn a_file_that_changes_under_its_mapping_is_an_error() {
    let change = |change: &dyn Fn(&File)| {
        let copy = Copy::of("tiny");
        let mapped = copy.load().expect("loads");
        let copied = Transcriber::builder().weight_access(WeightAccess::Copy).build(copy.dir()).expect("loads");
        assert_eq!(transcribe(&mapped), TEXT);
        change(&File::options().write(true).open(copy.path("model.safetensors")).expect("open"));
        let audio = Waveform::open(common::golden_dir().join("tiny/audio/hi_16k.wav")).expect("clip");
        let error = mapped.transcribe(&audio, Language::ENGLISH).expect_err("changed");
        assert!(matches!(&error, Error::FileChanged { path, .. } if path.ends_with("model.safetensors")), "{error}");
        assert_eq!(transcribe(&copied), TEXT);
    };
    change(&|file| file.set_len(100).expect("shorten"));
    change(&|mut file| {
        file.seek(SeekFrom::Start(100_000)).expect("seek");
        file.write_all(&[1; 1000]).expect("write");
        // A clock that ticks every few milliseconds may stamp the file as it was.
        file.set_modified(SystemTime::now() + Duration::from_secs(1)).expect("time");
    });
    // Renaming a new file over it is safe: the old one lives on as long as it is in use.
    let copy = Copy::of("tiny");
    let transcriber = copy.load().expect("loads");
    fs::write(copy.path("new"), "no weights").expect("write");
    fs::rename(copy.path("new"), copy.path("model.safetensors")).expect("rename");
    assert_eq!(transcribe(&transcriber), TEXT);
}

#[test]
fn a_file_that_is_cut_short_while_the_model_computes_is_an_error() {
    // When it is cut is left to chance: before a step, in it, or while its weights are read.
    for round in 0..20 {
        let copy = Copy::of("tiny");
        let transcriber = copy.load().expect("loads");
        let audio = Waveform::open(common::golden_dir().join("tiny/audio/hi_16k.wav")).expect("clip");
        let errors = std::thread::scope(|scope| {
            let until_error = || loop {
                match transcriber.transcribe(&audio, Language::ENGLISH) {
                    Ok(transcript) => assert_eq!(transcript.text, TEXT),
                    Err(error) => return error,
                }
            };
            let callers = [(); 3].map(|()| scope.spawn(until_error));
            std::thread::sleep(Duration::from_micros(20_000 + 1_700 * round));
            File::options().write(true).open(copy.path("model.safetensors")).expect("open").set_len(100).expect("cut");
            callers.map(|caller| caller.join().expect("no panic"))
        });
        for error in errors {
            assert!(
                matches!(&error, Error::FileChanged { path, .. } if path.ends_with("model.safetensors")),
                "{error}"
            );
        }
    }
}
