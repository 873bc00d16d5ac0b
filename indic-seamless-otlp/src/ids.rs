//! Ids of traces and spans.

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::IdGenerator;
use uuid::Uuid;

/// Ids from the system's random numbers. The generator of the SDK holds a state: functions that start from one snapshot would
/// share their ids.
#[derive(Debug)]
pub(crate) struct SystemIds;

impl IdGenerator for SystemIds {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from_bytes(Uuid::new_v4().into_bytes())
    }

    fn new_span_id(&self) -> SpanId {
        // The second half has two bits that are always the same, the first has four.
        let (_, half) = Uuid::new_v4().as_u64_pair();
        SpanId::from_bytes(half.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_valid_and_differ() {
        let traces: HashSet<_> = (0..1000).map(|_| SystemIds.new_trace_id()).collect();
        let spans: HashSet<_> = (0..1000).map(|_| SystemIds.new_span_id()).collect();
        assert_eq!((traces.len(), spans.len()), (1000, 1000));
        assert!(!traces.contains(&TraceId::INVALID) && !spans.contains(&SpanId::INVALID));
    }
}
