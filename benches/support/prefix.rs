//! Many small objects below a prefix: put once, kept for the next time.

#![expect(clippy::unwrap_used, reason = "a bench stops where it cannot go on")]

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Instant;

use crate::support::{figure, noise};
use crate::wire::Wire;

/// Connections by which objects are put.
const HANDS: u64 = 32;

/// Objects in each directory of a tree.
const EACH: u64 = 1_000;

/// How keys lie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// In one directory.
    Flat,
    /// In many, whose names come one after another as their keys do.
    Tree,
    /// In many, some of whose names begin with those of others: `s-000-b/` comes before `s-000/` in byte order, and behind
    /// it in that of a tree.
    Twisted,
}

impl Shape {
    /// What its prefix is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Tree => "tree",
            Self::Twisted => "twisted",
        }
    }

    fn key(self, number: u64) -> String {
        let directory = number / EACH;
        match self {
            Self::Flat => format!("flat/{number:07}.csv"),
            Self::Tree => format!("tree/s-{directory:03}/{number:07}.csv"),
            Self::Twisted if directory.is_multiple_of(2) => {
                format!("twisted/s-{directory:03}/{number:07}.csv")
            }
            Self::Twisted => format!("twisted/s-{:03}-b/{number:07}.csv", directory - 1),
        }
    }
}

/// Puts so many objects into the bucket of the server at `address`, unless `home` knows that they are there.
pub(crate) fn plant(home: &Path, address: &str, shape: Shape, objects: u64) {
    let is_planted = home.join(format!("{}-planted", shape.name()));
    if is_planted.exists() {
        return;
    }
    let begun = Instant::now();
    thread::scope(|scope| {
        for hand in 0..HANDS {
            scope.spawn(move || {
                let mut wire = Wire::to(address);
                for number in (hand..objects).step_by(usize::try_from(HANDS).unwrap()) {
                    let target = format!("/bucket/{}", shape.key(number));
                    wire.ask("PUT", &target, row(number).as_bytes());
                }
            });
        }
    });
    let rate = figure(objects) / begun.elapsed().as_secs_f64();
    println!("put {objects} objects, {rate:.0} a second");
    fs::write(is_planted, "").unwrap();
}

fn row(number: u64) -> String {
    format!("id,value\n{number},{}\n", noise(number) % 100_000)
}

/// Asks for page after page; returns how many there are, and how many objects are on them.
pub(crate) fn pages(address: &str, prefix: &str) -> (u64, u64) {
    let mut wire = Wire::to(address);
    let (mut pages, mut objects, mut behind) = (0, 0, None);
    loop {
        let page = wire.page("bucket", &format!("{prefix}/"), behind.as_deref());
        pages += 1;
        objects += page.objects.len() as u64;
        behind = page.next;
        if behind.is_none() {
            return (pages, objects);
        }
    }
}
