//! The work on a recording: clips in, segments out.

use std::{ops::Range, sync::Arc, time::Instant};

use super::{Progress, Retry, TranscribeOptions, Transcriber, milliseconds, seconds, timing};
use crate::{
    audio::Waveform,
    cancel::CancelToken,
    error::{Error, Result},
    features::FRAME_SHIFT,
    generation::{
        GenerationConfig, Hypothesis, Limits, LogitsProcessor, NO_REPEAT, TokenEvent, align, is_loop, most_tokens,
    },
    language::Language,
    memory,
    model::Encoded,
    segmentation::SpeechSegment,
    text::DecodeOptions,
    transcript::{Alternative, Flag, Segment, Timings, Transcript, Word},
};

/// Seconds of speech that are decoded together, divided by the number of beams: what caches of keys and values take for it, up to
/// 100 MB in the large model, is little beside the weights.
const BATCH_S: f64 = 40.0;
/// The most hypotheses that are decoded together: beyond, a step is bound by arithmetic, and logits begin to take room.
const BATCH_ROWS: usize = 16;
/// Seconds of speech that are gathered before they are decoded, at first and at most: soon something, then much at a time.
const WINDOW_S: (f64, f64) = (20.0, 2.0 * BATCH_S);

/// What is decoded as one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clip<'a> {
    /// 16 kHz.
    pub(super) samples: &'a [f32],
    /// Seconds of the recording before `samples`.
    pub(super) offset: f64,
    /// Where the speech begins, in seconds of the recording.
    pub(super) start: f64,
    /// Where it ends.
    pub(super) end: f64,
}

impl<'a> From<&'a SpeechSegment> for Clip<'a> {
    fn from(segment: &'a SpeechSegment) -> Self {
        let SpeechSegment { start, end, audio_start, ref samples } = *segment;
        Self { samples, offset: audio_start, start, end }
    }
}

impl Clip<'_> {
    fn seconds(&self) -> f64 {
        seconds(self.samples.len())
    }
}

/// A transcription under way: its settings, checked, and what has been measured.
pub(super) struct Session<'t, 'o> {
    pub(super) transcriber: &'t Transcriber,
    pub(super) language: Language,
    pub(super) prompt: Vec<u32>,
    generation: GenerationConfig,
    pub(super) processors: Vec<Arc<dyn LogitsProcessor>>,
    batch_size: Option<usize>,
    /// How many clips memory has room for at a time, should all of them get as long as they may.
    most_clips: u64,
    window_s: f64,
    retries: bool,
    words: bool,
    pub(super) cancel: CancelToken,
    pub(super) on_token: Option<&'o mut (dyn FnMut(TokenEvent) + Send)>,
    on_segment: Option<&'o mut (dyn FnMut(&Segment) + Send)>,
    on_progress: Option<&'o mut (dyn FnMut(Progress) + Send)>,
    pub(super) total_s: Option<f64>,
    /// The progress that was told.
    pub(super) done_s: f64,
    pub(super) timings: Timings,
}

impl<'t, 'o> Session<'t, 'o> {
    /// `cut` tells whether the recording is cut.
    pub(super) fn new(
        transcriber: &'t Transcriber,
        language: Language,
        options: TranscribeOptions<'o>,
        cut: bool,
    ) -> Result<Self> {
        let cancel = options.stop();
        let generation = options.generation.unwrap_or_else(|| transcriber.checkpoint().generation().clone());
        let limits = Limits::of(transcriber.checkpoint().config());
        let memory = memory::available();
        generation.check_within(&limits, memory)?;
        if options.batch_size == Some(0) {
            return Err(Error::InvalidOption {
                option: "batch_size",
                found: "0".to_owned(),
                wanted: "at least 1".to_owned(),
            });
        }
        Ok(Self {
            language,
            prompt: vec![generation.decoder_start_token_id, transcriber.checkpoint().language_token(language)?],
            processors: options.processors,
            batch_size: options.batch_size,
            most_clips: memory.map_or(u64::MAX, |memory| memory / limits.bytes(&generation).max(1)),
            window_s: WINDOW_S.0,
            retries: options.retry == Retry::Always || options.retry == Retry::Auto && cut,
            words: options.words,
            cancel,
            on_token: options.on_token,
            on_segment: options.on_segment,
            on_progress: options.on_progress,
            total_s: None,
            done_s: 0.0,
            timings: Timings { load_ms: transcriber.load_ms, ..Timings::default() },
            transcriber,
            generation,
        })
    }

    /// Tells how far the work is.
    pub(super) fn progress(&mut self, done_s: f64) {
        // The start of a segment is known later than the silence before it.
        self.done_s = self.done_s.max(done_s);
        if let Some(on_progress) = &mut self.on_progress {
            on_progress(Progress { done_s: self.done_s, total_s: self.total_s });
        }
    }

    /// Hands a segment out.
    pub(super) fn give(&mut self, segment: Segment, finished: &mut Vec<Segment>) {
        if let Some(on_segment) = &mut self.on_segment {
            on_segment(&segment);
        }
        finished.push(segment);
    }

    /// The transcript of a recording that was cut, of which `read_s` seconds were read.
    pub(super) fn result(
        &self,
        run: Result<()>,
        read_s: f64,
        segments: Vec<Segment>,
        started: Instant,
    ) -> Result<Transcript> {
        let timings = Timings { total_ms: milliseconds(started), ..self.timings };
        with_partial(run, Transcript::new(read_s, self.language, segments, timings))
    }

    /// Whether so much speech is there that it should be transcribed. More than a batch is gathered, so that stretches of like
    /// length can be put together.
    pub(super) fn is_enough(&self, speech: &[SpeechSegment]) -> bool {
        match self.batch_size {
            Some(size) => speech.len() >= size.saturating_mul(2),
            None => speech.iter().map(|segment| seconds(segment.samples.len())).sum::<f64>() >= self.window_s,
        }
    }

    /// Stretches of speech, as places, that are decoded together: of like length, and as many as were asked for or there is
    /// room for.
    fn batches(&self, speech: &[SpeechSegment]) -> Vec<Vec<usize>> {
        let length = |place: usize| seconds(speech[place].samples.len());
        let mut order: Vec<usize> = (0..speech.len()).collect();
        order.sort_by(|&a, &b| length(a).total_cmp(&length(b)));
        let beams = self.generation.num_beams;
        let most_s = BATCH_S / beams as f64;
        let mut batches: Vec<Vec<usize>> = Vec::new();
        for place in order {
            let fits = |batch: &&mut Vec<usize>| {
                let size = batch.len() + 1;
                // The shorter ones are padded to this one.
                let is_small = || size as f64 * length(place) <= most_s && size * beams <= BATCH_ROWS;
                size as u64 <= self.most_clips && self.batch_size.map_or_else(is_small, |most| size <= most)
            };
            match batches.last_mut().filter(fits) {
                Some(batch) => batch.push(place),
                None => batches.push(vec![place]),
            }
        }
        batches
    }

    /// Transcribes stretches of speech, those of like length together, and hands them out in the order of time. `taken_s` is
    /// how much of the recording has been searched for speech.
    pub(super) fn transcribe_all(
        &mut self,
        speech: &[SpeechSegment],
        taken_s: f64,
        finished: &mut Vec<Segment>,
    ) -> Result<()> {
        let mut done: Vec<Option<Option<Segment>>> = vec![None; speech.len()];
        let mut given = 0;
        for batch in self.batches(speech) {
            let clips: Vec<Clip<'_>> = batch.iter().map(|&place| Clip::from(&speech[place])).collect();
            match self.transcribe(&clips) {
                Ok(segments) => batch.iter().zip(segments).for_each(|(&place, segment)| done[place] = Some(segment)),
                Err(error) => {
                    // What is behind a gap is finished, too.
                    let rest = done.into_iter().skip(given).flatten().flatten();
                    rest.filter(understood).for_each(|segment| self.give(segment, finished));
                    return Err(error);
                }
            }
            while let Some(segment) = done.get_mut(given).and_then(Option::take) {
                segment.into_iter().filter(understood).for_each(|segment| self.give(segment, finished));
                given += 1;
            }
            self.progress(speech.get(given).map_or(taken_s, |next| next.start));
        }
        if speech.is_empty() {
            self.progress(taken_s);
        } else {
            self.window_s = (2.0 * self.window_s).min(WINDOW_S.1);
        }
        Ok(())
    }

    /// Transcribes clips together.
    ///
    /// They are encoded one by one, as encoding is bound by arithmetic and padding changes its result, and decoded in one
    /// batch, as decoding is bound by reading the weights.
    pub(super) fn transcribe(&mut self, clips: &[Clip<'_>]) -> Result<Vec<Option<Segment>>> {
        let encoded = clips.iter().map(|clip| self.encode(clip.samples)).collect::<Result<Vec<_>>>()?;
        let generation = self.bounded(clips);
        let found = self.search(&encoded, &generation)?;
        let mut segments = Vec::with_capacity(clips.len());
        for ((clip, encoded), hypotheses) in clips.iter().zip(&encoded).zip(found) {
            segments.push(self.segment(clip, encoded, hypotheses, &generation)?);
        }
        Ok(segments)
    }

    /// What became of a clip; nothing if the search was for no hypothesis.
    fn segment(
        &mut self,
        clip: &Clip<'_>,
        encoded: &Encoded,
        mut found: Vec<Hypothesis>,
        generation: &GenerationConfig,
    ) -> Result<Option<Segment>> {
        let mut flags = self.flags(clip, found.first(), generation);
        let strict = (1..=NO_REPEAT).contains(&self.generation.no_repeat_ngram_size);
        if self.retries && !strict && flags.iter().any(|flag| matches!(flag, Flag::Loop | Flag::RunAway)) {
            tracing::debug!(start = clip.start, end = clip.end, ?flags, "searching again without repetitions");
            let one = std::slice::from_ref(clip);
            let strict = GenerationConfig { no_repeat_ngram_size: NO_REPEAT, ..self.bounded(one) };
            let again = self.search(std::slice::from_ref(encoded), &strict)?.pop().unwrap_or_default();
            if !again.is_empty() {
                found = again;
                flags = self.flags(clip, found.first(), &strict);
                flags.insert(0, Flag::Retried);
            }
        }
        let Some((best, others)) = found.split_first() else { return Ok(None) };
        self.timings.new_tokens += best.logprobs.len();
        let text = |tokens: &[u32]| self.transcriber.checkpoint.tokenizer().decode(tokens, DecodeOptions::default());
        let alternative = |other: &Hypothesis| {
            Ok(Alternative { text: text(&other.tokens)?, tokens: other.tokens.clone(), score: other.score })
        };
        Ok(Some(Segment {
            start: clip.start,
            end: clip.end,
            text: text(&best.tokens)?,
            tokens: best.tokens.clone(),
            score: best.score,
            avg_logprob: best.avg_logprob(),
            flags,
            words: if self.words { self.words(clip, encoded, best)? } else { Vec::new() },
            alternatives: others.iter().map(alternative).collect::<Result<_>>()?,
        }))
    }

    /// The search, which ends where it is clear that it will be done again.
    fn bounded(&self, clips: &[Clip<'_>]) -> GenerationConfig {
        let longest = clips.iter().map(Clip::seconds).fold(0.0, f64::max);
        // In beam search the limit, which depends on the other clips, decides about shorter hypotheses, too.
        let may = self.retries && self.generation.num_beams == 1;
        let most = if may { most_tokens(longest) + 1 } else { usize::MAX };
        let max_new_tokens = self.generation.max_new_tokens.min(most.max(self.generation.min_new_tokens));
        GenerationConfig { max_new_tokens, ..self.generation.clone() }
    }

    /// What is wrong with a hypothesis.
    fn flags(&self, clip: &Clip<'_>, best: Option<&Hypothesis>, generation: &GenerationConfig) -> Vec<Flag> {
        let Some(best) = best else { return Vec::new() };
        let new = best.tokens.get(self.prompt.len()..).unwrap_or_default();
        let ended = new.last().is_some_and(|last| generation.eos_token_id.contains(last));
        // The last token may have been forced to be the end.
        let cut = new.len() == generation.max_new_tokens && (!ended || !generation.forced_eos_token_id.is_empty());
        let all = [
            (is_loop(new), Flag::Loop),
            (new.len() > most_tokens(clip.seconds()), Flag::RunAway),
            (cut && !new.is_empty(), Flag::Truncated),
        ];
        all.into_iter().filter_map(|(is, flag)| is.then_some(flag)).collect()
    }

    /// The words of a hypothesis and when they are said.
    fn words(&mut self, clip: &Clip<'_>, encoded: &Encoded, best: &Hypothesis) -> Result<Vec<Word>> {
        let checkpoint = &self.transcriber.checkpoint;
        let mut words = checkpoint.tokenizer().words(&best.tokens)?;
        // The prompt is no text, whatever tokens it is made of.
        words.retain(|word| word.tokens.start >= self.prompt.len());
        if words.is_empty() {
            return Ok(Vec::new());
        }
        // The step that reads a token predicts the next one.
        let read = &best.tokens[..best.tokens.len() - 1];
        let (weights, positions) = self.cross_attention(encoded, read)?;
        let tokens: Vec<_> = words.iter().map(|word| word.tokens.start - 1..word.tokens.end - 1).collect();
        let stride = 2 * FRAME_SHIFT * checkpoint.config().adaptor_stride;
        let position_s = stride as f64 / f64::from(Waveform::SAMPLE_RATE);
        let rough = align(&weights, positions, &tokens).into_iter();
        let rough: Vec<_> = rough.map(|word| word.start * position_s..word.end * position_s).collect();
        let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        let times = timing::refine(clip.samples, &rough, &texts);
        let inside =
            |time: f64| ((clip.offset + time) * 1000.0).round().clamp(clip.start * 1000.0, clip.end * 1000.0) / 1000.0;
        let word = |(word, time): (&crate::text::WordTokens, Range<f64>)| {
            let range = word.tokens.start - self.prompt.len()..word.tokens.end - self.prompt.len();
            let logprobs = best.logprobs.get(range).unwrap_or_default();
            let confidence = logprobs.iter().map(|p| p.exp()).sum::<f32>() / logprobs.len().max(1) as f32;
            Word { text: word.text.clone(), start: inside(time.start), end: inside(time.end), confidence }
        };
        Ok(words.iter().zip(times).map(word).collect())
    }
}

/// Whether there is text. What only sounded like speech has none.
fn understood(segment: &Segment) -> bool {
    if segment.text.is_empty() {
        tracing::debug!(start = segment.start, end = segment.end, "sounded like speech, but nothing was understood");
    }
    !segment.text.is_empty()
}

/// The transcript of what was finished: as a result, or inside of [`Error::Stopped`].
pub(super) fn with_partial(run: Result<()>, transcript: Transcript) -> Result<Transcript> {
    match run {
        Ok(()) => Ok(transcript),
        Err(Error::Stopped { reason, .. }) => Err(Error::Stopped { reason, partial: Some(Box::new(transcript)) }),
        Err(error) => Err(error),
    }
}
