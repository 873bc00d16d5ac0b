//! Recordings read piece by piece: the same samples and errors as at once, and no more of the file than needed.

use std::{fs, io::Cursor, path::PathBuf, time::Duration};

use indic_seamless::{
    Damage, DamageKind, Error,
    audio::{AudioOptions, DamagePolicy, Piece, PipeFormat},
};

use crate::{CLIPS, DATA_SIZE, assert_pieces, clip, common, folder, kept, pieces, samples, wav};

/// Every file that decodes, of all formats.
fn recordings() -> Vec<PathBuf> {
    let list = |dir: PathBuf| fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("a file").path());
    let clips = CLIPS.iter().map(|name| folder("clips").join(name));
    let examples = list(common::example("")).filter(|path| path.extension().is_some_and(|kind| kind != "json"));
    clips.chain(examples).chain(list(folder("golden/tiny/audio"))).collect()
}

#[test]
fn lengths_are_told_without_reading_it_all() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("recording");
    let options = AudioOptions::new().max_duration(Duration::MAX);
    let told = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("a file");
        options.length_hint(&path).map(|length| length.map(|length| length.as_secs_f64()))
    };
    for name in CLIPS {
        let found = told(&clip(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let exact = options.from_bytes(clip(name), None).expect(name).duration().as_secs_f64();
        match found {
            Some(found) => assert!((found - exact).abs() < 0.15, "{name}: {found} for {exact}"),
            // Live recordings and fragments do not say.
            None => assert!(options.reader(&path).expect(name).duration_hint().is_none(), "{name}"),
        }
    }
    // Of a long one, a part tells the rest: none of these says how long all of it is.
    for (name, count) in [("hi.mp3", 20), ("short_plain.mp3", 300), ("hi.aac", 100), ("short_streamed.flac", 100)] {
        let exact = options.from_bytes(clip(name), None).expect(name).duration().as_secs_f64() * count as f64;
        let found = told(&clip(name).repeat(count)).expect(name).expect(name);
        assert!((found / exact - 1.0).abs() < 0.05, "{name}: {found} for {exact}");
    }
    let long = fs::read(folder("clips").join("two_hours_of_silence.flac")).expect("a clip");
    assert_eq!(told(&long).expect("FLAC"), Some(7_200.0));
    let start = Duration::from_secs(7_000);
    assert_eq!(options.clone().start(start).length_hint(&path).expect("FLAC"), Some(Duration::from_secs(200)));
    assert!(matches!(told(b"no audio at all"), Err(Error::UnsupportedAudio { .. })));
}

#[test]
fn gives_the_same_samples_piece_by_piece() {
    let options = AudioOptions::new();
    let mut hints = 0;
    for path in recordings() {
        let what = path.display().to_string();
        let whole = options.open(&path);
        assert_pieces(options.reader(&path), &whole, &what);
        let bytes = fs::read(&path).expect("a recording");
        assert_pieces(options.reader_from_bytes(bytes.clone(), None), &whole, &what);
        assert_pieces(options.reader_from_pipe(Cursor::new(bytes), PipeFormat::Detect), &whole, &what);

        let whole = whole.expect("a recording");
        let reader = options.reader(&path).expect("a recording");
        if let Some(hint) = reader.duration_hint() {
            assert!(hint.abs_diff(whole.duration()) < Duration::from_millis(100), "{what}: {hint:?} for {whole:?}");
            hints += 1;
        }
        let lengths: Vec<_> = reader.map(|piece| piece.expect("a piece").len()).collect();
        let (last, others) = lengths.split_last().expect("a piece");
        assert!(*last > 0 && others.iter().all(|&length| length == 16_000), "{what}: {lengths:?}");
    }
    assert!(hints > 20, "only {hints} files say how long they are");
}

#[test]
fn ends_with_the_same_error_piece_by_piece() {
    let options = AudioOptions::new();
    for name in CLIPS {
        let bytes = clip(name);
        let cuts = [1, 30, 50, 70, 90, 99].map(|share| bytes[..bytes.len() * share / 100].to_vec());
        let flips = (0..40).map(|i| {
            let mut flipped = bytes.clone();
            flipped[i * bytes.len() / 40] ^= 4;
            flipped
        });
        for (i, broken) in cuts.into_iter().chain(flips).enumerate() {
            let whole = options.from_bytes(broken.clone(), None);
            assert_pieces(options.reader_from_bytes(broken, None), &whole, &format!("{name}, {i}"));
        }
    }
}

#[test]
fn tells_damage_found_at_the_end_after_the_pieces() {
    let mut bytes = clip("hi.flac");
    // A wrong checksum of all samples.
    bytes[26] ^= 1;
    let strict = AudioOptions::new().damage(DamagePolicy::Refuse);
    let (found, error) = pieces(strict.reader_from_bytes(bytes.clone(), None));
    assert_eq!(found.concat(), samples("hi.wav"));
    assert!(matches!(&error, Some(Error::DamagedAudio { reason, .. }) if reason.contains("checksum")), "{error:?}");
    let whole = kept(bytes).expect("samples");
    assert_eq!(whole.samples(), samples("hi.wav"));
    assert!(matches!(whole.damage(), [Damage { kind: DamageKind::Checksum, .. }]), "{:?}", whole.damage());

    // What is too long by its headers is refused at once.
    let options = AudioOptions::new().max_duration(Duration::from_secs(70));
    let (found, error) = pieces(options.reader(folder("clips").join("two_hours_of_silence.flac")));
    assert!(found.is_empty() && matches!(error, Some(Error::AudioTooLong { limit_s: 70.0, .. })), "{error:?}");
    // What was decoded before the limit is handed out, if that is not known before.
    let mut endless = wav(1, 1, 8_000, 8, &vec![128; 90 * 8_000]);
    endless[DATA_SIZE].fill(0xff);
    let (found, error) = pieces(options.reader_from_pipe(Cursor::new(endless), PipeFormat::Detect));
    let length: usize = found.iter().map(Vec::len).sum();
    assert!((60 * 16_000..=70 * 16_000).contains(&length), "{length}");
    assert!(matches!(error, Some(Error::AudioTooLong { limit_s: 70.0, .. })), "{error:?}");
}

#[test]
fn reads_a_file_only_while_it_is_decoded() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("three_hours.wav");
    let size = 3 * 3_600 * 8_000;
    let mut header = wav(1, 1, 8_000, 8, &[]);
    header[DATA_SIZE].copy_from_slice(&(size as u32).to_le_bytes());
    fs::write(&path, &header).expect("a file");
    let file = fs::File::options().write(true).open(&path).expect("a file");
    let cut = |damage: DamagePolicy| {
        file.set_len(header.len() as u64 + size).expect("a sparse file");
        let options = AudioOptions::new().max_duration(Duration::MAX).damage(damage);
        let mut reader = is_send(options.reader(&path).expect("a recording"));
        assert_eq!(reader.duration_hint(), Some(Duration::from_secs(3 * 3_600)));
        for _ in 0..10 {
            assert_eq!(reader.next().expect("a piece").expect("samples").len(), 16_000);
        }
        // What was not read by now is gone.
        file.set_len(header.len() as u64 + 15 * 8_000).expect("a shorter file");
        reader
    };
    let (found, error) = pieces(Ok(cut(DamagePolicy::Refuse)));
    assert!(found.len() <= 5, "{}", found.len());
    let wanted = format!("cut short: {} of {size} bytes of samples are there", 15 * 8_000);
    assert!(matches!(&error, Some(Error::DamagedAudio { reason, .. }) if reason.starts_with(&wanted)), "{error:?}");

    // What is there is kept, up to the cut.
    let kept: Vec<Piece> = cut(DamagePolicy::Keep).map(|piece| piece.expect("a piece")).collect();
    assert_eq!(kept.iter().map(|piece| piece.len()).sum::<usize>(), 5 * 16_000);
    let damage: Vec<&Damage> = kept.iter().flat_map(|piece| &piece.damage).collect();
    let is_cut = |damage: &Damage| damage.kind == DamageKind::CutShort && (damage.at_s - 15.0).abs() < 0.1;
    assert!(damage.len() == 1 && is_cut(damage[0]), "{damage:?}");
}
