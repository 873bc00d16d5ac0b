//! The queue: who waits, who goes first, who is refused.

use std::{sync::mpsc, time::Duration};

use super::*;
use crate::audio::{AudioOptions, Waveform};

fn reader() -> Result<AudioReader> {
    AudioOptions::new().reader("examples/audio/hindi-1.wav")
}

fn engine(recordings: usize, queue: usize) -> Engine {
    Engine::with_options(Transcriber::demo().expect("model"), EngineOptions { recordings, queue })
}

fn options(priority: Priority) -> TranscribeOptions<'static> {
    TranscribeOptions { priority, ..TranscribeOptions::default() }
}

/// Submits a recording that waits for a message before it opens, so that others queue behind it.
fn block(engine: &Engine) -> (mpsc::Sender<()>, Transcription) {
    let (go, wait) = mpsc::channel::<()>();
    let open = move || {
        let _ = wait.recv();
        reader()
    };
    let transcription = engine.submit(open, Language::HINDI, options(Priority::Interactive)).expect("room");
    (go, transcription)
}

#[test]
fn a_full_queue_refuses_and_who_has_gone_does_not_count() {
    let engine = engine(1, 2);
    assert!(engine.has_room());
    let (go, first) = block(&engine);
    assert!(!engine.has_room());
    let submit = || engine.submit(reader, Language::HINDI, options(Priority::Interactive));
    let (second, third) = (submit().expect("room"), submit().expect("room"));
    assert!(matches!(submit(), Err(Error::Busy { running: 1, waiting: 2 })));
    assert_eq!((engine.waiting().interactive, engine.waiting().batch), (2, 0));
    drop(second);
    let fourth = submit().expect("room again");
    go.send(()).expect("a recording waits");
    for transcription in [first, third, fourth] {
        assert_eq!(transcription.wait().expect("text").text, "कृपया आज का मौसम");
    }
}

#[test]
fn interactive_recordings_go_first() {
    let engine = engine(1, usize::MAX);
    let (go, _first) = block(&engine);
    let (told, order) = mpsc::channel();
    for (number, priority) in [Priority::Batch, Priority::Interactive, Priority::Batch].into_iter().enumerate() {
        let told = told.clone();
        let open = move || {
            told.send(number).expect("the test listens");
            reader()
        };
        engine.submit_with(open, Language::HINDI, options(priority), |_| {}).expect("room");
    }
    go.send(()).expect("a recording waits");
    let order: Vec<usize> = (0..3).map(|_| order.recv_timeout(Duration::from_secs(60)).expect("opened")).collect();
    assert_eq!(order, [1, 0, 2]);
}

#[test]
fn updates_end_with_the_result() {
    let engine = engine(2, 0);
    let updates: Vec<Update> =
        engine.submit(reader, Language::HINDI, options(Priority::Interactive)).expect("room").collect();
    assert!(updates.iter().any(|update| matches!(update, Update::Segment(_))), "{updates:?}");
    assert!(matches!(updates.last(), Some(Update::Done(Ok(_)))), "{updates:?}");
    // A panic ends them, and the engine goes on.
    let panics = engine.submit(|| panic!("on purpose"), Language::HINDI, options(Priority::Interactive));
    assert!(matches!(panics.expect("room").wait(), Err(Error::Stopped { .. })));
    assert!(engine.submit(reader, Language::HINDI, options(Priority::Batch)).expect("room").wait().is_ok());
}

#[test]
fn work_of_the_callers_takes_its_turn_unless_it_was_cancelled() {
    let engine = engine(1, 2);
    let (go, first) = block(&engine);
    let (told, heard) = mpsc::channel();
    let submit = |name: &'static str, cancel: &CancelToken| {
        let told = told.clone();
        engine.submit_work(Priority::Batch, cancel, move |transcriber| {
            let audio = Waveform::open("examples/audio/hindi-1.wav").expect("clip");
            let best = transcriber.detect_language(&audio).expect("guess")[0].language;
            told.send((name, best)).expect("the test listens");
        })
    };
    let leaves = CancelToken::new();
    submit("leaves", &leaves).expect("room");
    submit("stays", &CancelToken::new()).expect("room");
    assert!(matches!(submit("too many", &CancelToken::new()), Err(Error::Busy { running: 1, waiting: 2 })));
    leaves.cancel();
    submit("comes later", &CancelToken::new()).expect("room again");
    assert!(heard.recv_timeout(Duration::from_millis(100)).is_err(), "it is not their turn");
    go.send(()).expect("a recording waits");
    drop(told);
    let heard: Vec<_> = heard.into_iter().collect();
    assert_eq!(heard, [("stays", Language::HINDI), ("comes later", Language::HINDI)]);
    assert!(first.wait().is_ok());
}

#[test]
fn batches_that_have_waited_for_long_take_turns_with_interactive_recordings() {
    let (mut state, since) = (State::default(), Instant::now());
    for priority in [[Priority::Batch; 3], [Priority::Interactive; 3]].concat() {
        let run = Box::new(|_: &Transcriber, _: Priority| {});
        state.waiting.push_back(Task { priority, cancel: CancelToken::new(), since, run });
    }
    // Whether a batch has left the queue, and what it is now.
    let mut next = |waited_s| {
        let batches = |state: &State| state.waiting.iter().filter(|task| task.priority == Priority::Batch).count();
        let before = batches(&state);
        let task = state.next(since + Duration::from_secs(waited_s)).expect("a recording");
        (batches(&state) < before, task.priority)
    };
    assert_eq!(next(599), (false, Priority::Interactive));
    assert_eq!(next(600), (true, Priority::Interactive));
    assert_eq!(next(600), (false, Priority::Interactive));
    assert_eq!(next(700), (true, Priority::Interactive));
    assert_eq!(next(700), (false, Priority::Interactive));
    // Nothing interactive waits.
    assert_eq!(next(700), (true, Priority::Batch));
}

#[test]
fn who_panics_when_cancelled_harms_nobody_else() {
    let engine = engine(1, 3);
    let (go, first) = block(&engine);
    let submit = |update: Box<dyn FnMut(Update) + Send>| {
        engine.submit_with(reader, Language::HINDI, options(Priority::Interactive), update).expect("room")
    };
    let (told, heard) = mpsc::channel();
    let panics = submit(Box::new(|_| panic!("on purpose")));
    let leaves = submit(Box::new(move |update| told.send(update).expect("the test listens")));
    panics.cancel();
    leaves.cancel();
    // Both are dropped from the queue on this thread.
    let second = engine.submit(reader, Language::HINDI, options(Priority::Interactive)).expect("room");
    let update = heard.try_recv();
    assert!(matches!(update, Ok(Update::Done(Err(Error::Stopped { .. })))), "{update:?}");
    go.send(()).expect("a recording waits");
    assert!(first.wait().is_ok() && second.wait().is_ok());
}
