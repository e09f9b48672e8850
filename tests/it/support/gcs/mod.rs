//! A double of Google Cloud Storage, for want of a server: what the packages that call themselves emulators speak is
//! another protocol than the client's. It knows one bucket, and of the XML protocol as much as the client asks for: objects with
//! generations and conditions on them, ranges, listings page by page, objects in parts. It checks no signatures.
//!
//! What passes here may still fail there: `contract::buckets` runs against a real bucket where the environment names one.

mod bucket;
mod http;

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use bucket::Bucket;

/// The name of the one bucket.
const BUCKET: &str = "bucket";

/// The double, for as long as it is held.
pub(crate) struct GcsDouble {
    address: String,
    bucket: Arc<Mutex<Bucket>>,
    is_over: Arc<AtomicBool>,
}

impl GcsDouble {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let double = Self {
            address: listener.local_addr().unwrap().to_string(),
            bucket: Arc::default(),
            is_over: Arc::default(),
        };
        let (bucket, is_over) = (Arc::clone(&double.bucket), Arc::clone(&double.is_over));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let bucket = Arc::clone(&bucket);
                thread::spawn(move || serve(&stream, &bucket));
            }
        });
        double
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Takes every write from now on, whatever its condition, as some stores do.
    pub(crate) fn ignore_conditions(&self) {
        self.bucket.lock().unwrap().ignores_conditions = true;
    }

    /// Refuses every write and deletion from now on.
    pub(crate) fn deny_writes(&self) {
        self.bucket.lock().unwrap().denies_writes = true;
    }

    /// Returns the keys of all objects.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.bucket.lock().unwrap().keys()
    }
}

impl Drop for GcsDouble {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // The listener waits for one more.
        let _ = TcpStream::connect(&self.address);
    }
}

/// Answers whoever is at the other end until it hangs up.
fn serve(stream: &TcpStream, bucket: &Mutex<Bucket>) {
    let mut reader = std::io::BufReader::new(stream);
    while let Ok(Some(request)) = http::read(&mut reader) {
        let answer = bucket.lock().unwrap().answer(&request, BUCKET);
        let goes_on = request.header("connection") != Some("close");
        let is_head = request.method == "HEAD";
        if http::write(stream, &answer, is_head).is_err() || !goes_on {
            return;
        }
    }
}
