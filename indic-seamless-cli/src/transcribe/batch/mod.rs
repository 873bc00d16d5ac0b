//! `transcribe --manifest`: one task of a batch engine. It does its part of a list of recordings, and may be repeated.

#[cfg_attr(not(feature = "s3"), path = "no_buckets.rs")]
mod buckets;
mod copies;
mod failure;
pub mod fuzzing;
mod location;
mod manifest;
mod output;
mod row;
mod shard;
mod stores;
mod summary;
mod task;
#[cfg(feature = "s3")]
pub(crate) mod worker;

use std::{
    env, fs,
    io::{self, Read},
    process::ExitCode,
    sync::Arc,
    time::Instant,
};

use indic_seamless::{Error, Result};

pub(crate) use self::shard::ShardArg;
use self::{
    buckets::Buckets,
    failure::may_pass,
    location::{Base, Location},
    manifest::ManifestError,
    output::Output,
    row::Row,
    shard::Shard,
    stores::Stores,
    summary::Summary,
    task::Task,
};
use super::{
    args::Args,
    names::CASE_IS_IGNORED,
    options::{Channels, Options},
    results::Recordings,
};
use crate::Outcome;

/// `EX_TEMPFAIL` of sysexits.h: what failed may succeed when the run is repeated.
const TRY_AGAIN: u8 = 75;

/// Transcribes the rows of a shard.
pub(super) fn run(args: Args) -> Outcome {
    match transcribe(args) {
        Ok(summary) => {
            let (passing, lasting) = summary.lacking();
            if passing + lasting > 0 {
                eprintln!("error: {} of the shard's recordings have no results", passing + lasting);
            }
            Ok(ExitCode::from(if passing > 0 { TRY_AGAIN } else { u8::from(lasting > 0) }))
        }
        Err(BatchError::Other(error)) if !may_pass(&error) => Err(error.into()),
        Err(error) => {
            eprintln!("error: {error}");
            let is_usage =
                !matches!(&error, BatchError::NoManifest(error) | BatchError::Other(error) if may_pass(error));
            Ok(ExitCode::from(if is_usage { 2 } else { TRY_AGAIN }))
        }
    }
}

/// Why no row was done.
#[derive(Debug, thiserror::Error)]
enum BatchError {
    /// It cannot be read.
    #[error("manifest: {0}")]
    NoManifest(Error),
    /// It is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Other(#[from] Error),
}

/// All that can be known to fail fails before the model is loaded.
fn transcribe(args: Args) -> Result<Summary, BatchError> {
    let started = Instant::now();
    let (name, target) = (args.manifest.clone().unwrap_or_default(), args.output.clone().unwrap_or_default());
    let shard = args.shard.map_or(Ok(Shard::ALL), |shard| shard.resolve(|name| env::var(name).ok()))?;
    let segmentation = args.options.cutting.segmentation()?;
    let buckets = Arc::new(Buckets::new()?);
    let in_s3 = matches!(target.to_str().map(Location::parse), Some(Ok(Location::Object(_))));
    let all = read(&name, &args.options, CASE_IS_IGNORED && !in_s3, &buckets)?;
    let output = Output::open(&target, args.overwrite, &buckets)?;
    if args.overwrite {
        spare_recordings(&all, &output, &args.options)?;
    }
    let mut place = 0..;
    let rows: Vec<Row> = all.into_iter().filter(|_| place.next().is_some_and(|place| shard.has(place))).collect();
    probe(&rows, &buckets)?;
    let mut summary = Summary::new(&name, shard, rows.len());
    let task = Arc::new(Task::new(rows, Stores { output, buckets }, &args.options)?);
    summary.skipped = task.skipped();
    task.run(args.options, segmentation, &mut summary)?;
    summary.write(&task.stores.output, started.elapsed().as_secs_f64())?;
    eprintln!("{}", summary.line());
    Ok(summary)
}

/// Reads and checks the manifest, of which no results differ in case only if `case_is_ignored`.
fn read(name: &str, options: &Options, case_is_ignored: bool, buckets: &Buckets) -> Result<Vec<Row>, BatchError> {
    let (bytes, base) = if name == "-" {
        (bounded(name, io::stdin())?, Base::Folder("".into()))
    } else {
        let location = Location::parse(name).map_err(|wanted| Error::InvalidOption {
            option: "manifest",
            found: name.to_owned(),
            wanted: wanted.to_owned(),
        })?;
        let bytes = match &location {
            Location::File(path) => fs::File::open(path)
                .map_err(|source| Error::Io { action: "open", path: path.clone(), source })
                .and_then(|file| bounded(name, file)),
            Location::Object(url) => buckets.read(url, manifest::MAX_BYTES),
        };
        (bytes.map_err(BatchError::NoManifest)?, Base::of(&location))
    };
    let rows = manifest::rows(name, &bytes, &base, options.lang, case_is_ignored)?;
    if options.channels == Channels::Split
        && let Some(row) = rows.iter().find(|row| row.channel.is_some())
    {
        let found = format!("split, and a channel in line {} of {name},", row.line);
        return Err(Error::InvalidOption { option: "channels", found, wanted: "one of them".to_owned() }.into());
    }
    Ok(rows)
}

fn bounded(name: &str, from: impl Read) -> Result<Vec<u8>> {
    let failed = |source| Error::Io { action: "read", path: name.into(), source };
    let mut bytes = Vec::new();
    from.take(manifest::MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > manifest::MAX_BYTES {
        let reason = format!("it has more than {} bytes", manifest::MAX_BYTES);
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, reason)));
    }
    Ok(bytes)
}

/// Refuses results that would be written over a recording, whatever name leads to it.
fn spare_recordings(rows: &[Row], output: &Output, options: &Options) -> Result<()> {
    let files = rows.iter().filter_map(|row| match &row.audio {
        Location::File(path) => Some(path.as_path()),
        Location::Object(_) => None,
    });
    let recordings = Recordings::of(files);
    for row in rows {
        for format in options.formats() {
            if let Some(file) = output.file(&stores::result(row, options.lang, format)) {
                recordings.refuse(&file)?;
            }
        }
    }
    Ok(())
}

/// Asks each bucket with recordings for one. That a recording is missing, or may not be read, is an error of its row.
fn probe(rows: &[Row], buckets: &Buckets) -> Result<()> {
    let mut known: Vec<&str> = Vec::new();
    for row in rows {
        if let Location::Object(url) = &row.audio
            && !known.contains(&url.bucket.as_str())
        {
            known.push(&url.bucket);
            if let Err(error) = buckets.probe(url)
                && may_pass(&error)
            {
                return Err(error);
            }
        }
    }
    Ok(())
}
