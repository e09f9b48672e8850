//! From what was seen to what it means. Pure.

use super::observed::{Condition, Fresh, Observed, Overwritten, Race, Trouble, TroubleKind};
use super::race::RACERS;
use super::{DoctorReport, Extent, Finding, Outcome, Probe, Usable};

/// Seconds that two clocks may be apart.
const SKEW: i64 = 5;

const NO_REACH: &str = "nothing can be done with it: look at the address (AWS_ENDPOINT_URL, GOOGLE_BASE_URL, AZURE_STORAGE_ENDPOINT), the network and a proxy";
const NO_TRUST: &str = "nothing is said to a store that cannot show who it is: where its certificate is signed by a CA of your own, name the file of that CA with --ca-file (or AWS_CA_BUNDLE, SSL_CERT_FILE)";
const NO_CREDENTIALS: &str = "the store does not take what the environment gives: look at keys, tokens and roles, and at the clock of this machine";
const NO_LIST: &str = "without a listing it is neither a source nor a target: look at the bucket's name and the right to list it (s3:ListBucket, storage.objects.list, Storage Blob Data Reader)";
const NO_READ: &str = "nothing can be loaded from it, and a target cannot be checked (s3:GetObject, storage.objects.get, Storage Blob Data Reader)";
const NO_WRITE: &str = "fine for a source, not for a target (s3:PutObject, storage.objects.create, Storage Blob Data Contributor)";
const CANNOT_WRITE: &str = "it is no target";
const OTHER_BYTES: &str =
    "what is written is not what is read: outputs would not hold what they are recorded to hold";
const OLD_BYTES: &str = "an overwritten object is read as it was: readers would see old outputs, and a run an old ledger";
const NO_TAGS: &str = "an object that is overwritten by as many bytes within the same second may be missed until it is hashed, and no write can depend on what is there";
const NO_CREATE: &str =
    "two runs at once could both believe to be the only one: make sure that only one runs";
const NO_UPDATE: &str = "a run whose lease has expired could still overwrite newer outputs: make sure that only one runs";
const STALE_LISTING: &str =
    "what was just written is listed late: `verify` and `recover` may miss outputs of the last run";
const OTHER_WORDS: &str = "a listing and an answer tell different things of the same object: every run looks at all of them again";
const OTHER_ORDER: &str =
    "allowed for: what a listing tells out of byte order is sorted before it is compared";
const NO_ORDER: &str = "a listing that does not hold what is there would have files removed";
const NO_PARTS: &str = "an output that is larger than the store takes in one request cannot be written, or not be given up (s3:PutObject, s3:AbortMultipartUpload, storage.multipartUploads.create, storage.multipartUploads.abort, Storage Blob Data Contributor)";
const OTHER_TIME: &str = "instants of objects are the store's: `reset --since`, the lag and how long a lease lasts are off by as much; set the clock of this machine";
const NO_DELETE: &str = "obsolete outputs would stay, and their rows be read twice (s3:DeleteObject, storage.objects.delete, Storage Blob Data Contributor)";

/// What a probe showed, where something was done.
type Shown = (Outcome, String, Option<&'static str>);

/// Judges everything that was seen.
pub(super) fn report(url: String, seen: &Observed, extent: Extent) -> DoctorReport {
    let mut findings = of_source(seen);
    if extent == Extent::Full {
        findings.extend(of_target(seen));
    }
    DoctorReport {
        version: 1,
        url,
        source: source(&findings),
        target: (extent == Extent::Full).then(|| target(&findings)),
        findings,
        left_behind: seen.left_behind.clone(),
    }
}

fn source(findings: &[Finding]) -> Usable {
    let mut needed = findings.iter().filter(|it| it.probe.is_of_source());
    if needed.any(stops) {
        Usable::No
    } else {
        Usable::Yes
    }
}

fn target(findings: &[Finding]) -> Usable {
    // There may be nothing yet to read from.
    let is_open = |it: &Finding| it.outcome == Outcome::Untried && it.probe != Probe::Read;
    let is_amiss = |it: &&Finding| stops(it) || is_open(it);
    let mut amiss = findings.iter().filter(is_amiss).peekable();
    if amiss.peek().is_none() {
        Usable::Yes
    } else if amiss.all(|it| it.probe.is_weak()) {
        Usable::Limited
    } else {
        Usable::No
    }
}

fn stops(finding: &Finding) -> bool {
    matches!(finding.outcome, Outcome::Fails | Outcome::Denied)
}

fn of_source(seen: &Observed) -> Vec<Finding> {
    let reach = match &seen.list {
        Some(Err(trouble)) if trouble.kind == TroubleKind::Unreached => {
            (Outcome::Fails, trouble.told.clone(), Some(NO_REACH))
        }
        Some(Err(trouble)) if trouble.kind == TroubleKind::Untrusted => {
            (Outcome::Fails, trouble.told.clone(), Some(NO_TRUST))
        }
        _ => works("the store answers"),
    };
    let is_reached = reach.0 == Outcome::Works;
    let mut found = vec![finding(Probe::Reach, reach)];
    if !is_reached {
        found.extend([Probe::Credentials, Probe::List, Probe::Read].map(untried));
        return found;
    }
    found.push(finding(Probe::Credentials, credentials(seen)));
    found.push(judged(Probe::List, seen.list.as_ref(), NO_LIST, |page| {
        let more = if page.is_full { " and more" } else { "" };
        let objects = if page.objects == 1 {
            "object"
        } else {
            "objects"
        };
        works(&format!("{} {objects}{more}", page.objects))
    }));
    found.push(match seen.read.as_ref() {
        None if matches!(seen.list, Some(Ok(_))) => Finding {
            found: "there is no object yet to read from".to_owned(),
            ..untried(Probe::Read)
        },
        tried => judged(Probe::Read, tried, NO_READ, |key| {
            works(&format!("a byte of {key}"))
        }),
    });
    found
}

/// Whoever may do anything at all is known.
fn credentials(seen: &Observed) -> Shown {
    let refused = |trouble: &Trouble| (Outcome::Fails, trouble.told.clone(), Some(NO_CREDENTIALS));
    match (&seen.list, &seen.write) {
        (Some(Err(trouble)), _) | (_, Some(Err(trouble)))
            if trouble.kind == TroubleKind::Unknown =>
        {
            refused(trouble)
        }
        (Some(Err(trouble)), None | Some(Err(_))) if trouble.kind == TroubleKind::Denied => {
            refused(trouble)
        }
        _ => works("the store takes them"),
    }
}

fn of_target(seen: &Observed) -> Vec<Finding> {
    let of_write = match &seen.write {
        Some(Err(trouble)) if trouble.is_denied() => NO_WRITE,
        _ => CANNOT_WRITE,
    };
    vec![
        judged(Probe::Write, seen.write.as_ref(), of_write, |()| {
            works("an object")
        }),
        judged(
            Probe::ReadBack,
            seen.read_back.as_ref(),
            NO_READ,
            |is_same| either(*is_same, "the same bytes", "other bytes", OTHER_BYTES),
        ),
        judged(
            Probe::Overwrite,
            seen.overwrite.as_ref(),
            CANNOT_WRITE,
            |it| overwrite(*it),
        ),
        judged(Probe::Create, seen.create.as_ref(), NO_CREATE, |kept| {
            condition(*kept, "an object that is there", NO_CREATE)
        }),
        judged(Probe::Update, seen.update.as_ref(), NO_UPDATE, |kept| {
            condition(*kept, "another version", NO_UPDATE)
        }),
        judged(
            Probe::CreateRace,
            seen.create_race.as_ref(),
            NO_CREATE,
            |it| race(*it, NO_CREATE),
        ),
        judged(
            Probe::UpdateRace,
            seen.update_race.as_ref(),
            NO_UPDATE,
            |it| race(*it, NO_UPDATE),
        ),
        judged(
            Probe::FreshListing,
            seen.fresh_listing.as_ref(),
            NO_LIST,
            fresh_listing,
        ),
        judged(Probe::Order, seen.order.as_ref(), NO_LIST, |names| {
            order(names)
        }),
        judged(Probe::Multipart, seen.multipart.as_ref(), NO_PARTS, |()| {
            works("begun and given up")
        }),
        judged(Probe::Clock, seen.clock.as_ref(), OTHER_TIME, |seconds| {
            clock(*seconds)
        }),
        judged(Probe::Delete, seen.delete.as_ref(), NO_DELETE, |()| {
            works("all that was written")
        }),
    ]
}

fn overwrite(seen: Overwritten) -> Shown {
    if !seen.has_new_bytes {
        let found = "the bytes that were there before".to_owned();
        return (Outcome::Fails, found, Some(OLD_BYTES));
    }
    if seen.has_new_tag {
        return works("the new bytes, under a new ETag");
    }
    let found = "the new bytes, but no new strong ETag".to_owned();
    (Outcome::Differs, found, Some(NO_TAGS))
}

fn condition(kept: Condition, what: &str, meaning: &'static str) -> Shown {
    let found = match kept {
        Condition::Kept => return works(&format!("{what} is not overwritten")),
        Condition::Ignored => format!("{what} was overwritten: the store ignores conditions"),
        Condition::NeverMet => "refused although the condition holds".to_owned(),
    };
    (Outcome::Fails, found, Some(meaning))
}

fn race(seen: Race, meaning: &'static str) -> Shown {
    let Race {
        rounds,
        broken,
        without_winner,
    } = seen;
    if broken > 0 {
        let found = format!("{broken} of {rounds} races of {RACERS} writers had several winners");
        return (Outcome::Fails, found, Some(meaning));
    }
    if without_winner == rounds {
        let found = format!("none of {rounds} races of {RACERS} writers had a winner");
        return (Outcome::Fails, found, Some(meaning));
    }
    works(&format!("one winner of {RACERS} in each of {rounds} races"))
}

fn fresh_listing(seen: &Fresh) -> Shown {
    let Fresh {
        written, missing, ..
    } = seen;
    if *missing > 0 {
        let found = format!("{missing} of {written} objects that were just written are missing");
        return (Outcome::Fails, found, Some(STALE_LISTING));
    }
    either(
        seen.tells_same,
        "everything that was just written",
        "everything, with other tags or times than an answer",
        OTHER_WORDS,
    )
}

fn order(names: &[String]) -> Shown {
    let sorted = |key: fn(&String) -> Vec<u8>| {
        let mut sorted = names.to_vec();
        sorted.sort_by_key(key);
        sorted == names
    };
    if names.len() != super::probe::NAMES.len() {
        let found = format!("{} of {} objects", names.len(), super::probe::NAMES.len());
        return (Outcome::Fails, found, Some(NO_ORDER));
    }
    let found = if sorted(|name| name.clone().into_bytes()) {
        return works("bytes of the keys");
    } else if sorted(|name| name.replace('/', "\0").into_bytes()) {
        "as a tree is walked"
    } else if sorted(|name| name.encode_utf16().flat_map(u16::to_be_bytes).collect()) {
        "UTF-16 of the keys"
    } else {
        "none that is known"
    };
    (Outcome::Differs, found.to_owned(), Some(OTHER_ORDER))
}

fn clock(seconds: i64) -> Shown {
    if seconds.abs() <= SKEW {
        return works(&format!("within {SKEW} seconds of this machine's"));
    }
    let side = if seconds > 0 { "ahead of" } else { "behind" };
    let found = format!("{} seconds {side} this machine's", seconds.abs());
    (Outcome::Differs, found, Some(OTHER_TIME))
}

fn judged<T>(
    probe: Probe,
    tried: Option<&Result<T, Trouble>>,
    meaning: &'static str,
    judge: impl FnOnce(&T) -> Shown,
) -> Finding {
    match tried {
        None => untried(probe),
        Some(Ok(seen)) => finding(probe, judge(seen)),
        Some(Err(trouble)) => {
            let outcome = if trouble.is_denied() {
                Outcome::Denied
            } else {
                Outcome::Fails
            };
            finding(probe, (outcome, trouble.told.clone(), Some(meaning)))
        }
    }
}

fn finding(probe: Probe, (outcome, found, meaning): Shown) -> Finding {
    Finding {
        probe,
        outcome,
        found,
        meaning,
    }
}

fn untried(probe: Probe) -> Finding {
    Finding {
        probe,
        outcome: Outcome::Untried,
        found: "it needs what did not work".to_owned(),
        meaning: None,
    }
}

fn works(found: &str) -> Shown {
    (Outcome::Works, found.to_owned(), None)
}

fn either(is_well: bool, well: &str, ill: &str, meaning: &'static str) -> Shown {
    if is_well {
        works(well)
    } else {
        (Outcome::Fails, ill.to_owned(), Some(meaning))
    }
}
