//! What is expected of each case. `make.py` makes the files.

use indic_seamless::DamageKind::{self, Checksum, Corrupt, CutShort, Gap, InvalidSamples};

use crate::said::Said;

/// A kind of damage, and when, in seconds.
pub(crate) type Place = (DamageKind, f64);

/// What becomes of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict {
    /// It decodes; nothing is wrong with it.
    Whole,
    /// It decodes but for these places.
    Damaged(&'static [Place]),
    /// Nothing can be decoded, for a reason with these words.
    Lost(&'static str),
    /// Its container or codec is refused by this name.
    Refused(&'static str),
}

/// How samples are compared with those of ffmpeg.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Compare {
    /// All of them.
    Whole,
    /// Each part apart, with ffmpeg's decoding of the files that were joined: at a joint ffmpeg loses some, or adds some.
    Parts(&'static [&'static str]),
    /// Two fifths at each end: decoders hide the damage between them each in its own way.
    Ends,
}

/// A file, and what is expected of it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) file: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) said: Said,
    pub(crate) compare: Compare,
    /// A frame of the codec, in samples at 16 kHz: how far the length may be off.
    pub(crate) frame: usize,
    /// Options of ffmpeg before and behind the file.
    pub(crate) input: &'static str,
    pub(crate) output: &'static str,
}

const fn said(count: usize) -> Said {
    Said { phrases: 0..count, without: 0..0, hit: 0, lost: (count, 0.0), later_s: 0.0, pause_s: 1.0 }
}

const NOTHING: Said = said(0);
pub(crate) const ONCE: Said = said(2);
pub(crate) const HALF_MINUTE: Said = said(14);
const MINUTE: Said = said(28);

/// Samples, which have no frames: rounding at resampling.
const PCM: usize = 2;
const OPUS: usize = 320;
const VORBIS: usize = 2048;
const MP3: usize = 1152;
const AAC: usize = 1024;
const ADPCM: usize = 2048;
const FLAC: usize = 1152;
/// The length of both phrases with their pauses, in seconds.
pub(crate) const ROUND_S: f64 = 65_740.0 / 16_000.0;
/// In the silence before the third round: where gaps begin, and a file that was cut there.
const BEHIND_TWO_S: f64 = 2.0 * ROUND_S - 0.5;

/// Files of `make.py DIR large`, which have tests of their own.
pub(crate) const LARGE: [&str; 3] = ["large_wav.wav", "large_m4a.m4a", "large_hour.wav"];

const fn case(file: &'static str, verdict: Verdict, said: Said) -> Case {
    Case { file, verdict, said, compare: Compare::Whole, frame: PCM, input: "", output: "" }
}

const fn whole(file: &'static str, said: Said) -> Case {
    case(file, Verdict::Whole, said)
}

const fn damaged(file: &'static str, said: Said, places: &'static [Place]) -> Case {
    case(file, Verdict::Damaged(places), said).ends()
}

const fn refused(file: &'static str, name: &'static str) -> Case {
    case(file, Verdict::Refused(name), NOTHING)
}

impl Case {
    const fn frame(mut self, frame: usize) -> Self {
        self.frame = frame;
        self
    }

    /// The decoder of libopus: that of ffmpeg has another delay in some modes.
    const fn opus(mut self) -> Self {
        self.input = "-c:a libopus";
        self.frame(OPUS)
    }

    const fn ends(mut self) -> Self {
        self.compare = Compare::Ends;
        self
    }

    const fn parts(mut self, parts: &'static [&'static str]) -> Self {
        self.compare = Compare::Parts(parts);
        self
    }

    const fn output(mut self, output: &'static str) -> Self {
        self.output = output;
        self
    }

    const fn phrases(mut self, first: usize, end: usize) -> Self {
        self.said.phrases = first..end;
        self
    }

    const fn without(mut self, first: usize, end: usize) -> Self {
        self.said.without = first..end;
        self
    }

    const fn later(mut self, later_s: f64) -> Self {
        self.said.later_s = later_s;
        self
    }

    const fn lost(mut self, first: usize, earlier_s: f64) -> Self {
        self.said.lost = (first, earlier_s);
        self
    }

    const fn hit(mut self, hit: usize) -> Self {
        self.said.hit = hit;
        self
    }
}

/// All cases.
pub(crate) fn cases() -> Vec<Case> {
    [ogg(), wav(), flac(), mpeg(), mp4(), matroska(), foreign(), tones(), levels()].concat()
}

fn ogg() -> Vec<Case> {
    vec![
        whole("ogg_no_end_flag.opus", ONCE).opus(),
        whole("ogg_no_end_flag.ogg", ONCE).frame(VORBIS),
        whole("ogg_promises_more.opus", ONCE).opus(),
        whole("ogg_empty_end_page.ogg", ONCE).frame(VORBIS),
        whole("ogg_empty_end_packet.ogg", ONCE).frame(VORBIS),
        damaged("ogg_joined_late.opus", HALF_MINUTE, &[(Gap, 0.0)]).opus().phrases(2, 14).later(-3.6),
        damaged("ogg_joined_late.ogg", HALF_MINUTE, &[(Gap, 0.0)]).frame(VORBIS).phrases(2, 14).later(-3.6),
        damaged("ogg_lost_page.opus", HALF_MINUTE, &[(Gap, 12.6)]).opus().hit(1),
        damaged("ogg_lost_page.ogg", HALF_MINUTE, &[(Gap, 12.6)]).frame(VORBIS).hit(1),
        damaged("ogg_flipped_bit.opus", HALF_MINUTE, &[(Corrupt, 12.4)]).opus().hit(1),
        whole("ogg_pause_in_sending.opus", MINUTE).opus().without(8, 16),
        damaged("ogg_cut.opus", HALF_MINUTE, &[(CutShort, 28.6)]).opus(),
        damaged("ogg_cut.ogg", HALF_MINUTE, &[(CutShort, 28.3)]).frame(VORBIS),
        whole("ogg_chain.opus", said(4)).opus().parts(&["parts/once.opus", "parts/stereo.opus"]),
        whole("ogg_chain.ogg", said(4)).frame(VORBIS).parts(&["parts/once.ogg", "parts/44100.ogg"]),
        whole("ogg_zeros_behind.opus", ONCE).opus(),
        whole("ogg_tag_behind.ogg", ONCE).frame(VORBIS),
        whole("ogg_video.ogv", ONCE).frame(VORBIS),
        whole("ogg_skeleton.ogg", ONCE).frame(VORBIS),
        whole("ogg_flac.oga", ONCE),
    ]
}

fn wav() -> Vec<Case> {
    vec![
        whole("wav_pipe_espeak.wav", ONCE),
        whole("wav_pipe_arecord.wav", ONCE),
        whole("wav_pipe_largest.wav", ONCE),
        whole("wav_pipe_zero.wav", ONCE),
        whole("wav_pipe_sox.wav", ONCE),
        whole("wav_pipe_ffmpeg.wav", ONCE),
        whole("wav_28_too_many.wav", ONCE),
        whole("wav_2_too_many.wav", ONCE),
        whole("wav_2_too_few.wav", ONCE),
        damaged("wav_crashed.wav", MINUTE, &[(CutShort, 28.76)]).phrases(0, 14),
        // ffmpeg finds no samples.
        whole("wav_odd_chunk.wav", ONCE).parts(&["parts/once.wav"]),
        whole("wav_chunk_behind.wav", ONCE),
        whole("wav_f64.wav", ONCE),
        whole("wav_f32_44100.wav", ONCE),
        whole("wav_s24_48000.wav", ONCE),
        whole("wav_s32.wav", ONCE),
        whole("wav_u8.wav", ONCE),
        whole("wav_mulaw.wav", ONCE),
        whole("wav_alaw.wav", ONCE),
        whole("wav_msadpcm.wav", ONCE).frame(ADPCM),
        whole("wav_ima.wav", ONCE).frame(ADPCM),
        whole("wav_mp3.wav", ONCE).frame(MP3),
        whole("wav_rf64.wav", ONCE),
        // ffmpeg decodes the first byte of each sample as the last.
        whole("wav_rifx.wav", ONCE).parts(&["parts/once.wav"]),
        whole("wave64.w64", ONCE),
        whole("aiff.aiff", ONCE),
        whole("aiff_little_endian.aifc", ONCE),
        whole("aiff_float.aifc", ONCE),
        whole("au.au", ONCE),
        whole("au_mulaw.au", ONCE),
        whole("caf.caf", ONCE),
        whole("caf_alac.caf", ONCE),
        whole("caf_little_endian.caf", ONCE),
    ]
}

fn flac() -> Vec<Case> {
    vec![
        whole("flac_changes_channels.flac", said(4)).parts(&["parts/stereo.flac", "parts/mono.flac"]),
        whole("flac_changes_rate.flac", said(4)).parts(&["parts/stereo.flac", "parts/32000.flac"]),
        whole("flac_changes_bits.flac", said(4)).parts(&["parts/stereo.flac", "parts/24_bits.flac"]),
        whole("flac_joined.flac", said(4)).parts(&["parts/stereo.flac", "parts/32000.flac"]),
        whole("flac_min_block_0.flac", ONCE),
        whole("flac_no_total.flac", ONCE),
        whole("flac_tag_before.flac", ONCE),
        whole("flac_bytes_behind.flac", ONCE),
        whole("flac_cue_sheet.flac", ONCE),
        whole("flac_old_variable.flac", said(4)).phrases(0, 4),
        // ffmpeg decodes 32 bits from version 6 on.
        whole("flac_32_bits.flac", ONCE).parts(&["parts/32_bits.wav"]),
        damaged("flac_wrong_checksum.flac", HALF_MINUTE, &[(Checksum, 28.76)]),
        damaged("flac_cut.flac", HALF_MINUTE, &[(CutShort, 20.9)]).phrases(0, 10).hit(1),
        damaged("flac_flipped_bit.flac", HALF_MINUTE, &[(Corrupt, 13.0)]).frame(FLAC).hit(1),
        damaged("flac_lost_bytes.flac", HALF_MINUTE, &[(Corrupt, 13.0)]).frame(FLAC).hit(3),
    ]
}

fn mpeg() -> Vec<Case> {
    vec![
        damaged("mp3_junk_middle.mp3", HALF_MINUTE, &[(Corrupt, 14.4)]).frame(MP3).hit(1),
        damaged("mp3_little_junk_middle.mp3", HALF_MINUTE, &[(Corrupt, 14.4)]).frame(MP3).hit(1),
        // Frames have no time stamps: what follows is earlier by what is lost.
        damaged("mp3_lost_bytes.mp3", HALF_MINUTE, &[(Corrupt, 14.4), (CutShort, 28.0)])
            .frame(MP3)
            .hit(1)
            .lost(8, 0.75),
        damaged("mp3_last_frame_cut.mp3", HALF_MINUTE, &[(CutShort, 28.76)]).frame(MP3),
        whole("mp3_joined_late.mp3", HALF_MINUTE).frame(MP3).phrases(7, 14).later(-14.38).hit(1),
        damaged("mp3_counts_too_many.mp3", HALF_MINUTE, &[(CutShort, 28.76)]).frame(MP3),
        // ffmpeg then does not trim what the encoder added.
        whole("mp3_junk_before.mp3", ONCE).frame(MP3).parts(&["parts/once.mp3"]),
        whole("mp3_text_behind.mp3", ONCE).frame(MP3),
        whole("mp3_tags_behind.mp3", ONCE).frame(MP3),
        whole("mp3_tags_twice.mp3", ONCE).frame(MP3),
        whole("mp3_joined_channels.mp3", said(4)).frame(MP3).parts(&["parts/48000_stereo.mp3", "parts/48000.mp3"]),
        whole("mp3_joined_layout.mp3", said(4)).frame(MP3).parts(&["parts/48000_stereo.mp3", "parts/22050.mp3"]),
        whole("mp3_joined_rates.mp3", said(4)).frame(MP3).parts(&["parts/48000.mp3", "parts/44100.mp3"]),
        whole("mp3_joined_files.mp3", said(4)).frame(MP3).ends(),
        whole("mp2.mp2", ONCE).frame(MP3),
        damaged("adts_last_frame_cut.aac", HALF_MINUTE, &[(CutShort, 28.76)]).frame(AAC),
        // Where a stream starts within a frame, ffmpeg loses the next five.
        whole("adts_joined_late.aac", HALF_MINUTE).frame(AAC).parts(&["parts/late.aac"]).phrases(2, 14).later(-3.39),
        damaged("adts_junk_middle.aac", HALF_MINUTE, &[(Corrupt, 13.25)]).frame(AAC).hit(1),
        whole("adts_segments.aac", HALF_MINUTE).frame(AAC),
        whole("adts_joined.aac", said(4)).frame(AAC).parts(&["parts/16000.aac", "parts/22050_stereo.aac"]),
    ]
}

fn mp4() -> Vec<Case> {
    vec![
        whole("mov_pcm_s16le.mov", ONCE),
        whole("mov_pcm_s16be.mov", ONCE),
        whole("mov_pcm_s24le.mov", ONCE),
        whole("mov_pcm_f32le.mov", ONCE),
        whole("mov_pcm_alaw.mov", ONCE),
        whole("mov_aac.mov", ONCE).frame(AAC),
        whole("mov_alac.mov", ONCE),
        whole("mov_adpcm_ima_qt.mov", ONCE).frame(64),
        whole("mov_no_type_aac.mov", ONCE).frame(AAC),
        whole("mov_no_type_pcm_s16le.mov", ONCE),
        whole("mp4_aac.m4a", HALF_MINUTE).frame(AAC),
        whole("mp4_aac_first.m4a", HALF_MINUTE).frame(AAC),
        whole("mp4_alac.m4a", HALF_MINUTE),
        whole("mp4_mp3.m4a", HALF_MINUTE).frame(MP3),
        // The same packets. In MP4, ffmpeg leaves a part of the delay in.
        whole("mp4_opus.m4a", HALF_MINUTE).opus().parts(&["mkv_opus.mka"]),
        whole("mp4_flac.m4a", HALF_MINUTE),
        whole("mp4_bytes_behind.m4a", HALF_MINUTE).frame(AAC),
        damaged("mp4_cut.m4a", HALF_MINUTE, &[(CutShort, 21.0)]).frame(AAC).phrases(0, 10).hit(1),
        case("mp4_no_index.m4a", Verdict::Lost("moov"), NOTHING),
        whole("mp4_video.mp4", HALF_MINUTE).frame(AAC),
        whole("mp4_he_aac_core_rate.m4a", HALF_MINUTE).frame(AAC).parts(&["parts/core.m4a"]),
        whole("mp4_he_aac.m4a", HALF_MINUTE).frame(AAC).parts(&["parts/core.m4a"]),
        whole("mp4_he_aac_v2.m4a", HALF_MINUTE).frame(AAC).parts(&["parts/core.m4a"]),
        whole("mp4_late.mp4", HALF_MINUTE).frame(AAC).later(5.0),
        whole("mp4_late_fragments.mp4", HALF_MINUTE).frame(AAC).later(5.0),
        whole("mp4_edited.m4a", HALF_MINUTE).frame(AAC).phrases(4, 14).later(-BEHIND_TWO_S),
        whole("mp4_gap.m4a", HALF_MINUTE).frame(AAC).without(4, 8),
        whole("mp4_fragments.mp4", HALF_MINUTE).frame(AAC),
        whole("mp4_fragments_late.mp4", HALF_MINUTE).frame(AAC).later(7.0),
        damaged("mp4_fragments_cut.mp4", HALF_MINUTE, &[(CutShort, 28.3)]).frame(AAC).phrases(0, 10).hit(1).later(7.0),
        whole("mp4_second_track.m4a", HALF_MINUTE).frame(AAC).output("-map 0:a:1"),
    ]
}

fn matroska() -> Vec<Case> {
    vec![
        whole("mkv_zlib.mka", HALF_MINUTE),
        whole("mkv_stripped.mka", HALF_MINUTE).frame(MP3),
        whole("mkv_vorbis.mka", HALF_MINUTE).frame(VORBIS),
        whole("mkv_opus.mka", HALF_MINUTE).opus(),
        whole("mkv_flac.mka", HALF_MINUTE),
        whole("mkv_alac.mka", HALF_MINUTE),
        whole("mkv_f32.mka", HALF_MINUTE),
        whole("mkv_mp3.mka", HALF_MINUTE).frame(MP3),
        whole("mkv_second_track.mkv", HALF_MINUTE).frame(AAC).output("-map 0:a:1"),
        whole("webm_live.webm", HALF_MINUTE).opus(),
        whole("webm_unknown_sizes.webm", HALF_MINUTE).opus(),
        damaged("webm_cut.webm", HALF_MINUTE, &[(CutShort, 28.76)]).opus(),
        damaged("mkv_cut.mkv", HALF_MINUTE, &[(CutShort, 21.0)]).frame(AAC).phrases(0, 10).hit(1),
        damaged("mkv_junk_middle.mkv", HALF_MINUTE, &[(Corrupt, 13.44)]).frame(AAC).hit(1),
        damaged("mkv_lost_bytes.mkv", HALF_MINUTE, &[(Corrupt, 13.44), (CutShort, 28.8)]).frame(AAC).hit(1),
        whole("mkv_late.mkv", HALF_MINUTE).frame(AAC).later(5.0),
        whole("webm_late.webm", HALF_MINUTE).opus().later(5.0),
        whole("mkv_gap.mkv", HALF_MINUTE).frame(AAC).without(4, 8),
        whole("mkv_late_gap.mkv", HALF_MINUTE).frame(AAC).without(2, 6).later(5.0),
        whole("webm_gap_vorbis.webm", HALF_MINUTE).frame(VORBIS).without(4, 8),
        whole("webm_gap.webm", HALF_MINUTE).opus().without(4, 8),
        whole("webm_late_gap.webm", HALF_MINUTE).opus().without(2, 6).later(5.0),
    ]
}

fn foreign() -> Vec<Case> {
    vec![
        refused("foreign_gsm.wav", "GSM 06.10"),
        refused("foreign_g726.wav", "G.726"),
        refused("foreign_g722.wav", "G.722"),
        refused("foreign_wma.wma", "Windows Media"),
        refused("foreign_speex.ogg", "Speex"),
        refused("foreign_transport_stream.ts", "an MPEG transport stream"),
        refused("foreign_flash.flv", "Flash video (FLV)"),
        refused("foreign_avi.avi", "AVI"),
        refused("foreign_ac3.mkv", "AC-3"),
        refused("foreign_ac3.ac3", "AC-3"),
        refused("foreign_eac3.mp4", "E-AC-3"),
        refused("foreign_dts.mka", "DTS"),
        refused("foreign_aac_5_1.m4a", "AAC 5.1"),
        refused("foreign_aac_5_1.aac", "AAC 5.1"),
        refused("foreign_wavpack.wv", "WavPack"),
        refused("foreign_tta.tta", "TTA"),
        refused("foreign_sphere.sph", "NIST SPHERE (SPH)"),
    ]
}

fn tones() -> Vec<Case> {
    vec![
        whole("tone_keys_12.wav", NOTHING),
        whole("tone_keys_60.wav", NOTHING),
        whole("tone_ringing_us_12.wav", NOTHING),
        whole("tone_ringing_us_60.wav", NOTHING),
        whole("tone_ringing_in_12.wav", NOTHING),
        whole("tone_ringing_in_60.wav", NOTHING),
        whole("tone_busy_12.wav", NOTHING),
        whole("tone_busy_60.wav", NOTHING),
        whole("tone_dial_12.wav", NOTHING),
        whole("tone_dial_60.wav", NOTHING),
        whole("tone_fax_12.wav", NOTHING),
        whole("tone_fax_60.wav", NOTHING),
        whole("tone_beep_12.wav", NOTHING),
        whole("tone_beep_60.wav", NOTHING),
        whole("tone_siren_12.wav", NOTHING),
        whole("tone_siren_60.wav", NOTHING),
        whole("tone_hum_12.wav", NOTHING),
        whole("tone_hum_60.wav", NOTHING),
    ]
}

fn levels() -> Vec<Case> {
    let far = Said { pause_s: 3.0, ..said(12) };
    vec![
        whole("level_sides_cancel_once.wav", ONCE).output("-af pan=mono|c0=c0"),
        whole("level_sides_cancel_half_minute.wav", HALF_MINUTE).output("-af pan=mono|c0=c0"),
        whole("level_unscaled.wav", HALF_MINUTE),
        damaged("level_no_numbers.wav", ONCE, &[(InvalidSamples, 1.7)]).parts(&["parts/once.wav"]),
        whole("level_quiet.wav", HALF_MINUTE),
        whole("level_quiet_offset.wav", HALF_MINUTE),
        whole("level_far_speaker.wav", far),
    ]
}
