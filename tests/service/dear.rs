//! Small files that are dear to decode: they are refused in time, and their decoding ends with their clients.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use indic_seamless::service::{Deadline, Settings};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use crate::{CLIP, ask, form, post, with};

const RATE: u32 = 655_350;
const CHANNELS: u8 = 8;
const BLOCK: u16 = 65_535;

/// A FLAC file of constant samples: a second of eight channels at the highest rate in 350 bytes.
fn flac(seconds: u32) -> Vec<u8> {
    let crc = |bytes: &[u8], polynomial: u16, width: u32| {
        let top = 1 << (width - 1);
        bytes.iter().fold(0_u16, |sum, byte| {
            let sum = sum ^ u16::from(*byte) << (width - 8);
            (0..8).fold(sum, |sum, _| if sum & top == 0 { sum << 1 } else { sum << 1 ^ polynomial })
                & (u16::MAX >> (16 - width))
        })
    };
    let frames = RATE * seconds / u32::from(BLOCK);
    let samples = u64::from(frames) * u64::from(BLOCK);
    let described = u64::from(RATE) << 44 | u64::from(CHANNELS - 1) << 41 | 15 << 36 | samples;
    let mut file = b"fLaC\x80\0\0\x22".to_vec();
    file.extend([BLOCK.to_be_bytes(), BLOCK.to_be_bytes()].concat());
    file.extend([0; 6]);
    file.extend(described.to_be_bytes());
    file.extend([0; 16]);
    for number in 0..frames {
        // The size of the block follows, the rate is that of the description, 16 bits a sample.
        let mut frame = vec![0xff, 0xf8, 0x70, (CHANNELS - 1) << 4 | 8];
        let utf8 = char::from_u32(number).expect("a small number");
        frame.extend(utf8.encode_utf8(&mut [0; 4]).bytes());
        frame.extend((BLOCK - 1).to_be_bytes());
        frame.push(crc(&frame, 7, 8) as u8);
        for channel in 1..=CHANNELS {
            // A constant.
            frame.extend([0, 0, channel]);
        }
        frame.extend(crc(&frame, 0x8005, 16).to_be_bytes());
        file.extend(frame);
    }
    file
}

#[tokio::test]
async fn too_many_samples_are_refused_before_they_are_decoded() {
    let router = with(Settings::default()).await;
    let file = flac(100);
    assert!(file.len() < 40_000);
    let started = Instant::now();
    ask(&router, post("/speech-to-text?target_lang=hin", "audio/flac", file)).await.problem(413, "audio_too_long");
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn nothing_is_decoded_for_who_has_gone() {
    let router = with(Settings { recordings: 1, queue: 8, ..Settings::default() }).await;
    // It takes seconds to decode.
    let file = flac(60);
    let send = || router.clone().oneshot(post("/speech-to-text?target_lang=hin", "audio/flac", file.clone()));
    for _ in 0..8 {
        assert!(timeout(Duration::from_millis(50), send()).await.is_err(), "it was decoded in no time");
    }
    let mut late = post("/speech-to-text?target_lang=hin", "audio/flac", file.clone());
    late.extensions_mut().insert(Deadline(Instant::now() + Duration::from_millis(300)));
    ask(&router, late).await.problem(504, "deadline");
    sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    assert_eq!(ask(&router, form(CLIP, &[("target_lang", "hin")])).await.status, StatusCode::OK);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}
