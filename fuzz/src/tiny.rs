//! A checkpoint of a few kilobytes: a model with one layer of each kind, whose weights are noise.

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use burn::tensor::Device;
use indic_seamless::{Error, Precision, Result, checkpoint::Checkpoint};
use serde_json::{Map, Value, json};

/// The files of a checkpoint by name.
pub(crate) type Files = BTreeMap<&'static str, Vec<u8>>;

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const GENERATION: &str = "generation_config.json";
pub(crate) const SENTENCEPIECE: &str = "sentencepiece.bpe.model";
pub(crate) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";
pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// The checkpoint.
pub(crate) static TINY: LazyLock<Files> = LazyLock::new(|| {
    let mut files = small_files();
    files.insert(WEIGHTS, WHOLE.bytes());
    files
});

/// Its weights.
pub(crate) static WHOLE: LazyLock<TensorFile> = LazyLock::new(|| weights(&small_files()));

/// Its weights in bytes.
pub(crate) static INT8: LazyLock<TensorFile> = LazyLock::new(|| quantised(Precision::Int8));

/// Its weights, some of them in half bytes.
pub(crate) static INT4: LazyLock<TensorFile> = LazyLock::new(|| quantised(Precision::Int4));

fn quantised(precision: Precision) -> TensorFile {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("quantised");
    open(&TINY)
        .and_then(|checkpoint| checkpoint.quantize(&dir, precision, &mut |_, _| {}))
        .expect("a quantised checkpoint");
    TensorFile::parse(&std::fs::read(dir.join(WEIGHTS)).expect("weights"))
}

/// Opens files as a checkpoint in memory.
pub(crate) fn open(files: &Files) -> Result<Checkpoint> {
    Checkpoint::from_files("fuzz", listed(files))
}

/// The files as `Checkpoint` and `CheckOptions` take them.
pub(crate) fn listed(files: &Files) -> impl Iterator<Item = (String, Cow<'static, [u8]>)> {
    files.iter().map(|(name, bytes)| ((*name).to_owned(), Cow::Owned(bytes.clone())))
}

fn small_files() -> Files {
    let config = json!({
        "vocab_size": 21, "hidden_size": 8, "max_position_embeddings": 32, "max_new_tokens": 8,
        "decoder_layers": 1, "decoder_ffn_dim": 8, "decoder_attention_heads": 2,
        "speech_encoder_layers": 1, "speech_encoder_attention_heads": 2, "speech_encoder_intermediate_size": 8,
        "conv_depthwise_kernel_size": 3, "left_max_position_embeddings": 4, "right_max_position_embeddings": 2,
    });
    let generation = json!({ "max_new_tokens": 8, "text_decoder_lang_to_code_id": { "eng": 16, "hin": 17 } });
    let token = |text: &str| json!({ "content": text, "special": true });
    let tokenizer = json!({ "added_tokens_decoder": { "16": token("__eng__"), "17": token("__hin__") } });
    BTreeMap::from([
        (CONFIG, config.to_string().into_bytes()),
        (GENERATION, generation.to_string().into_bytes()),
        (TOKENIZER_CONFIG, tokenizer.to_string().into_bytes()),
        (SENTENCEPIECE, sentencepiece()),
    ])
}

/// A model of `SentencePiece` with a few letters and pairs of them.
fn sentencepiece() -> Vec<u8> {
    let pieces = [
        ("<unk>", 2),
        ("<s>", 3),
        ("</s>", 3),
        ("▁", 1),
        ("a", 1),
        ("b", 1),
        ("c", 1),
        ("ab", 1),
        ("▁a", 1),
        ("▁ab", 1),
        ("न", 1),
        ("म", 1),
        ("नम", 1),
        (".", 1),
        ("bc", 1),
    ];
    let mut bytes = Vec::new();
    for ((text, kind), score) in pieces.into_iter().zip(0_i16..) {
        let score = f32::from(-score).to_le_bytes();
        let piece = [&[0x0a, text.len() as u8], text.as_bytes(), &[0x15], &score, &[0x18, kind]].concat();
        bytes.extend([&[0x0a, piece.len() as u8], &piece[..]].concat());
    }
    // The algorithm is BPE.
    bytes.extend(b"\x12\x02\x18\x02");
    bytes
}

/// The tensors that the loader asks for, one by one.
fn weights(small: &Files) -> TensorFile {
    let mut random = fastrand::Rng::with_seed(1);
    let mut file = TensorFile { tensors: Vec::new(), data: Vec::new(), metadata: Map::new() };
    loop {
        let mut files = small.clone();
        files.insert(WEIGHTS, file.bytes());
        let loaded =
            open(&files).and_then(|checkpoint| checkpoint.load(Precision::F32, &Device::flex(), &mut |_, _| {}));
        match loaded {
            Ok(_) => return file,
            Err(Error::MissingTensor { name, wanted, .. }) => {
                let begin = file.data.len() as u64;
                let values = (0..wanted.iter().product()).map(|_| random.f32() - 0.5);
                file.data.extend(values.flat_map(f32::to_le_bytes));
                let shape = wanted.into_iter().map(|size| size as u64).collect();
                let offsets = [begin, file.data.len() as u64];
                file.tensors.push(Stored { name, dtype: "F32".to_owned(), shape, offsets });
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// A file of safetensors, which need not be right.
#[derive(Debug, Clone)]
pub(crate) struct TensorFile {
    pub(crate) tensors: Vec<Stored>,
    pub(crate) data: Vec<u8>,
    pub(crate) metadata: Map<String, Value>,
}

/// A tensor in the header.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) name: String,
    pub(crate) dtype: String,
    pub(crate) shape: Vec<u64>,
    pub(crate) offsets: [u64; 2],
}

impl TensorFile {
    /// Reads a file that is right.
    fn parse(bytes: &[u8]) -> Self {
        let (size, rest) = bytes.split_first_chunk().expect("a size");
        let (header, data) = rest.split_at(u64::from_le_bytes(*size) as usize);
        let header: Map<String, Value> = serde_json::from_slice(header).expect("a header");
        let mut file = Self { tensors: Vec::new(), data: data.to_vec(), metadata: Map::new() };
        for (name, value) in header {
            if name == "__metadata__" {
                file.metadata = value.as_object().cloned().unwrap_or_default();
                continue;
            }
            let numbers = |key: &str| -> Vec<u64> { serde_json::from_value(value[key].clone()).expect("numbers") };
            let offsets = numbers("data_offsets").try_into().expect("two offsets");
            let dtype = value["dtype"].as_str().unwrap_or_default().to_owned();
            file.tensors.push(Stored { name, dtype, shape: numbers("shape"), offsets });
        }
        file
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut header = Map::new();
        if !self.metadata.is_empty() {
            header.insert("__metadata__".to_owned(), Value::Object(self.metadata.clone()));
        }
        for Stored { name, dtype, shape, offsets } in &self.tensors {
            header.insert(name.clone(), json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets }));
        }
        let mut header = Value::Object(header).to_string().into_bytes();
        // The data is aligned.
        header.resize(header.len().next_multiple_of(64) - 8 + 64, b' ');
        [&(header.len() as u64).to_le_bytes()[..], &header, &self.data].concat()
    }
}
