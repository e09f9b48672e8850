//! Each fault, once: what is answered, and what has happened.

use futures::FutureExt;
use object_store::UpdateVersion;
use object_store::memory::InMemory;

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
    let store = FaultyStore::new(Arc::clone(&inner) as Arc<dyn ObjectStore>, 0);
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
fn a_part_that_is_refused_is_not_there() {
    let (inner, store) = well();
    let mut upload = now(store.put_multipart(&key())).unwrap();
    store.fail_nth(0, StoreFault::Unavailable);
    now(upload.put_part("part".into())).unwrap_err();
    now(upload.abort()).unwrap();
    assert_eq!(text(&*inner).unwrap(), "before");
}
