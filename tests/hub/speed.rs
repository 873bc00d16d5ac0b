//! The speed of a download beside curl's.
