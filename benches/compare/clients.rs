//! Times many clients of one model, and prints a JSON object: requests a second, and the median and 95th percentile of the time
//! for an answer.
//!
//! Run with:
//!
//! ```text
//! cargo run --release --example clients -- --model DIR --audio ten-seconds.wav --precision int8 --new-tokens 32 1 2 4 8 16
//! ```
//!
//! All clients of a number send a request at the same time. Each round tries all numbers, so that a slow phase of the machine
//! meets all of them; the time of a number is the median of its rounds. With `--behind LONG` a
//! request is sent in the middle of the transcription of a long recording instead, and timed beside one that is alone and the
//! encoding of 20 s.

mod common;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use indic_seamless::{Isa, Result, Retry, Segmentation, TranscribeOptions, Transcriber, Waveform};
use serde_json::{Value, json};

use self::common::Subject;

#[derive(Parser)]
struct Args {
    /// The recording is what each client sends
    #[command(flatten)]
    subject: Subject,
    /// A long recording to send it behind
    #[arg(long, value_name = "FILE")]
    behind: Option<PathBuf>,
    /// Rounds of requests
    #[arg(long, default_value_t = 3, value_name = "N")]
    rounds: usize,
    /// Numbers of clients
    clients: Vec<usize>,
}

/// A round of one number of clients.
struct Round {
    /// From the first request to the last answer.
    whole: Duration,
    answers: Vec<Duration>,
}

fn main() -> ExitCode {
    match measure(&Args::parse()) {
        Ok(result) => {
            println!("{result:#}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> Result<Value> {
    let transcriber = Transcriber::builder()
        .precision(args.subject.precision)
        .threads(args.subject.threads)
        .build(&args.subject.model)?;
    let audio = Waveform::open(&args.subject.audio)?;
    // The first request touches all weights.
    send(args, &transcriber, &audio, Segmentation::None)?;
    let measured = match &args.behind {
        None => table(args, &transcriber, &audio),
        Some(long) => behind(args, &transcriber, &audio, &Waveform::open(long)?),
    };
    Ok(json!({
        "precision": transcriber.precision().name(),
        "isa": Isa::checked()?.name(),
        "threads": args.subject.threads,
        "audio_s": audio.duration().as_secs_f64(),
        "new_tokens": args.subject.new_tokens,
        "measured": measured?,
    }))
}

/// Sends a recording and returns the time for the answer.
fn send(args: &Args, transcriber: &Transcriber, audio: &Waveform, segmentation: Segmentation) -> Result<Duration> {
    let options = TranscribeOptions {
        generation: Some(args.subject.exactly(transcriber.checkpoint().generation())),
        segmentation,
        retry: Retry::Never,
        ..TranscribeOptions::default()
    };
    let started = Instant::now();
    transcriber.transcribe_with(audio, args.subject.lang, options)?;
    Ok(started.elapsed())
}

/// Times a number of clients that send at the same time.
fn together(args: &Args, transcriber: &Transcriber, audio: &Waveform, clients: usize) -> Result<Round> {
    let start = Barrier::new(clients);
    let client = || {
        start.wait();
        send(args, transcriber, audio, Segmentation::None)
    };
    let started = Instant::now();
    let answers = thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        let answers = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panic!("a client panicked")));
        answers.collect::<Result<Vec<_>>>()
    });
    Ok(Round { whole: started.elapsed(), answers: answers? })
}

fn table(args: &Args, transcriber: &Transcriber, audio: &Waveform) -> Result<Value> {
    let mut rounds: Vec<Vec<Round>> = args.clients.iter().map(|_| Vec::new()).collect();
    for _ in 0..args.rounds {
        for (&clients, rounds) in args.clients.iter().zip(&mut rounds) {
            rounds.push(together(args, transcriber, audio, clients)?);
        }
    }
    // Each number against the first one in the same round.
    let ratio = |one: &Round, first: &Round| one.whole.div_duration_f64(first.whole);
    let rows = args.clients.iter().zip(&rounds).map(|(&clients, all)| {
        let answers = sorted(all.iter().flat_map(|round| round.answers.iter().copied()));
        let whole = sorted(all.iter().map(|round| round.whole));
        let seconds = at(&whole, 0.5).unwrap_or_default();
        let mut ratios: Vec<f64> = all.iter().zip(&rounds[0]).map(|(one, first)| ratio(one, first)).collect();
        ratios.sort_by(f64::total_cmp);
        json!({
            "clients": clients,
            "requests_per_s": clients as f64 / seconds,
            "round_s": seconds,
            "fastest_round_s": at(&whole, 0.0),
            "times_the_first": ratios.get(ratios.len() / 2),
            "median_s": at(&answers, 0.5),
            "p95_s": at(&answers, 0.95),
        })
    });
    Ok(rows.collect())
}

fn behind(args: &Args, transcriber: &Transcriber, short: &Waveform, long: &Waveform) -> Result<Value> {
    let alone =
        (0..args.rounds).map(|_| send(args, transcriber, short, Segmentation::None)).collect::<Result<Vec<_>>>()?;
    let times = thread::scope(|scope| {
        let long = scope.spawn(|| send(args, transcriber, long, Segmentation::default()));
        thread::sleep(Duration::from_secs(3));
        let mut times = Vec::new();
        while !long.is_finished() && times.len() < args.rounds {
            times.push(send(args, transcriber, short, Segmentation::None)?);
            thread::sleep(Duration::from_secs(1));
        }
        Ok::<_, indic_seamless::Error>((times, long.join().unwrap_or_else(|_| panic!("the long one panicked"))?))
    });
    let (times, whole) = times?;
    Ok(json!({
        "alone_s": at(&sorted(alone), 0.5),
        "behind_s": at(&sorted(times.iter().copied()), 0.5),
        "behind_most_s": at(&sorted(times), 1.0),
        "long_s": whole.as_secs_f64(),
    }))
}

fn sorted(times: impl IntoIterator<Item = Duration>) -> Vec<Duration> {
    let mut times: Vec<_> = times.into_iter().collect();
    times.sort();
    times
}

fn at(times: &[Duration], part: f64) -> Option<f64> {
    let place = (times.len().max(1) - 1) as f64 * part;
    times.get(place.round() as usize).map(Duration::as_secs_f64)
}
