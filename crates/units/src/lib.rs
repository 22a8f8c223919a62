//! Ids, time, rates and redaction shared by every room of Parlor.
