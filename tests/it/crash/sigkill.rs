//! `kill -9` on the real program, wherever it lands, while the source changes from round to round.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::check::row_complaints;
use super::cut::tell;
use super::program::Place;
use crate::support::is_nightly;

/// Numbers that are the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// A pile of small files that is stirred.
struct Pile {
    place: Place,
    dice: Dice,
    names: BTreeSet<String>,
    next: u64,
}

impl Pile {
    fn new(seed: u64) -> Self {
        let mut pile = Self {
            place: Place::new(),
            dice: Dice(seed),
            names: BTreeSet::new(),
            next: 0,
        };
        (0..240).for_each(|_| pile.add());
        pile
    }

    fn text(&mut self) -> String {
        let mut text = "id,v\n".to_owned();
        for _ in 0..=self.dice.below(8) {
            let (id, value) = (self.dice.below(1 << 40), self.dice.below(100));
            writeln!(text, "{id},{value}").unwrap();
        }
        text
    }

    fn add(&mut self) {
        let name = format!("p={}/f{:04}.csv", self.dice.below(5), self.next);
        self.next += 1;
        let text = self.text();
        self.place.write(&name, &text);
        self.names.insert(name);
    }

    fn pick(&mut self) -> String {
        let index = self.dice.below(self.names.len() as u64);
        let name = self.names.iter().nth(usize::try_from(index).unwrap());
        name.unwrap().clone()
    }

    fn stir(&mut self) {
        for _ in 0..12 {
            match self.dice.below(6) {
                0..3 => self.add(),
                3 => {
                    let (name, text) = (self.pick(), self.text());
                    self.place.write(&name, &text);
                }
                4 => {
                    let name = self.pick();
                    fs::remove_file(self.place.source().join(&name)).unwrap();
                    self.names.remove(&name);
                }
                _ => {
                    let from = self.pick();
                    let to = from.replace("/f", "/g").replace("/gf", "/gg");
                    let source = self.place.source();
                    fs::rename(source.join(&from), source.join(&to)).unwrap();
                    self.names.remove(&from);
                    self.names.insert(to);
                }
            }
        }
    }
}

#[test]
fn a_program_that_is_killed_anywhere_ends_as_a_full_load() {
    let mut pile = Pile::new(7);
    let mut killed = 0;
    let rounds = if is_nightly() { 200 } else { 10 };
    let mut length = {
        let begun = Instant::now();
        pile.place.full_load();
        begun.elapsed()
    };
    for round in 0..rounds {
        // A second kill may hit the recovery from the first.
        for _ in 0..=pile.dice.below(2) {
            let permille = u32::try_from(pile.dice.below(1000)).unwrap();
            let mut child = pile.place.start();
            sleep(length * permille / 1000);
            child.kill().unwrap();
            killed += usize::from(child.wait().unwrap().code().is_none());
        }
        let begun = Instant::now();
        pile.place.run();
        if round > 0 {
            length = begun.elapsed().max(Duration::from_millis(20));
        }
        let expected = pile.place.full_load();
        let found = pile.place.rows();
        assert_eq!(row_complaints(&found, &expected), [""; 0], "round {round}");
        assert_eq!(pile.place.complaints(), [""; 0], "round {round}");
        pile.stir();
    }
    tell(&format!("{rounds} rounds, {killed} runs killed"));
    assert!(killed > 0);
}
