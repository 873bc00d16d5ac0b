//! Requests as forms, read part by part while they come.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::body::Bytes;
use futures_util::{Stream, stream};
use multer::Multipart;

use super::{
    body::{Incoming, Whole},
    fields::once,
    problem::Problem,
    request::if_mangled,
};

/// What the parser is given at a time. Its buffer is not much larger.
const PIECE: usize = 64 * 1024;
/// The most bytes in which the parser must find something: the head of a part, or some of its content.
const MOST: usize = 4 * PIECE;

/// What a form may hold beside the recording.
pub(super) trait FormFields {
    /// The name of the field with the recording.
    const FILE: &'static str;
    /// The longest text of another field, in bytes.
    const LONGEST: usize;

    /// Checks that there is such a field, before its text is read.
    fn check(&self, name: &str) -> Result<(), Problem>;

    /// Adds a field.
    fn add(&mut self, name: &str, text: &str) -> Result<(), Problem>;
}

/// The recording, as far as it was read, and what the form says of its type.
type Audio = Option<(Vec<u8>, Option<String>)>;

/// Reads the recording and what the form says of its type, and adds the options to `fields`.
pub(super) async fn read<F: FormFields>(
    mut body: Incoming<'_>,
    content_type: &str,
    fields: &mut F,
) -> Result<(Whole, Option<String>), Problem> {
    let (mut audio, mut failed) = (None, None);
    let read = parts(&mut body, content_type, fields, &mut audio, &mut failed).await;
    let problem = match (failed.map_or(read, Err), audio) {
        (Ok(()), Some((bytes, hint))) => return Ok((body.keep(bytes), hint)),
        (Ok(()), None) => Problem::invalid_field(format!("the form has no file `{}`", F::FILE)).of(F::FILE),
        (Err(problem), Some((bytes, _))) => if_mangled(&bytes, problem),
        (Err(problem), None) => problem,
    };
    Err(body.refuse(problem).await)
}

/// Reads all parts. If the body ends early, the reason is in `failed`.
async fn parts<F: FormFields>(
    body: &mut Incoming<'_>,
    content_type: &str,
    fields: &mut F,
    audio: &mut Audio,
    failed: &mut Option<Problem>,
) -> Result<(), Problem> {
    let unreadable = |error: multer::Error| Problem::bad_request(format!("cannot read the form: {error}"));
    let boundary = multer::parse_boundary(content_type).map_err(unreadable)?;
    let (mut buffer, unused) = (body.buffer(), Arc::new(AtomicUsize::new(0)));
    let mut form = Multipart::new(pieces(body, failed, unused.clone()), boundary);
    while let Some(mut part) = form.next_field().await.map_err(unreadable)? {
        let name = part.name().unwrap_or_default().to_owned();
        let is_audio = name == F::FILE;
        if !is_audio {
            fields.check(&name)?;
        }
        let mut text = Vec::new();
        if is_audio {
            let named = part.content_type().map(AsRef::as_ref);
            let hint = named.or_else(|| part.file_name().and_then(|name| Some(name.rsplit_once('.')?.1)));
            let hint = hint.map(str::to_owned);
            once(F::FILE, audio, (std::mem::take(&mut buffer), hint))?;
        }
        while let Some(chunk) = part.chunk().await.map_err(unreadable)? {
            unused.store(0, Ordering::Relaxed);
            match audio {
                Some((bytes, _)) if is_audio => bytes.extend_from_slice(&chunk),
                _ => text.extend_from_slice(&chunk),
            }
            if text.len() > F::LONGEST {
                return Err(Problem::invalid_field(format!("{name} is longer than {} bytes", F::LONGEST)));
            }
        }
        if !is_audio {
            fields.add(&name, &String::from_utf8_lossy(&text))?;
        }
    }
    drop(form);
    // Whatever follows the last part means nothing, but belongs to the body.
    while body.next().await?.is_some() {}
    Ok(())
}

/// The body in pieces, for the parser.
fn pieces<'b, 'a: 'b>(
    body: &'b mut Incoming<'a>,
    failed: &'b mut Option<Problem>,
    unused: Arc<AtomicUsize>,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::unfold((body, failed, Bytes::new()), move |(body, failed, mut rest)| {
        let unused = unused.clone();
        async move {
            // The parser buffers whatever is ready, and makes nothing of it before it must wait.
            tokio::task::yield_now().await;
            let problem = loop {
                if !rest.is_empty() {
                    let piece = rest.split_to(rest.len().min(PIECE));
                    if unused.fetch_add(piece.len(), Ordering::Relaxed) <= MOST {
                        return Some((Ok(piece), (body, failed, rest)));
                    }
                    break Problem::bad_request(format!("cannot read the form: {MOST} bytes without a part of it"));
                }
                match body.next().await {
                    Ok(Some(chunk)) => rest = chunk,
                    Ok(None) => return None,
                    Err(problem) => break problem,
                }
            };
            *failed = Some(problem);
            Some((Err(io::Error::other("the body ends here")), (body, failed, rest)))
        }
    })
}
