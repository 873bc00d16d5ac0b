//! FLAC as it is found: with odd descriptions, joined, changing, damaged, and in Ogg. Frames are written here, sample by sample.

use indic_seamless::{
    DamageKind,
    audio::{AudioOptions, Waveform},
};

use crate::{clip, damage, decode, kept, samples};

/// A frame of plain samples.
struct Frame {
    number: u8,
    by_sample: bool,
    rate: u32,
    bits: u32,
    channels: Vec<Vec<i32>>,
}

impl Frame {
    /// 16 bits at 16 kHz.
    fn mono(number: u8, samples: &[i32]) -> Self {
        Self { number, by_sample: false, rate: 16_000, bits: 16, channels: vec![samples.to_vec()] }
    }

    fn bytes(&self) -> Vec<u8> {
        let rate = match self.rate {
            8_000 => 4,
            16_000 => 5,
            32_000 => 8,
            48_000 => 10,
            other => panic!("{other} Hz"),
        };
        let bits = [8, 12, 0, 16, 20, 24, 32].iter().position(|&bits| bits == self.bits).expect("bits") as u8 + 1;
        let mut bytes = vec![0xff, 0xf8 | u8::from(self.by_sample), 0x70 | rate];
        bytes.push((self.channels.len() as u8 - 1) << 4 | bits << 1);
        bytes.push(self.number);
        bytes.extend((self.channels[0].len() as u16 - 1).to_be_bytes());
        bytes.push(crc(&bytes, 8, 7) as u8);
        for samples in &self.channels {
            // Verbatim.
            bytes.push(2);
            bytes.extend(samples.iter().flat_map(|sample| sample.to_be_bytes()[4 - self.bits as usize / 8..].to_vec()));
        }
        let sum = crc(&bytes, 16, 0x8005);
        bytes.extend((sum as u16).to_be_bytes());
        bytes
    }
}

fn crc(bytes: &[u8], bits: u32, polynomial: u32) -> u32 {
    let top = 1 << (bits - 1);
    let step = |sum: u32| (sum << 1 ^ if sum & top == 0 { 0 } else { polynomial }) & (top | (top - 1));
    bytes.iter().fold(0, |sum, &byte| (0..8).fold(sum ^ u32::from(byte) << (bits - 8), |sum, _| step(sum)))
}

/// The description of a file of so many samples.
fn description(channels: u64, bits: u64, rate: u64, samples: u64, min_block: u16) -> Vec<u8> {
    let mut bytes = b"fLaC\x80\0\0\x22".to_vec();
    bytes.extend(min_block.to_be_bytes());
    bytes.extend([0x10, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend((rate << 44 | (channels - 1) << 41 | (bits - 1) << 36 | samples).to_be_bytes());
    bytes.extend([0; 16]);
    bytes
}

/// `count` blocks of a sound.
fn blocks(count: usize, size: usize) -> Vec<Vec<i32>> {
    let sample = |at: usize| ((at as f64 * 0.05).sin() * 8_000.0) as i32;
    (0..count).map(|block| (0..size).map(|at| sample(block * size + at)).collect()).collect()
}

fn floats(samples: &[i32]) -> Vec<f32> {
    samples.iter().map(|&sample| sample as f32 / 32_768.0).collect()
}

/// A file with frames of 1,000 samples.
fn file(count: usize) -> (Vec<u8>, Vec<Vec<u8>>, Vec<f32>) {
    let blocks = blocks(count, 1_000);
    let frames = blocks.iter().enumerate().map(|(number, block)| Frame::mono(number as u8, block).bytes()).collect();
    (description(1, 16, 16_000, count as u64 * 1_000, 1_000), frames, floats(&blocks.concat()))
}

fn places(found: &Waveform) -> Vec<(DamageKind, i64)> {
    found.damage().iter().map(|damage| (damage.kind, (damage.at_s * 1_000.0).round() as i64)).collect()
}

#[test]
fn takes_unusual_files_as_they_are() {
    let (head, frames, wanted) = file(5);
    let body = frames.concat();
    let whole = [&head[..], &body].concat();
    assert_eq!(decode(whole.clone()).expect("a file").samples(), wanted);
    // A tag or a few bytes behind it, a tag in front of it.
    for tail in [&b"twelve bytes"[..], &[0xff; 12], &[0; 3_000], &[b"TAG", &[b'x'; 125][..]].concat()] {
        assert_eq!(decode([&whole, tail].concat()).expect("a tail").samples(), wanted);
    }
    assert_eq!(decode([b"ID3\x03\0\0\0\0\0\x02\0\0", &whole[..]].concat()).expect("a tag").samples(), wanted);
    // Descriptions: no smallest block, no number of samples, or too few of them.
    for (samples, min_block) in [(5_000, 0), (0, 1_000), (4_000, 1_000)] {
        let head = description(1, 16, 16_000, samples, min_block);
        assert_eq!(decode([head, body.clone()].concat()).expect("a file").samples(), wanted);
    }
    // Blocks of metadata that make no sense for sound, and one whose size is wrong.
    let mut more = [&head[..4], &[0], &head[5..]].concat();
    more.extend(b"\x85\0\0\x05cue?!");
    assert_eq!(decode([&more[..], &body].concat()).expect("a cue sheet").samples(), wanted);
    more[43] = 0x40;
    assert_eq!(decode([&more[..], &body].concat()).expect("a wrong size").samples(), wanted);
    // Whatever is behind the end, if all samples are there; text and filling if it is not known.
    let whole_and = |more: &[u8]| decode([&whole, more].concat()).expect("something behind it").into_samples();
    assert_eq!(whole_and(&[7, 200, 3, 90, 4, 11, 250, 1, 0, 80, 9]), wanted);
    let uncounted = [&description(1, 16, 16_000, 0, 1_000)[..], &body].concat();
    for tail in [&b"-- the end of it --"[..], &[0xff; 99], &[0; 3_000], &[b"TAG", &[200; 125][..]].concat(), &[7, 200]]
    {
        assert_eq!(decode([&uncounted, tail].concat()).expect("a tail").samples(), wanted);
    }
    // Two files in one.
    assert_eq!(decode([&whole[..], &whole].concat()).expect("two files").samples(), [&wanted[..], &wanted].concat());
}

#[test]
fn follows_changes_within_a_file() {
    let sound = blocks(3, 1_600);
    let mono = |number: u8| Frame::mono(number, &sound[usize::from(number)]);
    let wanted = floats(&sound.concat());
    let head = description(1, 16, 16_000, 0, 16);
    let decoded = |frames: &[Frame]| {
        let body: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        decode([&head[..], &body].concat()).expect("a file").into_samples()
    };
    // Stereo between mono, and other bits.
    let stereo = Frame { channels: vec![sound[1].clone(), sound[1].clone()], ..mono(1) };
    assert_eq!(decoded(&[mono(0), stereo, mono(2)]), wanted);
    for (bits, shift) in [(24, 8), (32, 16)] {
        let wide = Frame { bits, channels: vec![sound[1].iter().map(|x| x << shift).collect()], ..mono(1) };
        assert_eq!(decoded(&[mono(0), wide, mono(2)]), wanted, "{bits} bits");
    }
    // Another rate: the same time, twice as many samples.
    let fast = Frame { rate: 32_000, channels: vec![vec![0; 3_200]], ..mono(1) };
    let found = decoded(&[mono(0), fast, mono(2)]);
    assert_eq!(found.len(), wanted.len());
    assert_eq!((&found[..1_600], &found[3_200..]), (&wanted[..1_600], &wanted[3_200..]));
    // Blocks of several sizes in frames that are numbered, and by sample.
    let parts = [&sound[0][..], &sound[1][..500], &sound[1][500..], &sound[2]];
    let numbered: Vec<_> = parts.iter().enumerate().map(|(number, part)| Frame::mono(number as u8, part)).collect();
    assert_eq!(decoded(&numbered), wanted);
    let short = blocks(3, 40);
    let by_sample = |at: usize| Frame { by_sample: true, ..Frame::mono(at as u8 * 40, &short[at]) };
    assert_eq!(decoded(&[by_sample(0), by_sample(1), by_sample(2)]), floats(&short.concat()));
}

#[test]
fn goes_on_behind_damage() {
    let (head, frames, wanted) = file(8);
    let with = |at: usize, new: &[u8]| [&head[..], &frames[..at].concat(), new, &frames[at + 1..].concat()].concat();
    // A wrong bit costs a frame; so do lost bytes. Time goes on.
    let mut wrong = frames[3].clone();
    wrong[700] ^= 8;
    for (new, kind) in [(&wrong[..], "wrong bit"), (&frames[3][..900], "lost bytes"), (&frames[3][300..], "no header")]
    {
        let bytes = with(3, new);
        assert!(damage(bytes.clone()).contains("byte"), "{kind}: {}", damage(bytes));
        let found = kept(bytes.clone()).expect(kind);
        assert_eq!(found.samples(), [&wanted[..3_000], &wanted[4_000..]].concat(), "{kind}");
        assert_eq!(places(&found)[0], (DamageKind::Corrupt, 188), "{kind}");
        let reader = AudioOptions::new().reader_from_bytes(bytes, None).expect(kind);
        let starts: Vec<f64> = reader.map(|piece| piece.expect("a piece").start).collect();
        assert_eq!(starts, [0.0, 0.25], "{kind}");
    }
    // Junk between frames costs nothing.
    let found = kept(with(3, &[&frames[3][..], &[0xff, 0xf8, 1, 2, 3, 4, 5, 6, 7, 8]].concat())).expect("junk");
    assert_eq!((found.samples(), places(&found)), (&wanted[..], vec![(DamageKind::Corrupt, 250)]));
    // A frame that was left out is noticed by its number.
    let found = kept(with(3, &[])).expect("a lost frame");
    assert_eq!(found.samples().len(), 7_000);
    // A wrong bit in the header of the last frame: its samples are missing, whether the file says how many there are or not.
    for samples in [8_000, 0] {
        for bit in [0, 1, 3] {
            let mut last = frames[7].clone();
            last[bit] ^= 4;
            let head = description(1, 16, 16_000, samples, 1_000);
            let found = kept([&head[..], &frames[..7].concat(), &last].concat()).expect("a wrong header");
            assert_eq!((found.samples(), places(&found).len()), (&wanted[..7_000], 1), "bit {bit}, {samples} samples");
            assert_eq!(places(&found)[0].1, 438);
        }
    }
    // Cut.
    let cut = [&head[..], &frames.concat()].concat();
    let found = kept(&cut[..cut.len() - 1]).expect("a cut file");
    assert_eq!((found.samples(), places(&found)), (&wanted[..7_000], vec![(DamageKind::CutShort, 438)]));
    assert!(damage(&cut[..cut.len() - 1]).contains("7000 of 8000 samples"));
}

#[test]
fn a_wrong_checksum_loses_nothing() {
    let mut bytes = clip("hi.flac");
    bytes[30] ^= 1;
    assert!(damage(bytes.clone()).contains("checksum"));
    let found = kept(bytes).expect("all samples");
    assert_eq!(found.samples(), samples("hi.flac"));
    assert_eq!(found.damage()[0].kind, DamageKind::Checksum);
}

#[test]
fn bounds_how_often_the_rate_changes() {
    let block = &blocks(1, 40)[0];
    let frame = |rate| Frame { rate, ..Frame::mono(0, block) }.bytes();
    let frames = [frame(16_000), frame(32_000)].concat().repeat(600);
    let found = kept([description(1, 16, 16_000, 0, 16), frames].concat()).expect("a file");
    // A thousand changes; then only frames of the last rate are decoded.
    assert_eq!(found.len(), 600 * 40 + 500 * 20);
    assert!(found.damage().iter().any(|damage| damage.reason.contains("changes")), "{:?}", found.damage());
}
