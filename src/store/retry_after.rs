//! How long a store wants to be left alone: `Retry-After`, in seconds or as a date.

use std::time::Duration;

use chrono::DateTime;

use crate::model::Timestamp;

/// Nobody waits longer than this, whatever a store wants: a request is signed, and what is signed grows stale.
const LONGEST: Duration = Duration::from_mins(1);

/// Returns how long to wait after an answer with this status and this `Retry-After`, at the wall time `now`; `None`
/// where there is nothing to wait for.
pub(super) fn wait_after(status: u16, header: Option<&[u8]>, now: Timestamp) -> Option<Duration> {
    if !matches!(status, 429 | 503) {
        return None;
    }
    let text = std::str::from_utf8(header?).ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => until(text, now)?,
    };
    Some(wait.min(LONGEST)).filter(|wait| !wait.is_zero())
}

fn until(date: &str, now: Timestamp) -> Option<Duration> {
    let at = DateTime::parse_from_rfc2822(date).ok()?;
    let nanos = at.timestamp_nanos_opt()?.saturating_sub(now.0);
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_busy_is_left_alone_as_long_as_it_wants_within_reason() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = Timestamp(784_111_777_000_000_000);
        for (status, header, seconds) in [
            (503, "7", Some(7)),
            (429, " 7 ", Some(7)),
            (503, "0", None),
            (503, "3600", Some(60)),
            (503, "99999999999999999999999", None),
            (503, "-1", None),
            (503, "1.5", None),
            (503, "soon", None),
            (503, "", None),
            (503, "Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            (503, "Sun, 06 Nov 1994 08:49:37 GMT", None),
            (503, "Sun, 06 Nov 1994 08:00:00 GMT", None),
            (503, "Mon, 07 Nov 1994 08:00:00 GMT", Some(60)),
            (200, "7", None),
            (500, "7", None),
            (404, "7", None),
        ] {
            assert_eq!(
                wait_after(status, Some(header.as_bytes()), now),
                seconds.map(Duration::from_secs),
                "{status} {header}"
            );
        }
        assert_eq!(wait_after(503, None, now), None);
        assert_eq!(wait_after(503, Some(b"\xff"), now), None);
    }
}
