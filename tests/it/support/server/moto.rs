//! moto, which speaks like S3 and keeps everything in memory.

use std::process::Command;

use serde_json::{Value, json};

use super::process::Process;
use super::{Holder, Sandbox, Server, ask, is_success};

impl Server {
    /// Starts moto.
    pub(crate) fn moto(sandbox: &Sandbox) -> Self {
        Self::moto_with_pages_of(sandbox, 1000)
    }

    /// Starts one that puts so many keys on a page.
    pub(crate) fn moto_with_pages_of(sandbox: &Sandbox, keys: usize) -> Self {
        let mut command = Command::new(python());
        sandbox.seal(&mut command);
        command.env("MOTO_S3_DEFAULT_MAX_KEYS", keys.to_string());
        command.args(["-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]);
        let process = Process::start(command);
        let address = process.address("http://");
        let address = address.expect("the server tells its address");
        let server = Self {
            holder: Holder::Process(process),
            around_keys: ("/bucket/", ""),
            headers: "Authorization: AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request\r\n",
            variables: variables(&address),
            own_variables: variables(&address),
            address,
            bucket: "s3://bucket",
        };
        server.ask_with("", "PUT", "/bucket", b"");
        server
    }

    /// Returns how many pages moto was asked for, and how many objects, since the last call.
    pub(crate) fn take_requests(&self) -> (usize, usize) {
        let mut requests = (0, 0);
        for line in self.take_log() {
            if line.contains("GET /bucket?") {
                requests.0 += 1;
            } else if line.contains("GET /bucket/") {
                requests.1 += 1;
            } else if line.contains("HEAD /bucket/") {
                panic!("nobody needs {line}");
            }
        }
        requests
    }

    /// Returns what moto was asked for since the last call, as it tells that.
    pub(crate) fn take_log(&self) -> Vec<String> {
        // The server tells of a request before it answers, so all that came before this one has been told.
        let last = "/bucket?list-type=2&prefix=the-last-of-all";
        self.ask_with("", "GET", last, b"");
        self.log_until(last)
    }
}

/// A queue of moto's, to which its bucket may tell of events.
pub(crate) struct Queue<'a> {
    server: &'a Server,
    name: &'static str,
}

impl Server {
    /// Makes a queue in moto.
    pub(crate) fn queue(&self, name: &'static str) -> Queue<'_> {
        self.of_service(
            "sqs",
            "AmazonSQS.CreateQueue",
            &json!({
                "QueueName": name,
                "Attributes": {"VisibilityTimeout": "1"},
            }),
        );
        Queue { server: self, name }
    }

    /// Asks another service of moto for something, and returns what it answers.
    fn of_service(&self, service: &str, action: &str, asked: &Value) -> Value {
        let headers = format!(
            "Authorization: AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/{service}/aws4_request\r\n\
             Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: {action}\r\n"
        );
        let body = asked.to_string();
        let answer = ask(&self.address, &headers, "POST", "/", body.as_bytes()).unwrap();
        assert!(is_success(&answer), "{action}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_default()
    }
}

impl Queue<'_> {
    /// Returns its URL, as the program has it.
    pub(crate) fn url(&self) -> String {
        format!(
            "sqs+http://{}/123456789012/{}",
            self.server.address, self.name
        )
    }

    fn address(&self) -> String {
        format!("http://{}/123456789012/{}", self.server.address, self.name)
    }

    /// Lets the bucket tell it of every object that comes or goes below `raw/`.
    pub(crate) fn hear(&self) {
        let told = format!(
            "<NotificationConfiguration><QueueConfiguration>\
             <Queue>arn:aws:sqs:us-east-1:123456789012:{}</Queue>\
             <Filter><S3Key><FilterRule><Name>prefix</Name><Value>raw/</Value></FilterRule></S3Key></Filter>\
             <Event>s3:ObjectCreated:*</Event><Event>s3:ObjectRemoved:*</Event>\
             </QueueConfiguration></NotificationConfiguration>",
            self.name
        );
        let server = self.server;
        server.ask_with("", "PUT", "/bucket?notification", told.as_bytes());
    }

    /// Puts a message into it.
    pub(crate) fn send(&self, message: &str) {
        let asked = json!({"QueueUrl": self.address(), "MessageBody": message});
        self.server
            .of_service("sqs", "AmazonSQS.SendMessage", &asked);
    }

    /// Returns how many messages are in it, those included that somebody has taken and not deleted.
    pub(crate) fn messages(&self) -> u64 {
        let asked = json!({"QueueUrl": self.address(), "AttributeNames": ["All"]});
        let told = self
            .server
            .of_service("sqs", "AmazonSQS.GetQueueAttributes", &asked);
        let count = |name: &str| -> u64 {
            let text = told["Attributes"][name].as_str();
            text.unwrap_or_else(|| panic!("{name}: {told}"))
                .parse()
                .unwrap()
        };
        count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesNotVisible")
    }
}

/// Returns the interpreter for which packages are installed.
pub(super) fn python() -> std::ffi::OsString {
    std::env::var_os("READERS_PYTHON").expect("READERS_PYTHON, as .ci/run sets it")
}

/// Returns the variables by which the program comes into a server that speaks like S3.
pub(super) fn variables(address: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "k".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "very secret".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
    ]
}
