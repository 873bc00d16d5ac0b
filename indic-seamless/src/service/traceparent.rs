//! The header `traceparent` of the [W3C's Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header).

/// The id of the trace: 32 hexadecimal digits. `None` if the header is not valid.
pub(super) fn trace_id(header: &str) -> Option<&str> {
    let mut fields = header.splitn(5, '-');
    let [version, trace, parent, flags] = [fields.next()?, fields.next()?, fields.next()?, fields.next()?];
    let is_hex = |field: &str, digits| {
        field.len() == digits && field.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let is_id = |field: &str, digits| is_hex(field, digits) && field.bytes().any(|byte| byte != b'0');
    // Later versions may have more fields.
    let version_fits = is_hex(version, 2) && version != "ff" && (version != "00" || fields.next().is_none());
    (version_fits && is_id(trace, 32) && is_id(parent, 16) && is_hex(flags, 2)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::trace_id;

    #[test]
    fn only_what_the_standard_allows() {
        let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        for valid in ["00-T-P-01", "00-T-P-00", "cc-T-P-01", "cc-T-P-01-what-comes-later"] {
            let header = valid.replace('T', trace).replace('P', parent);
            assert_eq!(trace_id(&header), Some(trace), "{header}");
        }
        for invalid in [
            "",
            "00",
            "00-T",
            "00-T-P",
            "00-T-P-1",
            "00-T-P-01-more",
            "ff-T-P-01",
            "0-T-P-01",
            "00-T-P-0x",
            "00-T-T-01",
            "00-P-P-01",
            "00-T-P-01 ",
            "00-é-P-01",
        ] {
            let header = invalid.replace('T', trace).replace('P', parent);
            assert_eq!(trace_id(&header), None, "{header}");
        }
        for (trace, parent) in [
            ("4BF92F3577B34DA6A3CE929D0E0E4736", parent),
            ("00000000000000000000000000000000", parent),
            (trace, "0000000000000000"),
            ("4bf92f3577b34da6a3ce929d0e0e473g", parent),
        ] {
            assert_eq!(trace_id(&format!("00-{trace}-{parent}-01")), None, "{trace} {parent}");
        }
    }
}
