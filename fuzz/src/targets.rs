//! The table of all targets.

use crate::{
    Target, audio, checkpoint, decoders, kernels, packets, programs, realtime, requests, search, segmenter, subtitles,
    tokenizers, weights,
};

/// All targets.
pub static TARGETS: &[Target] = &[
    // Recordings by container.
    Target::recording("wav", |data| audio::file(data, "wav")).kibibytes(8),
    Target::recording("w64", |data| audio::file(data, "w64")).kibibytes(8),
    Target::recording("aiff", |data| audio::file(data, "aiff")).kibibytes(8),
    Target::recording("au", |data| audio::file(data, "au")).kibibytes(8),
    Target::recording("caf", |data| audio::file(data, "caf")).kibibytes(8),
    Target::recording("flac", |data| audio::file(data, "flac")).kibibytes(8),
    Target::recording("mp3", |data| audio::file(data, "mp3")).kibibytes(8),
    Target::recording("adts", |data| audio::file(data, "aac")).kibibytes(8),
    Target::recording("mp4", |data| audio::file(data, "mp4")).kibibytes(8),
    Target::recording("ogg", audio::ogg).kibibytes(8),
    Target::recording("mkv", |data| audio::file(data, "webm")).kibibytes(8),
    // Codecs.
    Target::recording("codec_samples", packets::samples),
    Target::recording("codec_aac", packets::aac),
    Target::recording("codec_alac", packets::alac),
    Target::recording("codec_flac", packets::flac),
    Target::recording("codec_mpeg", packets::mpeg),
    Target::recording("codec_opus", packets::opus),
    Target::recording("codec_vorbis", packets::vorbis).kibibytes(8),
    // Recordings against another way to read them.
    Target::recording("pipe", audio::pipe).kibibytes(8),
    Target::recording("wav_and_hound", decoders::wav).kibibytes(8),
    // claxon reserves as much as a header says.
    Target::new("flac_and_claxon", decoders::flac).mebibytes(256).kibibytes(8),
    // Checkpoints.
    Target::new("config", checkpoint::config),
    Target::new("generation_config", checkpoint::generation),
    Target::new("safetensors", checkpoint::safetensors),
    Target::new("shards", checkpoint::shards),
    Target::new("weights", weights::float),
    Target::new("weights_int8", weights::int8),
    Target::new("weights_int4", weights::int4),
    Target::new("sentencepiece", tokenizers::sentencepiece),
    Target::new("tokenizer_json", tokenizers::json),
    Target::new("tokenizer_config", tokenizers::config),
    // From speech to subtitles.
    Target::new("kernel_int8", kernels::int8),
    Target::new("kernel_int4", kernels::int4),
    Target::new("kernel_float", kernels::float),
    Target::new("segmenter", segmenter::segmenter).kibibytes(1),
    Target::new("stream", search::stream).mebibytes(64).kibibytes(1),
    Target::new("together", search::together).mebibytes(64).kibibytes(1),
    Target::new("subtitles", subtitles::subtitles),
    // Requests, events and lists.
    Target::new("form", requests::form).mebibytes(64).kibibytes(8),
    Target::new("json", requests::json).mebibytes(64).kibibytes(8),
    Target::new("openai", requests::openai).mebibytes(64).kibibytes(8),
    Target::new("request", requests::request).mebibytes(64).kibibytes(8),
    Target::new("realtime", realtime::realtime).mebibytes(64).kibibytes(8),
    Target::new("lambda_event", programs::lambda_event),
    Target::new("manifest", programs::manifest),
    Target::new("message", programs::message),
];
