//! Recordings from pipes: whatever pieces they come in, without a length, endless, and broken.

use std::{
    fs,
    io::{self, Cursor, ErrorKind, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use indic_seamless::{
    Damage, DamageKind, Error,
    audio::{AudioOptions, AudioReader, DamagePolicy, PipeFormat, Waveform},
};

use crate::{CLIPS, DATA_SIZE, assert_pieces, clip, common, decode, folder, pieces, wav, wav16};

/// A pipe that gives its bytes in reads of these sizes, over and over, and then ends or breaks.
struct Dribble {
    bytes: Cursor<Vec<u8>>,
    sizes: Vec<usize>,
    error: Option<io::Error>,
    reads: Arc<AtomicUsize>,
}

impl Dribble {
    fn new(bytes: Vec<u8>, sizes: &[usize]) -> Self {
        Self { bytes: Cursor::new(bytes), sizes: sizes.to_vec(), error: None, reads: Arc::default() }
    }
}

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let turn = self.reads.fetch_add(1, Ordering::Relaxed);
        if turn % 7 == 3 {
            return Err(ErrorKind::Interrupted.into());
        }
        let most = buffer.len().min(self.sizes[turn % self.sizes.len()]);
        match self.bytes.read(&mut buffer[..most])? {
            0 => self.error.take().map_or(Ok(0), Err),
            count => Ok(count),
        }
    }
}

fn pipe(input: impl Read + Send + 'static) -> Result<AudioReader, Error> {
    AudioOptions::new().reader_from_pipe(input, PipeFormat::Detect)
}

/// The samples of a damaged pipe, all that there are, and what is wrong with it.
fn damaged(input: impl Read + Send + Clone + 'static) -> (Vec<f32>, String) {
    let options = AudioOptions::new().max_duration(Duration::MAX);
    let strict = options.clone().damage(DamagePolicy::Refuse);
    let (before, error) = pieces(strict.reader_from_pipe(input.clone(), PipeFormat::Detect));
    let Some(Error::DamagedAudio { reason, .. }) = error else { panic!("expected damage, got {error:?}") };
    let reader = options.reader_from_pipe(input, PipeFormat::Detect).expect("a recording");
    let pieces: Vec<_> = reader.map(|piece| piece.expect("a piece")).collect();
    let damage: Vec<_> = pieces.iter().flat_map(|piece| &piece.damage).collect();
    assert!(matches!(damage[..], [Damage { kind: DamageKind::CutShort, .. }]), "{damage:?}");
    let all = pieces.into_iter().flatten().collect();
    assert_eq!(before.concat(), all, "before the error");
    (all, reason)
}

#[test]
fn reads_pipes_in_whatever_pieces_they_come() {
    let sizes = common::noise(64).iter().map(|x| (x.abs() * 3_000.0) as usize + 1).collect::<Vec<_>>();
    for name in CLIPS {
        let whole = decode(clip(name));
        for sizes in [&[1][..], &sizes] {
            assert_pieces(pipe(Dribble::new(clip(name), sizes)), &whole, name);
        }
    }
    for stem in ["hi_44k_stereo", "te_22k_f32", "ta_48k_s24"] {
        let path = folder("golden/tiny/audio").join(stem).with_extension("wav");
        let bytes = fs::read(&path).expect("a recording");
        assert_pieces(pipe(Dribble::new(bytes, &sizes)), &Waveform::open(path), stem);
    }
}

#[test]
fn takes_a_pipe_to_its_end_where_the_header_cannot_know_it() {
    let values: Vec<i16> = common::noise(40_000).iter().map(|x| (x * 30_000.0) as i16).collect();
    let whole = wav16(&values, 2, 16_000);
    let wanted = decode(whole.clone());
    let with_length = |length: u32, bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[4..8].copy_from_slice(&length.wrapping_add(36).to_le_bytes());
        bytes[DATA_SIZE].copy_from_slice(&length.to_le_bytes());
        Cursor::new(bytes)
    };
    for length in [0, u32::MAX, u32::MAX - 36, 4_294_967_195, 0x7fff_f000, 0x7fff_ffff, 0x8000_0000] {
        assert_pieces(pipe(with_length(length, &whole)), &wanted, &format!("{length:x}"));
        let (found, reason) = damaged(with_length(length, &whole[..whole.len() - 1]));
        assert_eq!(found, wanted.as_ref().expect("a recording").samples()[..19_999], "{length:x}");
        assert!(reason.contains("3 of 4 bytes of the last sample"), "{length:x}: {reason}");
        let (found, error) = pieces(pipe(with_length(length, &whole[..44])));
        assert!(found.is_empty() && matches!(error, Some(Error::NoAudio { .. })), "{length:x}: {error:?}");
    }
    // Any other length is believed.
    let more = [&whole[..], b"LIST\x04\0\0\0INFO"].concat();
    assert_pieces(pipe(Cursor::new(more)), &wanted, "with a chunk behind it");
    for length in [80_004, 0x7ff0_0000, 0x9000_0000, 0xff00_0000] {
        let (found, reason) = damaged(with_length(length, &whole));
        assert_eq!(found, wanted.as_ref().expect("a recording").samples());
        assert!(reason.contains(&format!("cut short: 80000 of {length} bytes of samples are there")), "{reason}");
    }
}

#[test]
fn reads_bare_samples() {
    let raw = |bytes: &[u8], rate, channels| {
        let input = Dribble::new(bytes.to_vec(), &[1, 2, 5]);
        pieces(AudioOptions::new().reader_from_pipe(input, PipeFormat::Pcm16 { rate, channels }))
    };
    let values: Vec<i16> = common::noise(6_000).iter().map(|x| (x * 30_000.0) as i16).collect();
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    for (rate, channels) in [(16_000, 1), (44_100, 2), (8_000, 3)] {
        let (found, error) = raw(&bytes, rate, channels);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(found.concat(), decode(wav16(&values, channels, rate)).expect("a recording").samples());
    }
    // It is not looked at.
    assert_eq!(raw(b"RIFF", 16_000, 1).0.concat().len(), 2);
    assert!(matches!(raw(&[], 16_000, 1).1, Some(Error::NoAudio { .. })));
    // Half a sample at the end is left out.
    assert_eq!(raw(&[0; 5], 16_000, 1).0.concat().len(), 2);
    for (rate, channels) in [(0, 1), (999, 1), (u32::MAX, 1), (16_000, 0), (16_000, 27), (16_000, u16::MAX)] {
        assert!(matches!(raw(&bytes, rate, channels).1, Some(Error::InvalidOption { .. })), "{rate}, {channels}");
    }
}

#[test]
fn reads_files_of_bare_samples() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("call.raw");
    let bytes: Vec<u8> = common::noise(20_000).iter().map(|x| (x * 127.0) as i8 as u8).collect();
    fs::write(&path, &bytes).expect("a file");
    let open = |format| AudioOptions::new().raw_reader(&path, format);
    let (rate, channels) = (8_000, 2);
    for (format, tag, bits) in [
        (PipeFormat::Pcm16 { rate, channels }, 1, 16),
        (PipeFormat::Alaw { rate, channels }, 6, 8),
        (PipeFormat::Mulaw { rate, channels }, 7, 8),
    ] {
        let wanted = decode(wav(tag, channels, rate, bits, &bytes));
        let reader = open(format).expect("raw samples");
        // A file is not waited for, and its size tells its length.
        assert!(!reader.is_live());
        let seconds = 20_000.0 * 8.0 / f64::from(bits) / 16_000.0;
        assert_eq!(reader.duration_hint().map(|length| length.as_secs_f64()), Some(seconds));
        assert_pieces(Ok(reader), &wanted, &format!("{format:?}"));
    }
    let part = AudioOptions::new().start(Duration::from_millis(100)).duration(Duration::from_millis(200));
    let part = part.raw_reader(&path, PipeFormat::Alaw { rate, channels }).expect("raw samples");
    assert_eq!(part.duration_hint(), Some(Duration::from_millis(200)));
    assert_eq!(pieces(Ok(part)).0.concat().len(), 3_200);
    assert!(matches!(open(PipeFormat::Alaw { rate: 0, channels }), Err(Error::InvalidOption { .. })));
    assert!(matches!(open(PipeFormat::Detect), Err(Error::UnsupportedAudio { .. })));
    let missing = AudioOptions::new().raw_reader(dir.path().join("no.raw"), PipeFormat::Alaw { rate, channels });
    assert!(matches!(missing, Err(Error::Io { .. })));
}

/// A pipe with what is sent to it, which breaks after a while without anything.
struct Wire(mpsc::Receiver<Vec<u8>>, Cursor<Vec<u8>>);

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.1.position() == self.1.get_ref().len() as u64 {
            self.1 = match self.0.recv_timeout(Duration::from_secs(20)) {
                Ok(bytes) => Cursor::new(bytes),
                Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(0),
                Err(error) => return Err(io::Error::new(ErrorKind::TimedOut, error)),
            };
        }
        self.1.read(buffer)
    }
}

#[test]
fn waits_for_no_more_than_a_pipe_gives() {
    let (sender, receiver) = mpsc::channel();
    let mut header = wav16(&[], 1, 16_000);
    header[DATA_SIZE].copy_from_slice(&u32::MAX.to_le_bytes());
    sender.send(header).expect("a reader");
    let mut reader = pipe(Wire(receiver, Cursor::default())).expect("a recording");
    // Half a sample waits for its other half.
    for (bytes, pieces) in
        [(3_200, &[1_600][..]), (640, &[320]), (3_201, &[1_600]), (3_199, &[1_600]), (40_000, &[16_000, 4_000])]
    {
        sender.send(vec![1; bytes]).expect("a reader");
        for &length in pieces {
            assert_eq!(reader.next().expect("a piece").expect("samples").len(), length, "of {bytes} bytes");
        }
    }
    drop(sender);
    assert!(reader.next().is_none());
}

#[test]
fn waits_for_no_more_than_is_wanted() {
    let (sender, receiver) = mpsc::channel();
    sender.send(vec![1; 8_000]).expect("a reader");
    let format = PipeFormat::Pcm16 { rate: 16_000, channels: 1 };
    let options = AudioOptions::new().duration(Duration::from_millis(250));
    let mut reader = options.reader_from_pipe(Wire(receiver, Cursor::default()), format).expect("a recording");
    assert_eq!(reader.next().expect("a piece").expect("samples").len(), 4_000);
    assert!(reader.next().is_none());
}

#[test]
fn holds_little_of_an_endless_pipe() {
    struct Endless(Arc<AtomicUsize>);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(1);
            self.0.fetch_add(buffer.len(), Ordering::Relaxed);
            Ok(buffer.len())
        }
    }
    let read = Arc::<AtomicUsize>::default();
    let format = PipeFormat::Pcm16 { rate: 8_000, channels: 2 };
    let reader = AudioOptions::new().max_duration(Duration::MAX).reader_from_pipe(Endless(Arc::clone(&read)), format);
    let mut given = 0;
    for piece in reader.expect("a pipe").take(500) {
        given += piece.expect("samples").len() * 2;
        let ahead = read.load(Ordering::Relaxed) - given;
        assert!(ahead <= 2 * 32_000, "{ahead} bytes ahead");
    }
    assert!(given > 400 * 32_000, "{given}");
}

#[test]
fn names_what_is_wrong_with_a_pipe() {
    assert!(matches!(pipe(io::empty()), Err(Error::NoAudio { source_name, .. }) if source_name == "pipe"));
    for length in [1, 11, 12, 20, 43] {
        let start = Cursor::new(wav16(&[1], 1, 16_000)[..length].to_vec());
        assert!(pipe(start).is_err(), "{length} bytes");
    }
    // Endless, and no audio.
    assert!(matches!(pipe(io::repeat(b'?')), Err(Error::UnsupportedAudio { found, .. }) if found.contains("????")));

    let breaks = |bytes: Vec<u8>, kind: ErrorKind| {
        let mut input = Dribble::new(bytes, &[1_000]);
        input.error = Some(io::Error::new(kind, "the line is dead"));
        pieces(pipe(input))
    };
    for kind in [ErrorKind::Other, ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset] {
        for cut in [0, 5, 20, 30_000] {
            let (found, error) = breaks(clip("hi.wav")[..cut].to_vec(), kind);
            assert_eq!(found.concat().len(), cut.saturating_sub(44) / 2, "all that came before");
            let error = error.expect("an error");
            assert!(
                matches!(&error, Error::Io { path, source, .. } if path == Path::new("pipe") && source.kind() == kind),
                "{error:?}"
            );
            assert_eq!(error.to_string(), "cannot read pipe: the line is dead");
        }
        let (found, error) = breaks(clip("hi.mp3")[..5_000].to_vec(), kind);
        assert!(found.is_empty() && matches!(error, Some(Error::Io { .. })), "{error:?}");
    }
}
