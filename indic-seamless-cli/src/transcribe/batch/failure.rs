//! Errors, by whether they may be over when a run is repeated.

use std::io::ErrorKind;

use indic_seamless::{DeviceErrorKind, Error, HubErrorKind};

/// Whether the same work may succeed later: the error is of a network, a disk, the machine or the model on it, and not of the
/// recording, the options or rights.
pub(super) fn may_pass(error: &Error) -> bool {
    match error.cause() {
        Error::Io { source, .. } => !matches!(
            source.kind(),
            ErrorKind::NotFound
                | ErrorKind::PermissionDenied
                | ErrorKind::AlreadyExists
                | ErrorKind::IsADirectory
                | ErrorKind::NotADirectory
                | ErrorKind::ReadOnlyFilesystem
                | ErrorKind::InvalidFilename
                | ErrorKind::InvalidInput
                | ErrorKind::InvalidData
                | ErrorKind::UnexpectedEof
                | ErrorKind::Unsupported
        ),
        Error::Hub { kind, .. } => {
            matches!(kind, HubErrorKind::Network | HubErrorKind::Disk | HubErrorKind::Locked)
        }
        Error::Device { kind, .. } => *kind != DeviceErrorKind::Missing,
        // A model that was written to while it is in use: the next run loads it anew.
        Error::NoSpace { .. } | Error::Busy { .. } | Error::FileChanged { .. } => true,
        _ => false,
    }
}

/// Whether a store refuses to take a result, as it would refuse all others.
pub(super) fn is_refusal(error: &Error) -> bool {
    let kinds = [ErrorKind::NotFound, ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem];
    matches!(error, Error::Io { source, .. } if kinds.contains(&source.kind()))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn networks_and_disks_recover_and_recordings_do_not() {
        let io = |source: io::Error| Error::Io { action: "read", path: "s3://speech/a.wav".into(), source };
        assert!(may_pass(&io(io::Error::other("the connection was refused"))));
        assert!(may_pass(&io(ErrorKind::TimedOut.into())));
        assert!(may_pass(&io(ErrorKind::StorageFull.into())));
        assert!(!may_pass(&io(ErrorKind::NotFound.into())));
        assert!(!may_pass(&io(ErrorKind::PermissionDenied.into())));
        let (found, wanted) = ("2 bytes".to_owned(), "1 byte".to_owned());
        assert!(may_pass(&Error::FileChanged { path: "indic-int8/model.safetensors".into(), found, wanted }));
        let bad = Error::NoAudio { source_name: "a.wav".to_owned(), reason: "no bytes".to_owned() };
        assert!(!may_pass(&bad) && !is_refusal(&bad));
        assert!(is_refusal(&io(ErrorKind::PermissionDenied.into())));
        assert!(!is_refusal(&io(ErrorKind::StorageFull.into())) && !is_refusal(&io(ErrorKind::NotADirectory.into())));
    }
}
