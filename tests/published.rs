//! The published checkpoint by its names, types and shapes: 6 GB of tensors in sparse files, which take no space.
//!
//! `golden/published.tsv` lists them, as `golden/published.py` has them from transformers.

// Elsewhere a file of 6 GB is as large as it says.
#![cfg(unix)]

#[path = "../indic-seamless-cli/src/memory.rs"]
mod memory;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::Path,
    sync::LazyLock,
    time::{Duration, Instant},
};

use indic_seamless::{
    Backend, Error, Language, Precision,
    checkpoint::{
        Checkpoint,
        check::{CheckOptions, CheckProblemKind, CheckReport},
    },
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

const PARAMETERS: u64 = 1_501_842_240;
const BYTES: u64 = 4 * PARAMETERS;
/// The most bytes of tensors in a shard, as transformers writes them.
const SHARD: u64 = 5_000_000_000;
/// Pieces of the published `SentencePiece` model, one less than the id of the first language.
const PIECES: usize = 256_000;

/// Tensors by name, with their shapes; all are F32.
type Tensors = BTreeMap<String, Vec<u64>>;

fn published() -> Tensors {
    let row = |line: &str| {
        let [name, "F32", shape] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        (name.to_owned(), serde_json::from_str(shape).expect("shape"))
    };
    include_str!("golden/published.tsv").lines().map(row).collect()
}

fn bytes(shape: &[u64]) -> u64 {
    4 * shape.iter().product::<u64>()
}

/// Writes a safetensors file of zeros.
fn sparse(path: &Path, tensors: &[(&String, &Vec<u64>)]) {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!({"format": "pt"}));
    let mut end = 0;
    for (name, shape) in tensors {
        let start = end;
        end += bytes(shape);
        header.insert((*name).clone(), json!({"dtype": "F32", "shape": shape, "data_offsets": [start, end]}));
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = File::create(path).expect("create");
    file.write_all(&(header.len() as u64).to_le_bytes()).expect("write");
    file.write_all(&header).expect("write");
    file.set_len(8 + header.len() as u64 + end).expect("length");
}

/// Writes the weights: in one file, or in shards with an index.
fn write_weights(dir: &Path, tensors: &Tensors, sharded: bool) {
    let tensors: Vec<_> = tensors.iter().collect();
    if !sharded {
        return sparse(&dir.join("model.safetensors"), &tensors);
    }
    let (mut shards, mut size) = (vec![Vec::new()], 0);
    for tensor in tensors {
        size += bytes(tensor.1);
        if size > SHARD {
            shards.push(Vec::new());
            size = bytes(tensor.1);
        }
        shards.last_mut().expect("a shard").push(tensor);
    }
    let mut places = Map::new();
    for (i, shard) in shards.iter().enumerate() {
        let name = format!("model-{:05}-of-{:05}.safetensors", i + 1, shards.len());
        sparse(&dir.join(&name), shard);
        places.extend(shard.iter().map(|&(tensor, _)| (tensor.clone(), name.clone().into())));
    }
    let index = json!({"metadata": {"total_size": BYTES}, "weight_map": places});
    fs::write(dir.join("model.safetensors.index.json"), index.to_string()).expect("write");
}

/// The small files by name: of the published sizes, with pieces of no meaning.
static SMALL: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
    let languages: Vec<(Language, usize)> = Language::all().zip(PIECES + 1..).collect();
    let map: Map<String, Value> = languages.iter().map(|&(l, id)| (l.code().to_owned(), id.into())).collect();
    let texts: Map<String, Value> = (0..256_102).map(|id| (id.to_string(), format!("▁w{id:x}").into())).collect();
    let generation = json!({"decoder_start_token_id": 3, "eos_token_id": 3, "max_new_tokens": 256, "pad_token_id": 0,
        "text_decoder_lang_to_code_id": map, "id_to_text": texts, "char_to_id": {"a": 4}});
    let added: Map<String, Value> = languages.iter().map(|&(l, id)| (l.token(), id.into())).collect();
    vec![
        ("config.json", json!({"architectures": ["SeamlessM4Tv2ForSpeechToText"]}).to_string().into_bytes()),
        ("generation_config.json", generation.to_string().into_bytes()),
        ("added_tokens.json", Value::Object(added).to_string().into_bytes()),
        ("sentencepiece.bpe.model", pieces()),
    ]
});

/// A `SentencePiece` model: fields 1 are pieces, with text, score and kind; field 2 has the algorithm, BPE.
fn pieces() -> Vec<u8> {
    let mut model = Vec::new();
    for i in 0..PIECES {
        let (text, kind) = match i {
            0 => ("<unk>".to_owned(), 2),
            1 => ("<s>".to_owned(), 3),
            2 => ("</s>".to_owned(), 3),
            _ => (format!("▁w{i:x}"), 1),
        };
        let mut piece = vec![0x0a, text.len() as u8];
        piece.extend(text.as_bytes());
        piece.push(0x15);
        piece.extend((-(i as f32)).to_le_bytes());
        piece.extend([0x18, kind]);
        model.extend([0x0a, piece.len() as u8]);
        model.extend(piece);
    }
    model.extend([0x12, 0x02, 0x18, 0x02]);
    model
}

fn checkpoint(tensors: &Tensors, sharded: bool) -> TempDir {
    let dir = tempfile::tempdir().expect("folder");
    for (name, content) in SMALL.iter() {
        fs::write(dir.path().join(name), content).expect("write");
    }
    write_weights(dir.path(), tensors, sharded);
    dir
}

/// Names, shapes and small files; to read 6 GB of zeros takes too long.
fn check(dir: &Path) -> CheckReport {
    CheckOptions::new().hashes(false).values(false).folder(dir, &mut |_, _| {})
}

#[test]
fn six_gigabytes_are_mapped_not_read() {
    for (sharded, files) in [(true, 3), (false, 1)] {
        let dir = checkpoint(&published(), sharded);
        assert_eq!(dir.path().read_dir().expect("folder").count(), 4 + files);
        let started = Instant::now();
        let checkpoint = Checkpoint::open(dir.path()).expect("opens");
        let opened = started.elapsed();
        let mut last = (0, 0);
        let device = Backend::Flex.device().expect("device");
        let model = checkpoint.load(Precision::F32, &device, &mut |done, all| last = (done, all)).expect("loads");
        let (all, peak) = (started.elapsed(), memory::peak_rss_bytes());
        println!("sharded {sharded}: opened in {opened:?}, loaded in {:?}, peak {peak:?}", all.checked_sub(opened));
        assert_eq!(last, (BYTES, BYTES));
        assert_eq!(burn::module::Module::num_params(&model) as u64, PARAMETERS);
        assert_eq!((checkpoint.precision(), checkpoint.languages().count()), (Precision::F32, 98));
        assert!(all < Duration::from_secs(10), "{all:?}");
        assert!(peak.is_none_or(|peak| peak < 1_000_000_000), "{peak:?}");
    }
}

#[test]
fn the_check_finds_nothing_wrong() {
    for sharded in [true, false] {
        let dir = checkpoint(&published(), sharded);
        let report = check(dir.path());
        println!("{report}");
        assert_eq!(report.problems, []);
        let tensors = report.tensors.expect("tensors");
        assert_eq!((tensors.wanted, tensors.found), (1429, 1429));
        assert_eq!((tensors.parameters, tensors.bytes), (PARAMETERS, BYTES));
        assert!(tensors.ignored.is_empty(), "{:?}", tensors.ignored);
        let languages = report.languages.expect("languages");
        assert_eq!((report.tokenizer_size, languages.map, languages.tokenizer), (Some(256_102), Some(98), 98));

        let [f32, bf16, int8, int4] = report.memory[..] else { panic!("{:?}", report.memory) };
        assert_eq!((f32.in_place, f32.converted), (BYTES, 0));
        let gigabytes = |bytes: u64| (bytes as f64 / 1e7).round() / 100.0;
        assert_eq!([bf16, int8, int4].map(|memory| gigabytes(memory.in_place + memory.converted)), [3.01, 1.51, 1.32]);
        // Keys and values of 24 layers, 1024 wide, in f32.
        let caches = report.caches.expect("caches");
        assert_eq!((caches.per_token, caches.per_second), (196_608, 1_228_800));
    }
}

#[test]
fn a_full_model_is_as_good() {
    let mut tensors = published();
    for (name, shape) in [
        ("t2u_model.lm_head.weight", vec![10_082, 1024]),
        ("t2u_model.model.encoder.layers.0.fc1.weight", vec![8192, 1024]),
        ("text_encoder.layers.0.fc1.weight", vec![8192, 1024]),
        ("vocoder.hifi_gan.conv_pre.weight", vec![512, 1792, 7]),
    ] {
        tensors.insert(name.to_owned(), shape);
    }
    let dir = checkpoint(&tensors, true);
    let report = check(dir.path());
    assert_eq!(report.problems, []);
    let tensors = report.tensors.expect("tensors");
    assert_eq!((tensors.found, tensors.parameters), (1429, PARAMETERS));
    let ignored: Vec<_> = tensors.ignored.iter().map(|(prefix, count)| (prefix.as_str(), count.tensors)).collect();
    assert_eq!(ignored, [("t2u_model", 2), ("text_encoder", 1), ("vocoder", 1)]);
    Checkpoint::open(dir.path()).expect("opens");
}

#[test]
fn what_is_wrong_is_named() {
    let renamed = "text_decoder.layers.23.ffn.fc1.weight";
    let missing = "speech_encoder.encoder.layers.7.conv_module.depthwise_conv.weight";
    let reshaped = "speech_encoder.encoder.layers.0.self_attn.distance_embedding.weight";
    let mut tensors = published();
    let fc1 = tensors.remove(renamed).expect("fc1");
    tensors.insert(renamed.replace("fc1", "fc_1"), fc1);
    tensors.remove(missing).expect("convolution");
    tensors.insert(reshaped.to_owned(), vec![64, 73]);
    for sharded in [true, false] {
        let dir = checkpoint(&tensors, sharded);
        let report = check(dir.path());
        let found: Vec<_> = report.problems.iter().map(|p| (p.kind, p.place.as_deref().unwrap_or_default())).collect();
        let wanted = [
            (CheckProblemKind::MissingTensor, missing),
            (CheckProblemKind::MissingTensor, renamed),
            (CheckProblemKind::TensorShape, reshaped),
        ];
        assert_eq!(found, wanted);
        assert_eq!(report.problems[2].found, "[64, 73]");
        assert_eq!(report.tensors.expect("tensors").ignored["text_decoder"].tensors, 1);

        let checkpoint = Checkpoint::open(dir.path()).expect("opens");
        let device = Backend::Flex.device().expect("device");
        let error = checkpoint.load(Precision::F32, &device, &mut |_, _| {}).expect_err("should not load");
        assert!(
            matches!(&error, Error::MissingTensor { name, .. } | Error::TensorShape { name, .. }
                if wanted.iter().any(|(_, wanted)| wanted == name)),
            "{error}"
        );
    }
}
