//! Transcribes all recordings in a folder: `speech.txt` beside `speech.mp3`.
//!
//! Run with:
//!
//! ```text
//! cargo run --release --example batch -- --model DIR --lang hin FOLDER
//! ```
//!
//! A recording whose text exists is skipped, so that an interrupted run can be continued.

use std::{error::Error, fs, path::PathBuf, time::Duration};

use clap::Parser;
use indic_seamless::{AudioOptions, Language, TranscribeOptions, Transcriber};

#[derive(Parser)]
struct Args {
    /// Folder of a checkpoint, or "demo" for the small model in the library
    #[arg(long)]
    model: PathBuf,
    /// Language of the texts, by code or English name
    #[arg(long)]
    lang: Language,
    /// Folder with recordings
    folder: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let transcriber =
        if args.model.as_os_str() == "demo" { Transcriber::demo()? } else { Transcriber::from_dir(&args.model)? };
    let paths =
        fs::read_dir(&args.folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    for path in paths {
        let result = path.with_extension("txt");
        if !path.is_file() || result.exists() {
            continue;
        }
        let reader = AudioOptions::new().max_duration(Duration::MAX).reader(&path);
        let transcript =
            reader.and_then(|reader| transcriber.transcribe_reader(reader, args.lang, TranscribeOptions::default()));
        match transcript {
            Ok(transcript) => {
                fs::write(&result, transcript.text + "\n")?;
                println!("{}", result.display());
            }
            // One bad file does not stop the others.
            Err(error) => eprintln!("{}: {error}", path.display()),
        }
    }
    Ok(())
}
