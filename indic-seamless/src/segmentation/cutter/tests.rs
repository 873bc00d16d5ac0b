use std::collections::BTreeMap;

use super::*;

/// A small random number generator: every run sees the same tracks.
struct Random(u64);

impl Random {
    /// Below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.below(10_000) as f32 / 10_000.0
    }
}

/// Speech, pauses, doubtful sound and blips of random lengths.
fn track(random: &mut Random) -> Vec<f32> {
    let mut track = Vec::new();
    let longest = [12, 60, 300, 1500][random.below(4)];
    for _ in 0..random.below(40) {
        let (low, high, length) = match random.below(8) {
            0..3 => (0.5, 1.0, longest),
            3 => (0.2, 1.0, longest),
            4 => (0.0, 0.2, 40),
            5 => (0.0, 0.2, 8),
            6 => (0.2, 0.45, 40),
            _ => (0.3, 1.0, 6),
        };
        track.extend((0..random.below(length)).map(|_| random.between(low, high)));
    }
    track
}

fn options(random: &mut Random) -> SegmentationOptions {
    let max_s: f64 = [1.0, 5.0, 20.0, 20.0, 20.0, 60.0][random.below(6)];
    let target_max_s = max_s * [0.3, 0.75, 1.0][random.below(3)];
    let options = SegmentationOptions {
        threshold: [0.1, 0.4, 0.4, 0.9][random.below(4)],
        max_pause_s: max_s.min([0.0, 0.5, 0.5, 2.0][random.below(4)]),
        target_min_s: target_max_s * [0.0, 0.5, 1.0][random.below(3)],
        target_max_s,
        max_s,
    };
    options.check().expect("options");
    options
}

/// The segments, each with the number of frames after which it was returned.
fn cut(track: &[f32], options: &SegmentationOptions) -> Vec<(SpeechSpan, usize)> {
    let mut cutter = Cutter::new(options);
    let (mut cuts, mut out) = (Vec::new(), Vec::new());
    for (frame, &probability) in track.iter().enumerate() {
        let needed = cutter.needed_from();
        cutter.push(probability, &mut cuts);
        assert!(cutter.needed_from() >= needed, "what was given up is needed again");
        assert!(cuts.iter().all(|cut| cut.speech.start >= needed), "{cuts:?} began before {needed}");
        assert!(cutter.probabilities.len() <= cutter.limits.most + cutter.limits.pause + 50);
        out.extend(cuts.drain(..).map(|cut| (cut, frame + 1)));
    }
    cutter.finish(EndReason::EndOfRecording, &mut cuts);
    out.extend(cuts.into_iter().map(|cut| (cut, track.len())));
    out
}

/// The stretches of speech, found by looking at the whole track at once.
fn stretches(track: &[f32], options: &SegmentationOptions) -> Vec<Range<usize>> {
    let mut found: Vec<(Range<usize>, f32)> = Vec::new();
    let mut frame = 0;
    while frame < track.len() {
        let run: Vec<f32> = track[frame..].iter().copied().take_while(|&p| p >= options.leave()).collect();
        let mut end = frame + run.len();
        if let Some(sure) = run.iter().position(|&p| p >= options.threshold) {
            let start = frame.max((frame + sure + 1).saturating_sub(16));
            // The last firm frame, where the next eight are not firm.
            let firm = |&frame: &usize| {
                let peak = run[..=frame].iter().copied().fold(0.0, f32::max);
                run[frame] >= options.threshold && run[frame] >= 0.75 * peak
            };
            let mut last = sure;
            while let Some(more) = (last + 1..run.len().min(last + 8)).rfind(firm) {
                last = more;
            }
            let next = (frame + last + 8).min(end);
            end = frame + last + 1;
            let run = &run[..=last];
            let (before, behind) = run.split_at(sure + 1);
            if found.last().is_none_or(|(last, _)| start - last.end >= SHORTEST_PAUSE) {
                found.push((start..end, 0.0));
            }
            if let Some((last, weight)) = found.last_mut() {
                last.end = end;
                *weight = behind.iter().fold(*weight + before.iter().sum::<f32>(), |weight, p| weight + p);
            }
            end = next;
        }
        frame = end.max(frame + 1);
    }
    found
        .into_iter()
        .filter(|(stretch, weight)| stretch.len() >= 6 || *weight >= 2.5)
        .map(|(stretch, _)| stretch)
        .collect()
}

#[test]
fn every_stretch_of_speech_is_in_exactly_one_segment() {
    let mut random = Random(7);
    let (mut segments, mut split, mut reasons) = (0, 0, BTreeMap::<String, usize>::new());
    for number in 0..4000 {
        let (track, options) = (track(&mut random), options(&mut random));
        let limits = Cutter::new(&options).limits;
        let (cuts, stretches) = (cut(&track, &options), stretches(&track, &options));
        segments += cuts.len();
        let mut previous = 0;
        for (place, (SpeechSpan { speech, free, end_reason }, out)) in cuts.iter().enumerate() {
            let at = || format!("track {number}, segment {speech:?} of {cuts:?}, stretches {stretches:?}, {options:?}");
            assert!(speech.start >= previous && speech.end > speech.start, "order: {}", at());
            assert!(speech.len() <= limits.most, "length: {}", at());
            assert!(free.start == previous && free.end >= speech.end, "surroundings: {}", at());
            previous = speech.end;
            *reasons.entry(format!("{end_reason:?}")).or_default() += 1;
            let is_last = place + 1 == cuts.len();
            match end_reason {
                EndReason::Pause => assert!(free.end - speech.end > limits.pause, "no pause: {}", at()),
                EndReason::TargetLength => {
                    assert!(speech.len() >= limits.target_min.min(limits.part), "short: {}", at());
                }
                EndReason::LeastSpeech | EndReason::Limit => assert!(!is_last, "nothing was cut off: {}", at()),
                EndReason::EndOfRecording => assert!(is_last && *out == track.len(), "not the end: {}", at()),
                EndReason::Whole | EndReason::Unknown => panic!("was cut: {}", at()),
            }

            // The stretches within the segment, and the pauses between them.
            let inside = stretches.iter().filter(|s| s.start < speech.end && s.end > speech.start);
            let mut end = speech.start;
            for stretch in inside.clone() {
                let pause = stretch.start.saturating_sub(end);
                assert!(pause <= limits.pause.max(SHORTEST_PAUSE - 1), "a pause of {pause}: {}", at());
                end = stretch.end;
            }
            assert!(speech.end <= end, "silence at the end: {}", at());
            let latest = speech.end + limits.pause.max(SHORTEST_PAUSE) + 16 + 12;
            let full = speech.start + limits.most + SHORTEST_PAUSE + 16 + 12;
            assert!(*out <= latest.max(full), "came out after {out} frames: {}", at());
            assert!(inside.count() > 0, "no speech: {}", at());
        }
        for stretch in &stretches {
            let parts: Vec<_> = cuts
                .iter()
                .map(|(cut, _)| &cut.speech)
                .filter(|s| s.start < stretch.end && s.end > stretch.start)
                .collect();
            let (first, last) = (parts.first().expect("speech was lost"), parts.last().expect("speech was lost"));
            assert!(first.start <= stretch.start && last.end >= stretch.end, "lost a part of {stretch:?} in {number}");
            assert!(
                parts.windows(2).all(|pair| pair[0].end == pair[1].start),
                "lost a middle of {stretch:?} in {number}"
            );
            split += parts.len() - 1;
        }
        for pair in cuts.windows(2) {
            assert!(pair[0].0.free.end <= pair[1].0.speech.start, "the next came earlier than told: {pair:?}");
        }
    }
    assert!(segments > 10_000 && split > 1000, "{segments} segments, {split} cuts within speech");
    assert!(reasons.len() == 5 && reasons.values().all(|&count| count > 100), "{reasons:?}");
}

/// Speech at 0.9 and pauses at 0.02, in frames, the first being speech.
fn speech(lengths: &[usize]) -> Vec<f32> {
    lengths.iter().enumerate().flat_map(|(i, &n)| std::iter::repeat_n(if i % 2 == 0 { 0.9 } else { 0.02 }, n)).collect()
}

fn segments(track: &[f32]) -> Vec<[usize; 2]> {
    cut(track, &SegmentationOptions::default()).into_iter().map(|(cut, _)| [cut.speech.start, cut.speech.end]).collect()
}

fn reasons(track: &[f32]) -> Vec<EndReason> {
    cut(track, &SegmentationOptions::default()).into_iter().map(|(cut, _)| cut.end_reason).collect()
}

#[test]
fn every_segment_says_why_it_ends() {
    use EndReason::{EndOfRecording, LeastSpeech, Limit, Pause, TargetLength};
    assert_eq!(reasons(&speech(&[50, 99, 50, 5])), [Pause, EndOfRecording]);
    // Long enough to end at a short pause.
    assert_eq!(reasons(&speech(&[260, 7, 50, 99])), [TargetLength, Pause]);
    // Too long: cut at the last pause.
    assert_eq!(reasons(&speech(&[100, 7, 100, 8, 400, 99])), [TargetLength, TargetLength]);
    // Too long, without a pause.
    let mut track = speech(&[900, 99]);
    assert_eq!(reasons(&track)[0], Limit);
    track[350..354].fill(0.1);
    assert_eq!(reasons(&track)[0], LeastSpeech);
}

#[test]
fn neighbours_are_merged_across_short_pauses() {
    assert_eq!(segments(&speech(&[50, 15, 50, 16, 50, 99])), [[0, 115], [131, 181]]);
    // Too short for speech, and gaps too short for a pause.
    assert_eq!(segments(&speech(&[2, 50, 2, 99, 1, 5, 1, 99])), [[153, 160]]);
    // A short stretch counts if it is certain, not if it is doubtful.
    assert_eq!(segments(&speech(&[3, 99])), [[0, 3]]);
    assert!(segments(&[[0.45; 5].as_slice(), &[0.0; 99]].concat()).is_empty());
}

#[test]
fn from_eight_seconds_on_the_next_pause_ends_a_segment() {
    assert_eq!(segments(&speech(&[240, 7, 20, 7, 100, 99])), [[0, 267], [274, 374]]);
    assert_eq!(segments(&speech(&[240, 7, 20, 5, 100, 99])), [[0, 372]]);
}

#[test]
fn at_fifteen_seconds_the_last_pause_is_taken() {
    assert_eq!(segments(&speech(&[100, 7, 100, 8, 400, 99])), [[0, 207], [215, 615]]);
    // A pause too close to the start is not used.
    let found = segments(&speech(&[40, 7, 800, 99]));
    assert!(found[0][1] >= 250, "{found:?}");
}

#[test]
fn without_a_pause_speech_is_cut_where_it_dips() {
    let mut track = speech(&[900, 99]);
    track[350..354].fill(0.1);
    assert_eq!(segments(&track)[0], [0, 352]);
    // A dip above the lower threshold is used only at the limit.
    track[350..354].fill(0.5);
    let found = cut(&track, &SegmentationOptions::default());
    assert_eq!((&found[0].0.speech, found[0].1), (&(0..352), 626));
    // Several low frames count more than a single one.
    track[350..354].fill(0.9);
    track[300] = 0.45;
    track[400..404].fill(0.6);
    assert_eq!(segments(&track)[0], [0, 402]);
}
