//! Each fault, once: what is answered, and what has happened.

use futures::FutureExt;
use object_store::UpdateVersion;
use object_store::memory::InMemory;
use object_store::multipart::MultipartStore;

use super::*;

const KEY: &str = "raw/a";

/// Lets work end that waits for nothing.
fn now<T>(work: impl Future<Output = T>) -> T {
    work.now_or_never().unwrap()
}

fn key() -> Path {
    Path::from(KEY)
}

/// A store with one object, and the next request failing.
fn failing(fault: StoreFault) -> (Arc<InMemory>, FaultyStore) {
    let (inner, store) = well();
    store.fail_nth(0, fault);
    (inner, store)
}

fn well() -> (Arc<InMemory>, FaultyStore) {
    let inner = Arc::new(InMemory::new());
    now(inner.put(&key(), "before".into())).unwrap();
    let store = FaultyStore::new(Arc::clone(&inner) as Arc<dyn Objects>, 0);
    (inner, store)
}

fn text(store: &dyn ObjectStore) -> Result<String> {
    let bytes = now(async { store.get(&key()).await?.bytes().await })?;
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

fn listed(store: &FaultyStore) -> Vec<Result<String>> {
    let listing = store.list(Some(&Path::from("raw")));
    let all: Vec<_> = now(listing.collect());
    let key = |object: ObjectMeta| object.location.to_string();
    all.into_iter().map(|object| object.map(key)).collect()
}

#[test]
fn a_store_that_is_not_available_has_done_nothing() {
    let (inner, store) = failing(StoreFault::Unavailable);
    now(store.put(&key(), "after".into())).unwrap_err();
    assert_eq!(text(&*inner).unwrap(), "before");
    now(store.put(&key(), "after".into())).unwrap();
    assert_eq!(text(&store).unwrap(), "after");
    assert_eq!(store.met(StoreFault::Unavailable), 1);

    let (inner, store) = failing(StoreFault::Unavailable);
    now(store.delete(&key())).unwrap_err();
    assert_eq!(text(&*inner).unwrap(), "before");

    let (_, store) = failing(StoreFault::Unavailable);
    text(&store).unwrap_err();
    let (_, store) = failing(StoreFault::Unavailable);
    assert!(listed(&store)[0].is_err());
}

#[test]
fn what_has_lost_its_answer_has_happened() {
    let (inner, store) = failing(StoreFault::LostAnswer);
    now(store.put(&key(), "after".into())).unwrap_err();
    assert_eq!(text(&*inner).unwrap(), "after");

    let (inner, store) = failing(StoreFault::LostAnswer);
    now(store.delete(&key())).unwrap_err();
    assert!(matches!(text(&*inner), Err(Error::NotFound { .. })));

    let (inner, store) = failing(StoreFault::LostAnswer);
    now(store.copy(&key(), &Path::from("b"))).unwrap_err();
    now(inner.head(&Path::from("b"))).unwrap();

    let (inner, store) = well();
    let mut upload = now(store.put_multipart(&key())).unwrap();
    now(upload.put_part("parts".into())).unwrap();
    store.fail_nth(0, StoreFault::LostAnswer);
    now(upload.complete()).unwrap_err();
    assert_eq!(text(&*inner).unwrap(), "parts");
}

#[test]
fn whoever_has_won_may_be_told_that_another_did() {
    let (inner, store) = failing(StoreFault::LostCondition);
    let new = Path::from("new");
    let create = || PutOptions::from(PutMode::Create);
    let put = now(store.put_opts(&new, "mine".into(), create()));
    assert!(matches!(put, Err(Error::AlreadyExists { .. })), "{put:?}");
    now(inner.head(&new)).unwrap();

    let version = |inner: &InMemory| UpdateVersion {
        e_tag: now(inner.head(&key())).unwrap().e_tag,
        version: None,
    };
    let (inner, store) = failing(StoreFault::LostCondition);
    let update = PutOptions::from(PutMode::Update(version(&inner)));
    let put = now(store.put_opts(&key(), "mine".into(), update));
    assert!(matches!(put, Err(Error::Precondition { .. })), "{put:?}");
    assert_eq!(text(&*inner).unwrap(), "mine");
}

#[test]
fn bytes_end_early_without_a_word() {
    let (_, store) = failing(StoreFault::Truncated);
    assert_eq!(text(&store).unwrap(), "bef");
    assert_eq!(text(&store).unwrap(), "before");
    store.fail_nth(1, StoreFault::Truncated);
    let ranges = now(store.get_ranges(&key(), &[0..2, 2..6])).unwrap();
    assert_eq!(ranges, ["be", "fo"]);
}

#[test]
fn what_is_there_is_not_found_or_not_the_same() {
    let (_, store) = failing(StoreFault::Vanished);
    assert!(matches!(text(&store), Err(Error::NotFound { .. })));
    store.fail_nth(0, StoreFault::Vanished);
    let head = now(store.head(&key()));
    assert!(matches!(head, Err(Error::NotFound { .. })), "{head:?}");

    let tag = now(store.head(&key())).unwrap().e_tag;
    store.fail_nth(0, StoreFault::Changed);
    assert_ne!(now(store.head(&key())).unwrap().e_tag, tag);
    store.fail_nth(0, StoreFault::Changed);
    let same = GetOptions {
        if_match: tag,
        ..GetOptions::default()
    };
    let got = now(store.get_opts(&key(), same)).map(|_| ());
    assert!(matches!(got, Err(Error::Precondition { .. })), "{got:?}");
}

#[test]
fn a_listing_breaks_off_somewhere_or_has_its_pages_out_of_order() {
    let (inner, store) = well();
    for name in 0..9 {
        now(inner.put(&Path::from(format!("raw/{name}")), "x".into())).unwrap();
    }
    let whole: Vec<String> = listed(&store).into_iter().map(Result::unwrap).collect();
    assert_eq!(whole.len(), 10);
    let mut lengths = std::collections::BTreeSet::new();
    for _ in 0..30 {
        store.fail_nth(0, StoreFault::BrokenListing);
        let broken = listed(&store);
        let (last, before) = broken.split_last().unwrap();
        assert!(last.is_err());
        let before: Vec<&String> = before.iter().map(|key| key.as_ref().unwrap()).collect();
        assert_eq!(before, whole.iter().take(before.len()).collect::<Vec<_>>());
        lengths.insert(before.len());
    }
    assert!(lengths.len() > 3, "{lengths:?}");

    store.fail_nth(0, StoreFault::ReorderedPages);
    let turned: Vec<String> = listed(&store).into_iter().map(Result::unwrap).collect();
    assert_ne!(turned, whole);
    assert_eq!(turned.last(), whole.get(2), "pages stay whole");
    let mut sorted = turned;
    sorted.sort();
    assert_eq!(sorted, whole);

    store.set_chance(StoreFault::BrokenListing, 1000);
    assert!(now(store.list_with_delimiter(None)).is_err());
    store.heal();
    assert!(listed(&store).iter().all(Result::is_ok));
}

#[test]
fn each_step_of_an_upload_by_its_name_fails_or_is_done_without_an_answer() {
    for (step, fault) in (0..4).flat_map(|step| {
        let faults = [StoreFault::Unavailable, StoreFault::LostAnswer];
        faults.map(|fault| (step, fault))
    }) {
        let (inner, store) = well();
        store.fail_nth(step, fault);
        let is_lost = fault == StoreFault::LostAnswer;
        let begun = now(store.create_multipart(&key()));
        let Ok(upload) = begun else {
            assert_eq!(step, 0);
            continue;
        };
        let part = now(store.put_part(&key(), &upload, 0, "parts".into()));
        assert_eq!(part.is_err(), step == 1);
        let Ok(part) = part else {
            let whole = now(inner.complete_multipart(&key(), &upload, Vec::new()));
            assert_eq!(whole.is_ok() && text(&*inner).unwrap() == "parts", is_lost);
            continue;
        };
        let whole = now(store.complete_multipart(&key(), &upload, vec![part]));
        let is_whole = step != 2 || is_lost;
        assert_eq!(whole.is_err(), step == 2);
        assert_eq!(text(&*inner).unwrap() == "parts", is_whole);
        let upload = now(store.create_multipart(&key())).unwrap_or(upload);
        let aborted = now(store.abort_multipart(&key(), &upload));
        assert!(step != 2 || aborted.is_ok());
    }
    let (inner, store) = well();
    for fault in [StoreFault::Unavailable, StoreFault::LostAnswer] {
        let upload = now(store.create_multipart(&key())).unwrap();
        store.fail_nth(0, fault);
        now(store.abort_multipart(&key(), &upload)).unwrap_err();
        let is_open = now(inner.abort_multipart(&key(), &upload)).is_ok();
        assert_eq!(is_open, fault == StoreFault::Unavailable);
    }
}

#[test]
fn a_part_that_is_refused_is_not_there() {
    let (inner, store) = well();
    let mut upload = now(store.put_multipart(&key())).unwrap();
    store.fail_nth(0, StoreFault::Unavailable);
    now(upload.put_part("part".into())).unwrap_err();
    now(upload.abort()).unwrap();
    assert_eq!(text(&*inner).unwrap(), "before");
}
