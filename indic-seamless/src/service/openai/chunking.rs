//! `chunking_strategy`: where the recording is cut.

use serde_json::{Map, Value};

use super::{super::problem::Problem, fields::invalid};
use crate::{segmentation::SegmentationOptions, transcriber::Segmentation};

pub(super) const FIELD: &str = "chunking_strategy";

/// The values of the field, as far as they were given.
#[derive(Debug, Default)]
pub(super) struct Chunking {
    auto: bool,
    /// Whether there is an object, and whether it has its type.
    object: bool,
    server_vad: bool,
    options: SegmentationOptions,
}

impl Chunking {
    /// The field itself: `auto`, or an object in JSON.
    pub(super) fn set(&mut self, text: &str) -> Result<(), Problem> {
        if text == "auto" {
            self.auto = true;
            return Ok(());
        }
        let object: Map<String, Value> = serde_json::from_str(text)
            .map_err(|_| invalid(FIELD, text, "auto, or an object with the type server_vad"))?;
        self.object = true;
        for (name, value) in object {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            self.set_inner(&name, &text)?;
        }
        Ok(())
    }

    /// A member of the object, which forms also send apart, as `chunking_strategy[type]`.
    pub(super) fn set_inner(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        let number = |most: f64| {
            let number = text.parse().ok().filter(|number| (0.0..=most).contains(number));
            number.ok_or_else(|| invalid(FIELD, &format!("{name}={text}"), &format!("a number from 0 to {most}")))
        };
        match name {
            "type" if text == "server_vad" => self.server_vad = true,
            "type" => return Err(invalid(FIELD, text, "the type server_vad")),
            "threshold" => {
                let threshold: f64 = number(1.0)?;
                // The detector is never surer than this.
                self.options.threshold = threshold.clamp(0.02, 0.99) as f32;
            }
            "silence_duration_ms" => self.options.max_pause_s = number(self.options.max_s * 1000.0)? / 1000.0,
            // Segments begin early enough in any case.
            "prefix_padding_ms" => drop(number(60_000.0)?),
            _ => {
                let wanted = "type, threshold, silence_duration_ms or prefix_padding_ms";
                return Err(invalid(FIELD, name, wanted));
            }
        }
        self.object = true;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Segmentation, Problem> {
        if self.auto && self.object {
            return Err(invalid(FIELD, "auto and an object", "one of them"));
        }
        if self.object && !self.server_vad {
            return Err(invalid(FIELD, "an object without type", "the type server_vad"));
        }
        Ok(Segmentation::Auto(self.options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Segmentation, Problem> {
        let mut chunking = Chunking::default();
        chunking.set(text)?;
        chunking.finish()
    }

    #[test]
    fn a_strategy_becomes_a_segmentation() {
        assert_eq!(of("auto").expect("valid"), Segmentation::default());
        assert_eq!(of(r#"{"type": "server_vad"}"#).expect("valid"), Segmentation::default());
        let tuned =
            of(r#"{"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 300, "prefix_padding_ms": 300}"#);
        let wanted = SegmentationOptions { threshold: 0.5, max_pause_s: 0.3, ..SegmentationOptions::default() };
        assert_eq!(tuned.expect("valid"), Segmentation::Auto(wanted));
        // Their limits are wider than those of the detector.
        for threshold in ["0", "1"] {
            let text = format!(r#"{{"type": "server_vad", "threshold": {threshold}}}"#);
            let Segmentation::Auto(options) = of(&text).expect("valid") else { panic!("{text}") };
            assert!(options.check().is_ok(), "{options:?}");
        }
    }

    #[test]
    fn what_is_no_strategy_is_refused() {
        for text in [
            "manual",
            "[]",
            "{}",
            "{}x",
            r#"{"type": "semantic_vad"}"#,
            r#"{"threshold": 0.5}"#,
            r#"{"type": "server_vad", "threshold": 2}"#,
            r#"{"type": "server_vad", "threshold": "NaN"}"#,
            r#"{"type": "server_vad", "silence_duration_ms": -1}"#,
            r#"{"type": "server_vad", "silence_duration_ms": 20001}"#,
            r#"{"type": "server_vad", "eagerness": "high"}"#,
        ] {
            let problem = of(text).expect_err(text);
            assert_eq!((problem.code, problem.param), ("invalid_value", Some(FIELD)), "{text}");
        }
    }
}
