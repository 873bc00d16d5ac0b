//! Recordings that are cut short or have flipped bits.

use indic_seamless::Error;

use crate::{CLIPS, COUNTLESS, clip, damage, decode};

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
fn survives_every_prefix() {
    for name in CLIPS {
        let bytes = clip(name);
        let step = (bytes.len() / 150).max(1);
        for length in (0..300.min(bytes.len())).step_by(3).chain((300..bytes.len()).step_by(step)) {
            if let Ok(found) = decode(&bytes[..length]) {
                assert!(COUNTLESS.contains(&name), "{name}, {length} bytes: {found:?}");
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
            let found = decode(flipped);
            if let Err(error) = &found {
                assert!(!matches!(error, Error::Io { .. }), "{name} at {at}: {error}");
            }
            // Pages and frames have checksums there.
            if name.ends_with(".ogg") || name.ends_with(".opus") {
                assert!(found.is_err(), "{name} at {at}");
            }
        }
    }
}
