//! Several writers at once: how many of them does the store let win?
//!
//! They are no threads: all of their requests are on their way before the first answer is looked at.

use futures::future::join_all;
use object_store::path::Path;
use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, Result, UpdateVersion,
};

use super::observed::Race;

/// How often they race. A store that loses one race in a few has to be seen losing it.
pub(super) const ROUNDS: u32 = 4;

/// How many race. Some stores get slow where many write to one key.
pub(super) const RACERS: usize = 6;

/// Races for the right to create each of `keys`.
pub(super) async fn creators(store: &dyn ObjectStore, keys: &[Path]) -> Result<Race> {
    let mut race = Race::default();
    for key in keys {
        run(store, key, &PutMode::Create, &mut race).await?;
    }
    Ok(race)
}

/// Races for the right to overwrite what lies at `key`, again and again.
pub(super) async fn updaters(store: &dyn ObjectStore, key: &Path) -> Result<Race> {
    let mut race = Race::default();
    for _ in 0..ROUNDS {
        let version: UpdateVersion = store.put(key, "nobody".into()).await?.into();
        run(store, key, &PutMode::Update(version), &mut race).await?;
    }
    Ok(race)
}

async fn run(store: &dyn ObjectStore, key: &Path, mode: &PutMode, race: &mut Race) -> Result<()> {
    let writers = (0..RACERS).map(|racer| {
        let options = PutOptions::from(mode.clone());
        store.put_opts(key, bytes_of(racer).into(), options)
    });
    let mut winners = Vec::new();
    for (racer, ended) in join_all(writers).await.into_iter().enumerate() {
        match ended {
            Ok(_) => winners.push(racer),
            Err(error) if is_refused(&error) => {}
            Err(error) => return Err(error),
        }
    }
    race.rounds += 1;
    match winners.as_slice() {
        [] => race.without_winner += 1,
        [winner] => {
            let found = store.get(key).await?.bytes().await?;
            race.broken += u32::from(found != bytes_of(*winner));
        }
        _ => race.broken += 1,
    }
    Ok(())
}

/// Tells whether a store has refused a write by its condition.
pub(super) fn is_refused(error: &Error) -> bool {
    matches!(
        error,
        Error::AlreadyExists { .. } | Error::Precondition { .. }
    )
}

fn bytes_of(racer: usize) -> String {
    format!("racer {racer}")
}
