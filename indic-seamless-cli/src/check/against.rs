//! `--against`: compares a model with recorded outputs of transformers.

use std::path::Path;

use indic_seamless::{Precision, Result, Transcriber};
use serde_json::Value;

use super::golden::{Golden, Report, compare};
use crate::output;

/// How many failures are listed; the rest are counted.
const SHOWN: usize = 20;

/// Compares every clip and batch in `dir`, prints the results, and adds the differences to `problems`.
pub(crate) fn compare(transcriber: &Transcriber, dir: &Path, problems: &mut Vec<String>) -> Result<()> {
    let golden = Golden::open(dir)?;
    let name = golden.name();
    output::line(format_args!("against {name}, recorded with {}", origin(&golden.manifest)))?;
    let exact = transcriber.precision() == Precision::F32;
    let new = || if exact { Report::default() } else { Report::informative() };
    if !exact {
        let precision = transcriber.precision();
        output::line(format_args!("  weights in {precision}: only ids and texts must be the same"))?;
    }
    let mut all = new();
    for (kind, is_clip) in [("clips", true), ("batches", false)] {
        for (name, info) in golden.entries(kind) {
            let mut report = new();
            if let Err(error) = compare_one(transcriber, &golden, (name, info), is_clip, &mut report) {
                report.fail(name, error);
            }
            let mut line = match report.failures.len() {
                0 => format!("  {name}: pass, {} comparisons", report.checks),
                failed => format!("  {name}: FAIL, {failed} differences in {} comparisons", report.checks),
            };
            if report.ambiguous > 0 {
                line += &format!("; {} searches left out, ambiguous in the reference", report.ambiguous);
            }
            output::line(line)?;
            all.merge(report);
        }
    }
    output::line("largest differences (features absolute, tensors relative to their largest value):")?;
    output::write(all.to_string().as_bytes())?;
    if let Some(variants) = golden.manifest["chunk_variants"].as_array() {
        output::line(format_args!("not compared: {} variants of chunked attention", variants.len()))?;
    }
    if all.checks == 0 {
        problems.push(format!("--against: {name}: nothing to compare"));
    }
    let more = all.failures.len().saturating_sub(SHOWN);
    problems.extend(all.failures.into_iter().take(SHOWN));
    if more > 0 {
        problems.push(format!("... and {more} more differences"));
    }
    Ok(())
}

fn compare_one(
    transcriber: &Transcriber,
    golden: &Golden,
    (name, info): (&str, &Value),
    is_clip: bool,
    report: &mut Report,
) -> Result<()> {
    let (checkpoint, model) = (transcriber.checkpoint(), transcriber.model());
    let place = format!("{}/{name}", golden.name());
    if is_clip {
        compare::frontend(golden, name, info, &place, report)?;
    }
    if let Some(tensors) = golden.tensors(name)? {
        compare::stages(checkpoint, model, &tensors, &place, report)?;
    }
    compare::sequences(golden, checkpoint, model, (name, info), report)
}

/// The versions, model and platform that the manifest names.
fn origin(manifest: &Value) -> String {
    let versions = manifest["library_versions"].as_object();
    let mut origin: Vec<String> = versions
        .into_iter()
        .flatten()
        .map(|(library, version)| format!("{library} {}", version.as_str().unwrap_or("?")))
        .collect();
    for key in ["model", "revision", "platform"] {
        origin.extend(manifest["recorded"][key].as_str().map(|value| format!("{key} {value}")));
    }
    origin.join(", ")
}
