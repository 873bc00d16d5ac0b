//! Whose turn it is, with the demo model.

use std::sync::mpsc::channel;

use burn::tensor::Device;

use super::{
    super::{Account, Priority, Spec, Trace},
    *,
};
use crate::{audio::Waveform, backend::Precision, checkpoint::Checkpoint, language::Language, segmentation::Clip};

fn loaded() -> Loaded {
    let checkpoint = Checkpoint::demo().expect("checkpoint");
    let model = checkpoint.load(Precision::F32, &Device::flex(), &mut |_, _| {}).expect("model");
    Loaded { checkpoint, model }
}

/// Two seconds of speech, whose events nobody hears.
fn clip(Loaded { checkpoint, .. }: &Loaded, priority: Priority) -> Waiting {
    let audio = Waveform::open("examples/audio/hindi-1.wav").expect("clip");
    let generation = checkpoint.generation().clone();
    let language = checkpoint.language_token(Language::HINDI).expect("language");
    Waiting::new(Job {
        account: Arc::new(Account::new(priority)),
        number: 0,
        source: Source::Clip(Arc::new(Clip::whole(0.0, audio.samples().to_vec()))),
        spec: Spec {
            prompt: vec![generation.decoder_start_token_id, language],
            generation,
            processors: Vec::new(),
            script: None,
        },
        tells_tokens: false,
        cancel: CancelToken::new(),
        events: channel().0,
        trace: Trace::of_current(),
    })
}

#[test]
fn a_batch_on_its_way_through_the_encoder_waits_for_ten_minutes_at_most() {
    let (loaded, inbox, told) = (loaded(), Inbox::default(), Told::default());
    let mut worker = Worker::new(&loaded, policy::BYTES, &inbox, &told);
    worker.waiting.push(clip(&loaded, Priority::Batch));
    assert!(worker.advance());
    assert_eq!(worker.encoding.len(), 1);
    worker.waiting.push(clip(&loaded, Priority::Interactive));
    while worker.searches.is_empty() {
        assert!(worker.advance());
    }
    // The interactive clip has overtaken it.
    assert_eq!((worker.waiting.len(), worker.encoding.len()), (0, 1));
    let next_in = |seconds| worker.next(Instant::now() + Duration::from_secs(seconds));
    assert_eq!([0, 500, 600].map(next_in), [Next::Step, Next::Step, Next::Encode(0)]);
}

#[test]
fn calls_and_clips_take_turns() {
    let (loaded, inbox, told) = (loaded(), Inbox::default(), Told::default());
    let mut worker = Worker::new(&loaded, policy::BYTES, &inbox, &told);
    let (called, calls) = channel();
    for _ in 0..4 {
        let called = called.clone();
        worker.calls.push_back(Box::new(move |_: &Loaded| called.send(()).expect("the test listens")));
    }
    worker.waiting.push(clip(&loaded, Priority::Interactive));
    assert!(worker.advance());
    assert_eq!((calls.try_iter().count(), worker.waiting.len()), (1, 1));
    assert!(worker.advance());
    assert_eq!((calls.try_iter().count(), worker.waiting.len(), worker.encoding.len()), (0, 0, 1));
    assert!(worker.advance());
    assert_eq!((calls.try_iter().count(), worker.encoding.len()), (1, 1));
    // They do not wait for clips that are not there.
    worker.encoding.clear();
    assert!(worker.advance() && worker.advance());
    assert_eq!(calls.try_iter().count(), 2);
    assert!(!worker.advance());
}

#[test]
fn a_search_that_gives_way_has_waited_since_it_was_submitted() {
    let (loaded, inbox, told) = (loaded(), Inbox::default(), Told::default());
    let mut worker = Worker::new(&loaded, policy::BYTES, &inbox, &told);
    worker.waiting.extend([clip(&loaded, Priority::Batch), clip(&loaded, Priority::Batch)]);
    let submitted: Vec<Instant> = worker.waiting.iter().map(|waiting| waiting.since).collect();
    while worker.searches.len() < 2 {
        assert!(worker.advance());
    }
    worker.most_bytes = 0;
    worker.make_room();
    assert_eq!((worker.searches.len(), worker.waiting.len()), (1, 1));
    assert!(submitted.contains(&worker.waiting[0].since));
    // It asks for what it had, if that is more than is expected of it.
    assert!(worker.waiting[0].had > 0);
    let had = mem::replace(&mut worker.waiting[0].had, 1 << 50);
    assert_eq!(worker.asks(&worker.waiting[0], Instant::now()).bytes, 1 << 50);
    worker.waiting[0].had = had;
    // It is begun again, and so is what it has waited since.
    worker.searches.clear();
    while worker.searches.is_empty() {
        assert!(worker.advance());
    }
    assert!(submitted.contains(&worker.searches[0].waited_since));
}

#[test]
fn a_search_that_tells_of_its_tokens_does_not_give_way() {
    let (loaded, inbox, told) = (loaded(), Inbox::default(), Told::default());
    let mut worker = Worker::new(&loaded, policy::BYTES, &inbox, &told);
    let mut clips = [clip(&loaded, Priority::Batch), clip(&loaded, Priority::Batch)];
    clips.iter_mut().for_each(|clip| clip.job.tells_tokens = true);
    worker.waiting.extend(clips);
    while worker.searches.len() < 2 {
        assert!(worker.advance());
    }
    worker.most_bytes = 0;
    worker.make_room();
    assert_eq!((worker.searches.len(), worker.waiting.len()), (2, 0));
}

#[test]
fn a_search_that_waits_for_memory_goes_before_shorter_ones_in_time() {
    let (loaded, inbox, told) = (loaded(), Inbox::default(), Told::default());
    let mut worker = Worker::new(&loaded, policy::BYTES, &inbox, &told);
    worker.waiting.extend([clip(&loaded, Priority::Interactive), clip(&loaded, Priority::Interactive)]);
    while worker.searches.len() < 2 {
        assert!(worker.advance());
    }
    // The first has waited for longer than it asks for more.
    worker.searches[0].asks.key = worker.searches[1].asks.key + 0.5;
    let begun = worker.searches[1].begun.checked_sub(Duration::from_secs(1)).expect("a machine that runs for a second");
    worker.searches[0].begun = begun;
    worker.most_bytes = 0;
    worker.make_room();
    assert_eq!(worker.searches.len(), 1);
    assert_eq!(worker.searches[0].begun, begun);
}
