//! Ogg as it is found: without an end, with pages lost, late or damaged, chains, and streams side by side.

use indic_seamless::{
    DamageKind,
    audio::{AudioOptions, Waveform},
};

use crate::{
    clip,
    containers::{packets, page, pages, seal},
    damage, decode, kept, samples,
};

/// Samples of an Opus packet at 48 kHz, and when they are decoded.
const PACKET: u64 = 960;
const PACKET_16K: usize = 320;

/// `hi.opus` with five packets on a page, 0.1 s.
fn opus() -> Vec<Vec<u8>> {
    let packets = packets(&clip("hi.opus"));
    let last = pages(&clip("hi.opus")).pop().expect("a page");
    let end = u64::from_le_bytes(last[6..14].try_into().expect("a number"));
    let mut pages = vec![page(7, 0, 2, 0, &[&packets[0]]), page(7, 1, 0, 0, &[&packets[1]])];
    let chunks: Vec<_> = packets[2..].chunks(5).collect();
    for (number, chunk) in chunks.iter().enumerate() {
        let chunk: Vec<_> = chunk.iter().map(Vec::as_slice).collect();
        let is_last = number + 1 == chunks.len();
        let granule = if is_last { end } else { (number as u64 + 1) * 5 * PACKET };
        pages.push(page(7, number as u32 + 2, if is_last { 4 } else { 0 }, granule, &chunk));
    }
    pages
}

/// The kinds of damage, with their times in hundredths of a second.
fn places(found: &Waveform) -> Vec<(DamageKind, i64)> {
    found.damage().iter().map(|damage| (damage.kind, (damage.at_s * 100.0).round() as i64)).collect()
}

/// The starts of pieces that do not follow the piece before, in hundredths of a second.
fn jumps(bytes: Vec<u8>) -> Vec<i64> {
    let mut end = 0.0;
    let mut jumps = Vec::new();
    for piece in AudioOptions::new().reader_from_bytes(bytes, None).expect("a recording") {
        let piece = piece.expect("a piece");
        if (piece.start - end).abs() > 1e-6 {
            jumps.push((piece.start * 100.0).round() as i64);
        }
        end = piece.start + piece.len() as f64 / 16_000.0;
    }
    jumps
}

#[test]
fn takes_unusual_files_as_they_are() {
    let whole = samples("hi.opus");
    assert_eq!(decode(opus().concat()).expect("pages").samples(), whole);
    // No end flag.
    let mut endless = opus();
    let last = endless.len() - 1;
    endless[last][5] = 0;
    endless[last] = seal(endless[last].clone());
    assert_eq!(decode(endless.concat()).expect("no end").samples(), whole);
    // An empty page or packet behind the end, zeros, a tag.
    let (number, end) = (last as u32 + 1, u64::from_le_bytes(endless[last][6..14].try_into().expect("a number")));
    for tail in [
        page(7, number, 4, end, &[]),
        page(7, number, 4, end, &[&[]]),
        vec![0; 96],
        [b"TAG", &[b'x'; 125][..]].concat(),
    ] {
        assert_eq!(decode([endless.concat(), tail].concat()).expect("a tail").samples(), whole);
    }
    // An end that is late: what is padding is not known.
    let mut over = opus();
    over[last][6..14].copy_from_slice(&(end + 1_920).to_le_bytes());
    over[last] = seal(over[last].clone());
    let found = decode(over.concat()).expect("a late end");
    assert_eq!(found.samples()[..whole.len()], whole);
    assert!(found.samples().len() - whole.len() <= PACKET_16K);
    assert!(jumps(over.concat()).is_empty());
    // Other streams beside it.
    let mut beside = opus();
    beside.insert(1, page(9, 0, 2, 0, &[b"fishead\0\x03\0"]));
    beside.insert(4, page(9, 1, 4, 0, &[b"bones"]));
    assert_eq!(decode(beside.concat()).expect("a skeleton").samples(), whole);
    // A capture that starts in the middle of a page of another stream.
    let captured = [&opus()[5][40..], &opus()[6], &opus().concat()].concat();
    let found = AudioOptions::new().from_bytes(captured, Some("audio/ogg")).expect("a capture");
    assert_eq!(found.samples(), whole);
}

#[test]
fn goes_on_behind_lost_and_damaged_pages() {
    let whole = samples("hi.opus");
    let delay = 312 / 3;
    // Lost: the page from 0.6 s to 0.7 s, less the delay.
    let mut lost = opus();
    lost.remove(8);
    assert!(damage(lost.concat()).contains("page 9 follows page 7"), "{}", damage(lost.concat()));
    let found = kept(lost.concat()).expect("a lost page");
    assert_eq!(found.samples().len(), whole.len() - 5 * PACKET_16K);
    assert_eq!(found.samples()[..30 * PACKET_16K - delay], whole[..30 * PACKET_16K - delay]);
    let (tail, wanted) = (&found.samples()[found.samples().len() - 8_000..], &whole[whole.len() - 8_000..]);
    assert!(tail.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 0.05), "the rest is other speech");
    assert_eq!(places(&found), [(DamageKind::Gap, 59)]);
    assert_eq!(jumps(lost.concat()), [69]);

    // A wrong bit is the same, and bytes between pages lose nothing.
    let mut flipped = opus();
    flipped[8][100] ^= 4;
    let found = kept(flipped.concat()).expect("a wrong page");
    assert_eq!(places(&found), [(DamageKind::Corrupt, 59)]);
    assert_eq!(jumps(flipped.concat()), [69]);
    let mut junk = opus();
    junk.insert(8, b"\x80 OggS no page, OggS\0 no page \xff".to_vec());
    let found = kept(junk.concat()).expect("junk");
    assert_eq!((found.samples(), places(&found)), (&whole[..], vec![(DamageKind::Corrupt, 59)]));
    // Twice the same page.
    let mut twice = opus();
    twice.insert(8, twice[7].clone());
    let found = kept(twice.concat()).expect("a page twice");
    assert_eq!((found.samples(), places(&found)), (&whole[..], vec![(DamageKind::Corrupt, 59)]));
    // Joined late: time begins with what is there.
    let mut late = opus();
    late.drain(2..6);
    let found = kept(late.concat()).expect("joined late");
    assert_eq!(found.samples().len(), whole.len() - 20 * PACKET_16K);
    assert_eq!(places(&found), [(DamageKind::Gap, 0)]);
    assert!(jumps(late.concat()).is_empty());
    // Cut in the last page.
    let cut = opus().concat();
    let found = kept(&cut[..cut.len() - 10]).expect("a cut page");
    assert_eq!(found.damage()[0].kind, DamageKind::CutShort);
    assert_eq!(found.samples(), &whole[..found.samples().len()]);
    assert!(whole.len() - found.samples().len() <= 5 * PACKET_16K);
}

#[test]
fn pauses_in_sending_are_time_and_no_damage() {
    let mut paused = opus();
    for page in &mut paused[9..] {
        let granule = u64::from_le_bytes(page[6..14].try_into().expect("a number"));
        page[6..14].copy_from_slice(&(granule + 480_000).to_le_bytes());
        *page = seal(page.clone());
    }
    assert_eq!(decode(paused.concat()).expect("a pause").samples(), samples("hi.opus"));
    assert_eq!(jumps(paused.concat()), [1_069]);
}

#[test]
fn plays_all_pages_whose_position_stands_at_zero() {
    let whole = samples("hi.opus");
    let mut still = opus();
    for page in &mut still[2..] {
        page[6..14].fill(0);
        *page = seal(page.clone());
    }
    let found = decode(still.concat()).expect("positions of 0");
    // What is padding is not known.
    assert!((whole.len()..=whole.len() + PACKET_16K).contains(&found.samples().len()), "{}", found.samples().len());
    assert_eq!(found.samples()[..whole.len() - 200], whole[..whole.len() - 200]);
    assert!(jumps(still.concat()).is_empty());
}

#[test]
fn vorbis_needs_only_its_headers() {
    let (pages, whole) = (pages(&clip("hi.ogg")), samples("hi.ogg"));
    let mut endless = pages.clone();
    let last = endless.len() - 1;
    endless[last][5] &= !4;
    endless[last] = seal(endless[last].clone());
    assert_eq!(decode(endless.concat()).expect("no end").samples(), whole);
    let packets = packets(&clip("hi.ogg"));
    // One packet on a page, and no position but at the end.
    let single = |drop: std::ops::Range<usize>| -> Vec<u8> {
        let end = u64::from_le_bytes(pages[last][6..14].try_into().expect("a number"));
        let granule = |at: usize| {
            if at < 3 {
                0
            } else if at + 1 == packets.len() {
                end
            } else {
                u64::MAX
            }
        };
        let page = |at: usize| page(5, at as u32, if at == 0 { 2 } else { 0 }, granule(at), &[&packets[at]]);
        (0..packets.len()).filter(|at| !drop.contains(at)).map(page).collect::<Vec<_>>().concat()
    };
    assert_eq!(decode(single(0..0)).expect("single packets").samples(), whole);
    let found = kept(single(20..25)).expect("lost packets");
    assert_eq!(found.damage()[0].kind, DamageKind::Gap);
    assert!(found.samples().len() < whole.len() && found.samples()[..2_000] == whole[..2_000]);
    assert!(damage(single(2..3)).contains("headers"), "no setup header");
}

#[test]
fn chains_without_end_flags() {
    let mut endless = opus();
    let last = endless.len() - 1;
    endless[last][5] = 0;
    endless[last] = seal(endless[last].clone());
    let whole = samples("hi.opus");
    let chain = [endless.concat(), clip("hi_opusenc.opus"), clip("hi.ogg")].concat();
    let found = decode(chain).expect("a chain");
    let vorbis = samples("hi.ogg");
    // The two of the same rate are resampled as one.
    let length = whole.len() + samples("hi_opusenc.opus").len() + vorbis.len();
    assert!(found.samples().len().abs_diff(length) <= 2, "{} of {length}", found.samples().len());
    assert_eq!(found.samples()[..whole.len() - 200], whole[..whole.len() - 200]);
    assert_eq!(found.samples()[found.samples().len() - vorbis.len()..], vorbis);
}

#[test]
fn keeps_what_lies_before_a_link_that_is_not_supported() {
    let mut packets = packets(&clip("hi.opus"));
    // A channel mapping family for ambisonics.
    packets[0][18] = 2;
    let packets: Vec<_> = packets.iter().map(Vec::as_slice).collect();
    let link =
        [page(9, 0, 2, 0, &packets[..1]), page(9, 1, 0, 0, &packets[1..2]), page(9, 2, 4, 5 * PACKET, &packets[2..7])];
    let chain = [clip("hi.opus"), link.concat()].concat();
    let found = kept(chain.clone()).expect("the first link");
    assert_eq!(found.samples(), samples("hi.opus"));
    assert!(matches!(found.damage(), [damage] if damage.kind == DamageKind::Corrupt), "{:?}", found.damage());
    let refused = decode(chain).expect_err("the second link").to_string();
    assert!(refused.contains("mapping family 2"), "{refused}");
}

#[test]
fn says_where_the_start_of_a_link_is_missing() {
    let found = kept([clip("hi.opus"), pages(&clip("hi_opusenc.opus"))[1..].concat()].concat());
    let found = found.expect("the first link");
    assert_eq!(found.samples(), samples("hi.opus"));
    assert!(matches!(found.damage(), [damage] if damage.kind == DamageKind::Gap), "{:?}", found.damage());
}

#[test]
fn names_a_codec_that_is_not_decoded() {
    let refused = decode(page(1, 0, 2, 0, &[b"Speex   1.2"])).expect_err("a codec").to_string();
    assert!(refused.contains("Speex; convert it: ffmpeg -i FILE -f wav -"), "{refused}");
}
