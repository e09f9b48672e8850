//! Hints from a queue of SQS, to which S3 sends its notifications: itself, by SNS or by `EventBridge`.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::config::{Access, QueueUrl};
use crate::store::{Message, MessageQueue, OpenStoreError, QueueError, Receipt};

use super::aim::Aim;
use super::notice::Notice;
use super::{HintError, HintSource, MOST, Taken};

/// Messages that nobody understands are told of, but not each of many.
const WORDS: usize = 3;

/// How long to wait for whatever else is there. Without any wait, a queue asks only some of its servers.
const REST: Duration = Duration::from_secs(1);

/// A queue of SQS.
pub struct Queue {
    messages: MessageQueue,
    aim: Aim,
    place: String,
    /// What was taken and is not settled.
    receipts: Vec<Receipt>,
}

impl Queue {
    /// Takes hints about `aim` from the queue at `url`. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`OpenStoreError`] where `access` does not tell how to come in.
    pub fn connect(url: &QueueUrl, access: &Access, aim: Aim) -> Result<Self, OpenStoreError> {
        Ok(Self {
            messages: MessageQueue::connect(url, access)?,
            aim,
            place: url.to_string(),
            receipts: Vec::new(),
        })
    }

    /// Reads a message; tells whether there is something to look at because of it.
    fn concerns(&self, body: &str, taken: &mut Taken) -> bool {
        if let Some(notice) = Notice::read(body) {
            return self.aim.take(notice, taken);
        }
        if taken.words.len() < WORDS {
            taken.words.push(format!(
                "a message of {} is no notification that is known, and is taken for none",
                self.place
            ));
        }
        false
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
        let mut wait = longest;
        let mut is_first = true;
        while self.receipts.len() < MOST {
            let messages = match self.messages.receive(wait, stop) {
                Ok(messages) => messages,
                Err(QueueError::Stopped) => break,
                // What is there already is not to be lost; the trouble will be back.
                Err(_) if !is_first => break,
                Err(error) => return Err(self.failed("receive messages from", error)),
            };
            if messages.is_empty() {
                break;
            }
            let mut idle = Vec::new();
            for Message { body, receipt } in messages {
                if self.concerns(&body, &mut taken) {
                    self.receipts.push(receipt);
                } else {
                    idle.push(receipt);
                }
            }
            // Of these nothing is to come. Where that fails they are read once more, which does no harm.
            let _ = self.messages.delete(&idle, stop);
            is_first = false;
            wait = REST;
        }
        Ok(taken)
    }

    fn settle(&mut self) -> Result<(), HintError> {
        let never = AtomicBool::new(false);
        let deleted = self.messages.delete(&self.receipts, &never);
        self.receipts.clear();
        deleted.map_err(|error| self.failed("delete messages of", error))
    }

    fn is_lasting(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        self.place.clone()
    }
}
