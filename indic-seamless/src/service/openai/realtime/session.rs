//! The settings of a session, which the client may change at any time.

use serde_json::{Map, Value, json};

use super::{
    super::models,
    events::{EventError, new_id},
    samples::{Format, RATES},
};
use crate::{
    language::Language,
    segmentation::{CONTEXT_S, SegmentationOptions},
    service::{Shared, engine::TextLanguage, problem::Problem, quote::quoted},
};

const LOGPROBS: &str = "item.input_audio_transcription.logprobs";
const AUDIO: &str = "session.audio";
const INPUT: &str = "session.audio.input";
const FORMAT: &str = "session.audio.input.format";
const TRANSCRIPTION: &str = "session.audio.input.transcription";
const TURN_DETECTION: &str = "session.audio.input.turn_detection";

/// The settings.
#[derive(Debug, Clone)]
pub(super) struct Session {
    id: String,
    pub(super) format: Format,
    /// How speech is detected.
    pub(super) segmentation: SegmentationOptions,
    /// Whether the end of speech ends an item; else the client's commits do.
    pub(super) ends_items: bool,
    pub(super) logprobs: bool,
    text: Text,
}

/// What the text is to be.
#[derive(Debug, Clone)]
struct Text {
    model: String,
    /// As the client named it; `None` for that of the service's settings.
    language: Option<String>,
    /// Languages of which the spoken one is guessed.
    languages: Vec<Language>,
    to_language: Option<String>,
    resolved: TextLanguage,
}

impl Session {
    /// The settings before the first change. `model` is what the client calls the model.
    pub(super) fn new(model: &str, shared: &Shared) -> Result<Self, EventError> {
        let text = Text {
            model: model.to_owned(),
            language: None,
            languages: Vec::new(),
            to_language: None,
            resolved: shared.text_language(None)?,
        };
        Ok(Self {
            id: new_id("sess"),
            format: Format::default(),
            segmentation: SegmentationOptions::default(),
            ends_items: true,
            logprobs: false,
            text,
        })
    }

    /// The language of the text.
    pub(super) fn language(&self) -> TextLanguage {
        self.text.resolved.clone()
    }

    /// As events write it.
    pub(super) fn view(&self) -> Value {
        let Text { model, language, to_language, .. } = &self.text;
        let SegmentationOptions { threshold, max_pause_s, .. } = self.segmentation;
        let turn_detection = json!({
            "type": "server_vad",
            // Without the digits that no client has sent.
            "threshold": (f64::from(threshold) * 1e6).round() / 1e6,
            "prefix_padding_ms": milliseconds(CONTEXT_S),
            "silence_duration_ms": milliseconds(max_pause_s),
        });
        json!({
            "id": self.id,
            "object": "realtime.transcription_session",
            "type": "transcription",
            "include": self.logprobs.then_some([LOGPROBS]),
            "audio": { "input": {
                "format": self.format.view(),
                "noise_reduction": null,
                "transcription": { "model": model, "language": language, "to_language": to_language },
                "turn_detection": self.ends_items.then_some(turn_detection),
            } },
        })
    }

    /// These settings with changes; what the changes leave out stays as it is.
    pub(super) fn with(&self, changes: &Map<String, Value>, shared: &Shared) -> Result<Self, EventError> {
        let mut new = self.clone();
        for (name, value) in members("session", changes, &["type", "audio", "include"])? {
            match name {
                "type" if value == "transcription" => {}
                "type" => return Err(EventError::invalid("session.type", value, "transcription")),
                "include" => new.logprobs = includes_logprobs(value)?,
                _ => new.change_audio(object(AUDIO, value)?, shared)?,
            }
        }
        Ok(new)
    }

    fn change_audio(&mut self, audio: &Map<String, Value>, shared: &Shared) -> Result<(), EventError> {
        let Some((_, input)) = members(AUDIO, audio, &["input"])?.next() else { return Ok(()) };
        let known = ["format", "transcription", "turn_detection", "noise_reduction"];
        for (name, value) in members(INPUT, object(INPUT, input)?, &known)? {
            match name {
                "format" => self.format = format(object(FORMAT, value)?)?,
                "transcription" if value.is_null() => self.text = Self::new(&self.text.model, shared)?.text,
                "transcription" => self.text.change(object(TRANSCRIPTION, value)?, shared)?,
                "turn_detection" if value.is_null() => self.ends_items = false,
                "turn_detection" => {
                    self.segmentation = segmentation(object(TURN_DETECTION, value)?)?;
                    self.ends_items = true;
                }
                // Noise is not reduced: the model was trained with it.
                _ => {}
            }
        }
        Ok(())
    }
}

impl Text {
    fn change(&mut self, changes: &Map<String, Value>, shared: &Shared) -> Result<(), EventError> {
        let known = ["model", "language", "languages", "to_language", "prompt", "keywords", "delay"];
        let path = |name: &str| format!("{TRANSCRIPTION}.{name}");
        for (name, value) in members(TRANSCRIPTION, changes, &known)? {
            let text = || match value {
                Value::Null => Ok(None),
                Value::String(text) => Ok(Some(text.clone())),
                other => Err(EventError::invalid(&path(name), other, "text")),
            };
            match name {
                "model" => {
                    if let Some(model) = text()? {
                        models::check(&model, shared).map_err(|problem| EventError::from(problem).of(&path(name)))?;
                        self.model = model;
                    }
                }
                "language" => self.language = text()?,
                "to_language" => self.to_language = text()?,
                "languages" => self.languages = languages(value, &path(name), shared)?,
                // The model takes no hints, and there is nothing to wait for.
                _ => {}
            }
        }
        self.resolved = match (&self.to_language, self.language.as_deref()) {
            (Some(language), _) => TextLanguage::Known(known_language(language, &path("to_language"), shared)?),
            (None, Some(language)) if !language.eq_ignore_ascii_case("auto") => {
                TextLanguage::Known(known_language(language, &path("language"), shared)?)
            }
            (None, None) if self.languages.is_empty() => shared.text_language(None)?,
            (None, _) => match self.languages.as_slice() {
                [language] => TextLanguage::Known(*language),
                among => TextLanguage::Spoken(among.to_vec()),
            },
        };
        Ok(())
    }
}

fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}

fn object<'a>(path: &str, value: &'a Value) -> Result<&'a Map<String, Value>, EventError> {
    value.as_object().ok_or_else(|| EventError::invalid(path, value, "an object"))
}

/// The members of an object, all of which are known.
fn members<'a>(
    path: &str,
    object: &'a Map<String, Value>,
    known: &[&str],
) -> Result<impl Iterator<Item = (&'a str, &'a Value)> + use<'a>, EventError> {
    if let Some(name) = object.keys().find(|name| !known.contains(&name.as_str())) {
        let param = format!("{path}.{}", quoted(name));
        let detail = format!("unknown field {param:?}, wanted one of {}", known.join(", "));
        return Err(EventError::new("unknown_parameter", detail).of(&param));
    }
    Ok(object.iter().map(|(name, value)| (name.as_str(), value)))
}

fn known_language(text: &str, path: &str, shared: &Shared) -> Result<Language, EventError> {
    // No language has a name that would be shortened.
    let language = quoted(text).parse::<Language>().map_err(Problem::from);
    language.and_then(|language| shared.known(language)).map_err(|problem| EventError::from(problem).of(path))
}

/// Languages of which the spoken one is guessed.
fn languages(value: &Value, path: &str, shared: &Shared) -> Result<Vec<Language>, EventError> {
    let wanted = || EventError::invalid(path, value, "a list of languages");
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(list) => {
            list.iter().map(|one| known_language(one.as_str().ok_or_else(wanted)?, path, shared)).collect()
        }
        _ => Err(wanted()),
    }
}

fn includes_logprobs(value: &Value) -> Result<bool, EventError> {
    match value {
        Value::Null => Ok(false),
        Value::Array(all) if all.iter().all(|one| one == LOGPROBS) => Ok(!all.is_empty()),
        other => Err(EventError::invalid("session.include", other, LOGPROBS)),
    }
}

fn format(format: &Map<String, Value>) -> Result<Format, EventError> {
    let (mut kind, mut rate) = (&Value::Null, &Value::Null);
    for (name, value) in members(FORMAT, format, &["type", "rate"])? {
        match name {
            "type" => kind = value,
            _ => rate = value,
        }
    }
    let default = match kind.as_str() {
        Some("audio/pcm") => Format::default(),
        Some("audio/pcmu") => Format::Mulaw,
        Some("audio/pcma") => Format::Alaw,
        _ => return Err(EventError::invalid(&format!("{FORMAT}.type"), kind, "audio/pcm, audio/pcmu or audio/pcma")),
    };
    match (default, rate.as_u64().and_then(|hertz| u32::try_from(hertz).ok())) {
        (default, None) if rate.is_null() => Ok(default),
        (Format::Pcm(_), Some(hertz)) if RATES.contains(&hertz) => Ok(Format::Pcm(hertz)),
        (Format::Mulaw | Format::Alaw, Some(8_000)) => Ok(default),
        _ => {
            let wanted = format!("{} to {}, and 8000 for audio/pcmu and audio/pcma", RATES.start(), RATES.end());
            Err(EventError::invalid(&format!("{FORMAT}.rate"), rate, &wanted))
        }
    }
}

/// How speech is detected, with defaults for what is left out.
fn segmentation(detection: &Map<String, Value>) -> Result<SegmentationOptions, EventError> {
    let known = [
        "type",
        "threshold",
        "silence_duration_ms",
        "prefix_padding_ms",
        "create_response",
        "interrupt_response",
        "idle_timeout_ms",
    ];
    let mut options = SegmentationOptions::default();
    for (name, value) in members(TURN_DETECTION, detection, &known)? {
        let path = format!("{TURN_DETECTION}.{name}");
        let number = |most: f64| {
            let number = value.as_f64().filter(|number| (0.0..=most).contains(number));
            number.ok_or_else(|| EventError::invalid(&path, value, &format!("a number from 0 to {most}")))
        };
        match name {
            "type" if value != "server_vad" => return Err(EventError::invalid(&path, value, "server_vad")),
            // The detector is never surer than this.
            "threshold" if !value.is_null() => options.threshold = number(1.0)?.clamp(0.02, 0.99) as f32,
            "silence_duration_ms" if !value.is_null() => {
                options.max_pause_s = number(options.max_s * 1000.0)? / 1000.0;
            }
            // Items begin early enough in any case, and nobody responds to them.
            _ => {}
        }
    }
    if !detection.contains_key("type") {
        return Err(EventError::invalid(&format!("{TURN_DETECTION}.type"), &Value::Null, "server_vad"));
    }
    Ok(options)
}

#[cfg(all(test, feature = "demo"))]
mod tests {
    use super::*;
    use crate::{
        service::{Service, Settings},
        transcriber::Transcriber,
    };

    fn with_service(check: impl Fn(&Shared)) {
        let service = Service::start(Settings::default(), Transcriber::demo).expect("a service");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(service.ready()).expect("loaded");
        check(&service.0);
    }

    fn changed(changes: &Value, shared: &Shared) -> Result<Session, EventError> {
        let session = Session::new("whisper-1", shared).expect("a session");
        session.with(changes.as_object().expect("an object"), shared)
    }

    #[test]
    fn changes_leave_the_rest_as_it_is() {
        with_service(|shared| {
            let input = |input: Value| json!({ "type": "transcription", "audio": { "input": input } });
            let session = Session::new("whisper-1", shared).expect("a session");
            assert_eq!((session.format, session.ends_items), (Format::Pcm(24_000), true));
            let transcription =
                json!({ "model": "gpt-4o-transcribe", "language": "ta", "prompt": "Rain", "delay": "low" });
            let first = changed(&input(json!({ "transcription": transcription })), shared).expect("valid");
            assert_eq!(first.language(), TextLanguage::Known("tam".parse().expect("a language")));
            let vad = json!({ "type": "server_vad", "threshold": 0.5, "silence_duration_ms": 300, "prefix_padding_ms": 9,
                "create_response": true });
            let more = input(json!({ "format": { "type": "audio/pcm", "rate": 16_000 }, "turn_detection": vad,
                "noise_reduction": { "type": "near_field" }, "transcription": { "to_language": "Hindi" } }));
            let second = first.with(more.as_object().expect("an object"), shared).expect("valid");
            assert_eq!(second.language(), TextLanguage::Known(Language::HINDI));
            assert_eq!((second.format, second.segmentation.max_pause_s), (Format::Pcm(16_000), 0.3));
            let view = second.view();
            assert_eq!(view["audio"]["input"]["transcription"]["language"], "ta");
            assert_eq!(view["audio"]["input"]["turn_detection"]["silence_duration_ms"], 300);
            let last = input(json!({ "turn_detection": null, "format": { "type": "audio/pcmu" } }));
            let last = second.with(last.as_object().expect("an object"), shared).expect("valid");
            assert_eq!((last.ends_items, last.format), (false, Format::Mulaw));
            assert_eq!(last.view()["audio"]["input"]["turn_detection"], Value::Null);
            // What a client got, it may send back, but for what only the service tells.
            let mut view = view.as_object().expect("an object").clone();
            view.retain(|name, _| !["id", "object"].contains(&name.as_str()));
            assert_eq!(second.with(&view, shared).expect("valid").view(), second.view());
        });
    }

    #[test]
    fn wrong_settings_are_refused_by_their_paths() {
        with_service(|shared| {
            for (input, code, param) in [
                (json!({ "volume": 3 }), "unknown_parameter", "volume"),
                (json!({ "format": "pcm16" }), "invalid_value", "format"),
                (json!({ "format": {} }), "invalid_value", "format.type"),
                (json!({ "format": { "type": "audio/pcm", "rate": 96_000 } }), "invalid_value", "format.rate"),
                (json!({ "format": { "type": "audio/pcma", "rate": 16_000 } }), "invalid_value", "format.rate"),
                (json!({ "transcription": { "model": "whisper-2" } }), "model_not_found", "transcription.model"),
                (json!({ "transcription": { "language": "klingon" } }), "unknown_language", "transcription.language"),
                (json!({ "transcription": { "language": 7 } }), "invalid_value", "transcription.language"),
                (
                    json!({ "transcription": { "to_language": "klingon" } }),
                    "unknown_language",
                    "transcription.to_language",
                ),
                (json!({ "transcription": { "languages": "hi" } }), "invalid_value", "transcription.languages"),
                (json!({ "turn_detection": { "type": "semantic_vad" } }), "invalid_value", "turn_detection.type"),
                (json!({ "turn_detection": {} }), "invalid_value", "turn_detection.type"),
                (
                    json!({ "turn_detection": { "type": "server_vad", "threshold": 2 } }),
                    "invalid_value",
                    "turn_detection.threshold",
                ),
                (
                    json!({ "turn_detection": { "type": "server_vad", "eagerness": "low" } }),
                    "unknown_parameter",
                    "turn_detection.eagerness",
                ),
            ] {
                let error = changed(&json!({ "audio": { "input": input } }), shared).expect_err(param);
                let told: Value = serde_json::from_str(&error.event().json()).expect("JSON");
                let wanted = json!([code, format!("{INPUT}.{param}")]);
                assert_eq!(json!([told["error"]["code"], told["error"]["param"]]), wanted, "{input}");
            }
            for (changes, param) in [
                (json!({ "type": "realtime" }), "session.type"),
                (json!({ "voice": "alloy" }), "session.voice"),
                (json!({ "include": ["everything"] }), "session.include"),
                (json!({ "audio": { "output": {} } }), "session.audio.output"),
            ] {
                let error = changed(&changes, shared).expect_err(param);
                let told: Value = serde_json::from_str(&error.event().json()).expect("JSON");
                assert_eq!(told["error"]["param"], param);
            }
        });
    }
}
