//! Azurite, which speaks like Azure.

use std::process::Command;

use super::process::Process;
use super::{Holder, Sandbox, Server};

/// What our own hands come in with: everything is allowed to whoever has it, for the account that the emulator has and
/// that everybody knows the key of. It ends with the century.
const TOKEN: &str = "?sv=2018-11-09&ss=b&srt=sco&sp=rwdlac&se=2099-01-01T00%3A00%3A00Z&spr=https%2Chttp&sig=K%2BOQqJj6KnEczTtcVU385IwXLAzlxsauImxanI94hY0%3D";

/// The account that every emulator has, and its key.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

impl Server {
    /// Starts Azurite.
    pub(crate) fn azurite(sandbox: &Sandbox) -> Self {
        let program = std::env::var_os("AZURITE").expect("AZURITE, as .ci/run sets it");
        let mut command = Command::new(program);
        sandbox.seal(&mut command);
        // It is a script, whose interpreter has to be found.
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.args(["--blobHost", "127.0.0.1", "--blobPort", "0"]);
        command.args(["--inMemoryPersistence", "--disableTelemetry"]);
        // The client speaks a later version than it knows of.
        command.args(["--skipApiVersionCheck", "--silent"]);
        let process = Process::start(command);
        let address = process.address("successfully listens on http://");
        let address = address.expect("the server tells its address");
        let server = Self {
            holder: Holder::Process(process),
            around_keys: ("/devstoreaccount1/box/", TOKEN),
            headers: "x-ms-blob-type: BlockBlob\r\n",
            variables: vec![
                ("AZURE_STORAGE_USE_EMULATOR", "true".to_owned()),
                ("AZURITE_BLOB_STORAGE_URL", format!("http://{address}")),
            ],
            // The address of an emulator is looked for in the environment of the process, and nowhere else.
            own_variables: vec![
                (
                    "AZURE_STORAGE_ENDPOINT",
                    format!("http://{address}/{ACCOUNT}"),
                ),
                ("AZURE_ALLOW_HTTP", "true".to_owned()),
                ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT.to_owned()),
                ("AZURE_STORAGE_ACCOUNT_KEY", KEY.to_owned()),
            ],
            address,
            bucket: "az://box",
        };
        let target = format!("/devstoreaccount1/box{TOKEN}&restype=container");
        server.ask_with("", "PUT", &target, b"");
        server
    }
}
