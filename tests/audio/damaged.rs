//! Recordings that are cut short or have flipped bits.

use indic_seamless::{DamageKind, Error, audio::AudioOptions};

use crate::{CLIPS, COUNTLESS, clip, damage, decode, kept, samples};

/// Clips of containers without an index: what lies in front of damage is as it was.
const SEQUENTIAL: [&str; 7] =
    ["hi.flac", "hi.mp3", "hi.ogg", "hi.opus", "hi.aac", "hi_opusenc.opus", "short_plain.mp3"];

#[test]
fn notices_every_cut() {
    for name in CLIPS {
        let bytes = clip(name);
        for share in [30, 50, 70, 90, 99] {
            let length = bytes.len() * share / 100;
            let found = decode(&bytes[..length]);
            let whole = COUNTLESS.contains(&name) && found.is_ok();
            assert!(whole || matches!(found, Err(Error::DamagedAudio { .. })), "{name} at {share}%: {found:?}");
        }
        let found = decode(&bytes[..bytes.len() - 1]);
        assert!(matches!(found, Err(Error::DamagedAudio { .. })), "{name} but a byte: {found:?}");
    }
    assert_eq!(damage(&clip("hi.wav")[..1_044]), "cut short: 1000 of 46230 bytes of samples are there");
    let reason = damage(&clip("hi.flac")[..20_000]);
    assert!(reason.contains("cut short") && reason.contains("of 23115 samples"), "{reason}");
}

#[test]
fn keeps_what_lies_before_a_cut() {
    for name in SEQUENTIAL {
        let (bytes, whole) = (clip(name), samples(name));
        for share in [50, 70, 90, 99] {
            let Ok(found) = kept(&bytes[..bytes.len() * share / 100]) else {
                // The first second is one page.
                assert!(share < 99 && (name.ends_with(".ogg") || name.ends_with(".opus")), "{name} at {share}%");
                continue;
            };
            // Padding that is not removed, and the filter of the resampler.
            let same = found.samples().len().min(whole.len()).saturating_sub(200);
            assert_eq!(found.samples()[..same], whole[..same], "{name} at {share}%");
            let cut = found.damage().iter().find(|damage| damage.kind == DamageKind::CutShort);
            match cut {
                Some(cut) => {
                    let end_s = found.duration().as_secs_f64();
                    assert!((cut.at_s - end_s).abs() < 0.1, "{name} at {share}%: {} of {end_s} s", cut.at_s);
                }
                None => assert!(COUNTLESS.contains(&name), "{name} at {share}%"),
            }
        }
    }
}

#[test]
fn damage_lies_within_the_recording() {
    for name in CLIPS {
        let bytes = clip(name);
        for cut in [1, 2, 10, 100, bytes.len() / 10, bytes.len() / 3] {
            let Ok(reader) = AudioOptions::new().reader_from_bytes(&bytes[..bytes.len() - cut], None) else { continue };
            for piece in reader.map_while(Result::ok) {
                let end_s = piece.start + piece.len() as f64 / 16_000.0;
                for damage in piece.damage {
                    assert!(damage.at_s <= end_s + 1e-9, "{name} less {cut}: {damage} of {end_s} s");
                }
            }
        }
    }
}

#[test]
fn survives_every_prefix() {
    for name in CLIPS {
        let bytes = clip(name);
        let step = (bytes.len() / 150).max(1);
        for length in (0..300.min(bytes.len())).step_by(3).chain((300..bytes.len()).step_by(step)) {
            if let Ok(found) = decode(&bytes[..length]) {
                // Ogg need not say that it ends.
                let between = bytes[length..].starts_with(b"OggS");
                assert!(between || COUNTLESS.contains(&name), "{name}, {length} bytes: {found:?}");
            }
            // Only the start of a file may leave nothing to decode.
            if SEQUENTIAL.contains(&name) && length > bytes.len() * 93 / 100 {
                kept(&bytes[..length]).unwrap_or_else(|error| panic!("{name}, {length} bytes: {error}"));
            }
        }
    }
}

#[test]
fn survives_flipped_bits() {
    for name in CLIPS {
        let bytes = clip(name);
        let step = (bytes.len() / 150).max(1);
        for at in (0..300.min(bytes.len())).chain((300..bytes.len()).step_by(step)) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            let found = decode(flipped.clone());
            if let Err(error) = &found {
                assert!(!matches!(error, Error::Io { .. }), "{name} at {at}: {error}");
            }
            // Pages and frames have checksums there.
            if name.ends_with(".ogg") || name.ends_with(".opus") {
                assert!(found.is_err(), "{name} at {at}");
            }
            // What lies before the bit is still there.
            if let Ok(found) = kept(flipped)
                && SEQUENTIAL.contains(&name)
                && at > bytes.len() / 2
                && !name.ends_with(".ogg")
                && !name.ends_with(".opus")
            {
                assert_eq!(found.samples()[..1_000], samples(name)[..1_000], "{name} at {at}");
            }
        }
    }
}
