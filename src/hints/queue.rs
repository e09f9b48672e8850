//! Hints from a queue of SQS, to which S3 sends its notifications: itself, by SNS or by `EventBridge`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::{Access, QueueUrl};
use crate::store::{Message, MessageQueue, OpenStoreError, QueueError, Receipt};

use super::aim::{Aim, Concern};
use super::notice::Notice;
use super::{HintError, HintSource, MOST, Taken};

/// How long to wait for whatever else is there.
const REST: Duration = Duration::from_secs(1);

/// The longest that messages are taken one after the other: somebody waits for what they tell.
const DRAIN: Duration = Duration::from_secs(10);

/// A queue of SQS.
pub struct Queue {
    messages: MessageQueue,
    aim: Aim,
    place: String,
    clock: Arc<dyn Clock>,
    /// What was taken and is not settled.
    receipts: Vec<Receipt>,
    /// Messages about other places, which are left as long as nothing shows that the queue is ours.
    foreign: Vec<Receipt>,
    /// Whether a message was about the source.
    is_ours: bool,
    /// Whether it is told already that there are messages which nobody understands, and ones about other places.
    is_told: (bool, bool),
}

impl Queue {
    /// Takes hints about `aim` from the queue at `url`. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`OpenStoreError`] where `access` does not tell how to come in.
    pub fn connect(
        url: &QueueUrl,
        access: &Access,
        aim: Aim,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenStoreError> {
        Ok(Self {
            messages: MessageQueue::connect(url, access)?,
            aim,
            place: url.to_string(),
            clock,
            receipts: Vec::new(),
            foreign: Vec::new(),
            is_ours: false,
            is_told: (false, false),
        })
    }

    /// Reads some messages, and lets go of those that nothing follows from.
    fn read(&mut self, messages: Vec<Message>, taken: &mut Taken, stop: &AtomicBool) {
        for Message { body, receipt } in messages {
            let Some(notice) = Notice::read(&body) else {
                if !std::mem::replace(&mut self.is_told.0, true) {
                    let place = &self.place;
                    taken.words.push(format!(
                        "a message of {place} is no notification that is known, and stays there"
                    ));
                }
                continue;
            };
            match self.aim.take(notice, taken) {
                Concern::Ours => {
                    self.is_ours = true;
                    self.receipts.push(receipt);
                }
                Concern::Unknown => self.receipts.push(receipt),
                Concern::Foreign => self.foreign.push(receipt),
            }
        }
        if self.is_ours {
            let foreign = std::mem::take(&mut self.foreign);
            // Where that fails they are read once more, which does no harm.
            let _ = self.messages.delete(&foreign, stop);
        } else if taken.foreign > 0 && !std::mem::replace(&mut self.is_told.1, true) {
            let place = &self.place;
            taken.words.push(format!(
                "messages of {place} are about other places, and stay there until one is about the source"
            ));
        }
    }

    fn failed(&self, action: &'static str, error: QueueError) -> HintError {
        HintError::Queue {
            action,
            place: self.place.clone(),
            may_pass: error.may_pass(),
            source: error.into(),
        }
    }
}

impl HintSource for Queue {
    fn take(&mut self, longest: Duration, stop: &AtomicBool) -> Result<Taken, HintError> {
        let mut taken = Taken::default();
        // Those come again that are still there.
        self.foreign.clear();
        let mut ends_at = None;
        while self.receipts.len() < MOST {
            let now = self.clock.monotonic();
            if ends_at.is_some_and(|ends_at| now >= ends_at) {
                break;
            }
            let wait = if ends_at.is_none() { longest } else { REST };
            let messages = match self.messages.receive(wait, stop) {
                Ok(messages) => messages,
                Err(QueueError::Stopped) => break,
                // What is there already is not to be lost; the trouble will be back.
                Err(_) if ends_at.is_some() => break,
                Err(error) => return Err(self.failed("receive messages from", error)),
            };
            if messages.is_empty() {
                break;
            }
            ends_at = ends_at.or_else(|| Some(self.clock.monotonic().saturating_add(DRAIN)));
            self.read(messages, &mut taken, stop);
        }
        Ok(taken)
    }

    fn settle(&mut self, stop: &AtomicBool) -> Result<(), HintError> {
        if self.receipts.is_empty() {
            return Ok(());
        }
        let receipts = std::mem::take(&mut self.receipts);
        match self.messages.delete(&receipts, stop) {
            Ok(()) | Err(QueueError::Stopped) => Ok(()),
            Err(error) => Err(self.failed("delete messages of", error)),
        }
    }

    fn is_lasting(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        self.place.clone()
    }
}
