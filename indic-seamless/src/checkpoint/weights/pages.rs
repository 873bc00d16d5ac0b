//! The pages of mapped weights: read ahead, and moved to huge pages.

#[cfg(target_os = "linux")]
use std::time::Duration;
use std::{ops::Range, sync::Arc, thread};

use super::{Stored, WeightFile, Weights};
use crate::checkpoint::{
    mapped::read_exact_at,
    read_ahead::{Parts, read_ahead},
};
#[cfg(target_os = "linux")]
use crate::{
    checkpoint::{huge_pages, load::is_of_decoder},
    memory,
};

/// How long after loading weights move to huge pages. A single short recording is done by then: the move would cost it more time
/// than it gains.
#[cfg(target_os = "linux")]
const LATER: Duration = Duration::from_secs(3);

/// Bytes between tensors of the decoder that move with them.
#[cfg(target_os = "linux")]
const GAP: usize = 2 << 20;

impl Weights {
    /// The parts of files that hold the wanted tensors, in the order of the files. Parts with up to `gap` bytes between them are one.
    fn parts(&self, is_wanted: impl Fn(&str) -> bool, gap: usize) -> Vec<(&Arc<WeightFile>, Range<usize>)> {
        let wanted = self.tensors.iter().filter(|(name, _)| is_wanted(name));
        let mut tensors: Vec<&Stored> = wanted.map(|(_, tensor)| tensor).collect();
        tensors.sort_by_key(|tensor| (Arc::as_ptr(&tensor.file), tensor.range.start));
        let mut parts: Vec<(&Arc<WeightFile>, Range<usize>)> = Vec::new();
        for Stored { file, range, .. } in tensors {
            match parts.last_mut() {
                Some((before, part)) if Arc::ptr_eq(before, file) && range.start <= part.end + gap => {
                    part.end = range.end;
                }
                _ => parts.push((file, range.clone())),
            }
        }
        parts
    }

    /// Reads the tensors of mapped files ahead, on threads of its own. They end when this is dropped.
    pub(in crate::checkpoint) fn read_ahead(&self) {
        let (mut files, mut parts, mut last) = (Vec::new(), Parts::new(), None);
        for (file, range) in self.parts(|_| true, 0) {
            if !last.is_some_and(|last| Arc::ptr_eq(last, file)) {
                let Some(opened) = file.content.file().and_then(|file| file.try_clone().ok()) else { continue };
                files.push(opened);
                last = Some(file);
            }
            parts.push((files.len() - 1, range.start as u64..range.end as u64));
        }
        let alive = Arc::downgrade(&self.source);
        let read = move |file: usize, buffer: &mut [u8], offset: u64| {
            // What goes wrong shows where the bytes are needed.
            let _ = read_exact_at(&files[file], buffer, offset);
        };
        let work = move || read_ahead(&parts, read, || alive.strong_count() > 0);
        // Without it, pages come when they are needed.
        let _ = thread::Builder::new().name("indic-seamless-read".to_owned()).spawn(work);
    }

    /// Moves the decoder's weights, most of which each step reads, to huge pages: on a thread of its own, [`LATER`], and once. It ends
    /// when this is dropped.
    #[cfg(target_os = "linux")]
    pub(in crate::checkpoint) fn move_to_huge_pages(&self) {
        let Some(size) = huge_pages::size() else { return };
        self.moved.call_once(|| {
            let work = self.mover(size);
            let later = move || {
                thread::sleep(LATER);
                work();
            };
            // Without it, steps take longer.
            let _ = thread::Builder::new().name("indic-seamless-pages".to_owned()).spawn(later);
        });
    }

    /// What moves the decoder's weights to pages of `size` bytes.
    #[cfg(target_os = "linux")]
    fn mover(&self, size: usize) -> impl FnOnce() + Send + use<> {
        let parts = self.parts(is_of_decoder, GAP).into_iter().map(|(file, range)| (Arc::downgrade(file), range));
        let (parts, all) = (parts.collect::<Vec<_>>(), self.bytes());
        move || {
            for (file, range) in parts {
                let Some(file) = file.upgrade() else { return };
                let goes_on = |piece: usize| {
                    // Else nobody else has the file any more. As long as all of it has room besides, nothing is lost by the move.
                    Arc::strong_count(&file) > 1 && memory::available().is_some_and(|left| left >= all + piece as u64)
                };
                if let Err(error) = file.content.move_to_huge_pages(range, size, goes_on) {
                    return tracing::debug!(%error, "weights stay where they are");
                }
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use safetensors::{Dtype, serialize_to_file, tensor::TensorView};

    use super::*;
    use crate::checkpoint::{
        mapped::{WeightAccess, tests::mapped_bytes},
        source::Source,
    };

    #[test]
    fn weights_of_the_decoder_move() {
        const MB: usize = 1 << 20;
        let bytes: Vec<u8> = (0..2 * MB as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("model.safetensors");
        let names = ["speech_encoder.encoder.a", "text_decoder.layers.0.b", "text_decoder.layers.0.c"];
        let tensor = |part: usize| TensorView::new(Dtype::I8, vec![MB], &bytes[part..][..MB]).expect("a tensor");
        let tensors = names.into_iter().enumerate().map(|(number, name)| (name, tensor(number)));
        serialize_to_file(tensors.collect::<Vec<_>>(), None, &path).expect("written");

        let source = Source::folder(dir.path(), WeightAccess::Map).expect("a folder");
        let weights = Weights::open(Arc::new(source)).expect("weights");
        let parts = |gap| weights.parts(is_of_decoder, gap).iter().map(|(_, part)| part.len()).collect::<Vec<_>>();
        assert_eq!(parts(0), [2 * MB], "neighbours are one part");
        let before = mapped_bytes(&path);
        weights.mover(1 << 16)();
        let moved = before - mapped_bytes(&path);
        assert!((2 * MB - (2 << 16)..=2 * MB).contains(&moved), "{moved} bytes, of the decoder alone");
        for (number, name) in names.into_iter().enumerate() {
            let Stored { file, range, .. } = &weights.tensors[name];
            assert!(file.content.bytes()[range.clone()] == bytes[number..][..MB], "{name}");
        }

        // Nobody uses the file any more.
        let mover = weights.mover(1 << 16);
        drop(weights);
        mover();
        assert_eq!(mapped_bytes(&path), 0);
    }
}
