//! Metrics for CloudWatch, as lines of its [embedded metric format] on standard output.
//!
//! [embedded metric format]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::{
    env,
    io::{self, Write as _},
    time::{SystemTime, UNIX_EPOCH},
};

use indic_seamless::service::Measurements;
use serde_json::{Value, json};

/// Prints the line of a transcription.
pub(crate) fn print(measurements: &Measurements<'_>) {
    write(&of_transcription(measurements, &function(), SystemTime::now()));
}

/// Prints that a recording will never have a transcript. An alarm watches this metric: nobody else waits for the recording.
#[cfg(feature = "s3")]
pub(crate) fn print_failure() {
    let failed = [("FailedRecordings", "Count", 1.into())];
    write(&line(&failed, &function(), SystemTime::now()));
}

fn function() -> String {
    env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default()
}

fn write(line: &Value) {
    // Without a reader of the metrics, transcription goes on.
    let _ = writeln!(io::stdout(), "{line}");
}

/// The metrics of a transcription.
fn of_transcription(measurements: &Measurements<'_>, function: &str, now: SystemTime) -> Value {
    let Measurements { request_id, audio_s, queue_ms, ref timings, cold_start, .. } = *measurements;
    let metrics = [
        ("QueueTime", "Milliseconds", queue_ms.into()),
        ("FeaturesTime", "Milliseconds", timings.features_ms.into()),
        ("EncoderTime", "Milliseconds", timings.encoder_ms.into()),
        ("GenerationTime", "Milliseconds", timings.generation_ms.into()),
        ("TotalTime", "Milliseconds", timings.total_ms.into()),
        ("AudioSeconds", "Seconds", audio_s.into()),
        ("RealTimeFactor", "None", measurements.real_time_factor().into()),
        ("Tokens", "Count", timings.new_tokens.into()),
        ("ColdStart", "Count", u8::from(cold_start).into()),
    ];
    let mut line = line(&metrics, function, now);
    line["RequestId"] = request_id.into();
    line
}

/// Metrics, each with its name and unit, and their declaration.
fn line(metrics: &[(&str, &str, Value)], function: &str, now: SystemTime) -> Value {
    let declared: Vec<Value> = metrics.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64,
            "CloudWatchMetrics": [{
                "Namespace": "IndicSeamless",
                "Dimensions": [["FunctionName"]],
                "Metrics": declared,
            }],
        },
        "FunctionName": function,
    });
    for (name, _, value) in metrics {
        line[*name] = value.clone();
    }
    line
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_declared_metric_has_its_value() {
        let mut measurements = Measurements::default();
        (measurements.request_id, measurements.audio_s, measurements.queue_ms) = ("r-1", 10.0, 5.0);
        (measurements.timings.total_ms, measurements.timings.new_tokens) = (2000.0, 7);
        measurements.cold_start = true;
        let line = of_transcription(&measurements, "speech", UNIX_EPOCH + Duration::from_millis(1_700_000_000_123));
        assert_eq!((&line["FunctionName"], &line["RequestId"]), (&json!("speech"), &json!("r-1")));
        assert_eq!(line["_aws"]["Timestamp"], 1_700_000_000_123_u64);
        let declared = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(
            (&declared["Namespace"], &declared["Dimensions"]),
            (&json!("IndicSeamless"), &json!([["FunctionName"]]))
        );
        let metrics = declared["Metrics"].as_array().unwrap();
        assert_eq!(metrics.len(), 9);
        assert!(metrics.iter().all(|metric| line[metric["Name"].as_str().unwrap()].is_number()), "{line}");
        assert_eq!(
            ["QueueTime", "TotalTime", "RealTimeFactor", "Tokens", "ColdStart"].map(|name| line[name].as_f64()),
            [5.0, 2000.0, 0.2, 7.0, 1.0].map(Some)
        );
    }
}
