//! What `indic-seamless transcribe` transcribes, and where the results go.

use std::path::PathBuf;

use super::{batch::ShardArg, options::Options};

/// Transcribe recordings, or translate them into another language
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Recordings (WAV, FLAC, MP3, M4A, Ogg, Opus, WebM, MKV), and folders of them; - for standard input, which is
    /// transcribed live, pause by pause, if its header does not tell its length
    ///
    /// Of a folder, and of the folders in it, the files are taken that have the ending of a recording, but for hidden ones.
    #[arg(required_unless_present = "manifest", conflicts_with = "manifest", value_name = "AUDIO")]
    pub(crate) files: Vec<PathBuf>,
    /// List of recordings with options of their own: JSON lines or CSV in a file or in S3, or - for standard input
    ///
    /// Columns: audio (a path from the manifest's folder on, or the URL of an object in S3), id (the name of the result), lang,
    /// num-beams, start, duration, channel, track, script. The exit code is 0 if all have results, 1 if some failed for good, 75 if some
    /// may succeed when the run is repeated, and 2 for wrong usage or a wrong manifest.
    #[arg(long, requires = "output", value_name = "FILE|s3://BUCKET/KEY|-")]
    pub(crate) manifest: Option<String>,
    /// The part of the manifest to do: the I-th of N, from 0; or auto, or auto/N, for the I of an array job in AWS Batch,
    /// Kubernetes or Slurm
    #[arg(long, requires = "manifest", value_name = "I/N|auto|auto/N")]
    pub(crate) shard: Option<ShardArg>,
    #[command(flatten)]
    pub(crate) options: Options,
    /// File for all results, or folder for the results of each recording [default: standard output]; for a manifest a folder,
    /// here or in S3
    ///
    /// A folder is one that exists or a name that ends in a slash. The result of call.wav in Hindi is call.hin.txt there, or
    /// .json, .srt, .vtt; with --lang auto it is call.auto.txt. Recordings in a folder that is given keep their place below
    /// it. Recordings of the same name get the folders above in which they differ (d1/call.hin.txt, d2/call.hin.txt), or keep
    /// their extensions (call.mp3.hin.txt, call.wav.hin.txt). Recordings whose results exist are skipped, so that an
    /// interrupted run can be continued.
    #[arg(long, value_name = "FILE|DIR|s3://BUCKET/PREFIX/")]
    pub(crate) output: Option<PathBuf>,
    /// Replace results that exist
    #[arg(long, requires = "output")]
    pub(crate) overwrite: bool,
}
