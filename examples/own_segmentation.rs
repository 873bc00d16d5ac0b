//! Transcribes a recording that the program cuts itself: here wherever half a second is quiet.
//!
//! Run with:
//!
//! ```text
//! cargo run --release --example own_segmentation
//! ```

use std::{ops::Range, path::Path};

use indic_seamless::{EndReason, Language, TranscribeOptions, Transcriber, Waveform, segmentation::Clip};

/// Samples whose loudness is looked at together: 20 ms.
const FRAME: usize = 320;
/// The mean square of a frame that is not quiet: -40 dBFS.
const LOUD: f32 = 1e-4;
/// Samples of a pause: half a second.
const PAUSE: usize = 8_000;
/// Samples of surrounding audio that a clip has on both sides: 0.2 s.
const CONTEXT: usize = 3_200;

fn main() -> indic_seamless::Result<()> {
    // Three phrases that the demo model knows, each after a second of silence.
    let mut samples = Vec::new();
    for name in ["hindi-1.wav", "tamil-1.wav", "english-1.wav"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/audio").join(name);
        samples.extend([0.0; 16_000]);
        samples.extend_from_slice(Waveform::open(path)?.samples());
    }
    let options = TranscribeOptions { words: true, ..TranscribeOptions::default() };
    let transcript = Transcriber::demo()?.transcribe_clips(clips(&samples), Language::HINDI, options)?;
    for segment in &transcript.segments {
        println!("{:.2} s to {:.2} s ({:?}): {}", segment.start, segment.end, segment.end_reason, segment.text);
    }
    Ok(())
}

/// The parts of a recording at 16 kHz between its pauses.
fn clips(samples: &[f32]) -> Vec<Clip> {
    let mut loud: Vec<Range<usize>> = Vec::new();
    for (number, frame) in samples.chunks(FRAME).enumerate() {
        let start = number * FRAME;
        if frame.iter().map(|x| x * x).sum::<f32>() / frame.len() as f32 > LOUD {
            match loud.last_mut().filter(|last| start < last.end + PAUSE) {
                Some(last) => last.end = start + frame.len(),
                None => loud.push(start..start + frame.len()),
            }
        }
    }
    let seconds = |sample: usize| sample as f64 / f64::from(Waveform::SAMPLE_RATE);
    let clip = |speech: Range<usize>| {
        let audio = speech.start.saturating_sub(CONTEXT)..samples.len().min(speech.end + CONTEXT);
        let end_reason = if speech.end + PAUSE < samples.len() { EndReason::Pause } else { EndReason::EndOfRecording };
        let (start, end, audio_start) = (seconds(speech.start), seconds(speech.end), seconds(audio.start));
        Clip { start, end, audio_start, samples: samples[audio].to_vec(), end_reason }
    };
    loud.into_iter().map(clip).collect()
}
