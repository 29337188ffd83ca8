//! Headless Chromium and its driver: a driver on a port of its own for each test, stopped by its pid, and
//! sessions with a profile that nobody used before.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use thirtyfour::prelude::*;
use thirtyfour::{ChromeCapabilities, ChromiumLikeCapabilities};

use super::lab::Daemon;

/// What keeps the browser from talking to anybody but the pages under test.
const FLAGS: [&str; 13] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-extensions",
    "--no-proxy-server",
    "--force-color-profile=srgb",
];
/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running driver; its browsers end with it.
pub struct Chromium {
    url: String,
    _daemon: Daemon,
    folder: tempfile::TempDir,
}

/// Whether a session runs scripts of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scripts {
    Run,
    /// As where the reader or the administration has switched them off.
    Blocked,
}

impl Chromium {
    pub fn start() -> Self {
        // The client of the driver is built with the process' provider of TLS, though it never uses any.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let log = folder.path().join("chromedriver.log");
        let mut command = Command::new("/usr/bin/chromedriver");
        command.arg(format!("--port={}", free.port()));
        let mut daemon = Daemon::start("chromedriver", &mut command, &log);
        daemon.wait_for(SocketAddr::from(([127, 0, 0, 1], free.port())), &log);
        Self { url: format!("http://{free}"), _daemon: daemon, folder }
    }

    /// A browser window of its own, without cookies.
    pub async fn open(&self, scripts: Scripts) -> WebDriver {
        let profile = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let caps = capabilities(&profile, scripts);
        let driver = WebDriver::builder(&self.url, caps).client(client).request_timeout(PATIENCE).connect();
        let driver = driver.await.unwrap_or_else(|error| panic!("no browser: {error}"));
        driver.set_page_load_timeout(PATIENCE).await.unwrap();
        driver.set_script_timeout(PATIENCE).await.unwrap();
        driver
    }
}

fn capabilities(profile: &Path, scripts: Scripts) -> ChromeCapabilities {
    let mut caps = DesiredCapabilities::chrome();
    caps.set_binary("/usr/bin/chromium").unwrap();
    for flag in FLAGS {
        caps.add_arg(flag).unwrap();
    }
    caps.add_arg(&format!("--user-data-dir={}", profile.display())).unwrap();
    // What was asked for, and what the browser complains about; not its hints.
    caps.set("goog:loggingPrefs", json!({ "performance": "ALL", "browser": "WARNING" })).unwrap();
    if scripts == Scripts::Blocked {
        let blocked = json!({ "profile.managed_default_content_settings.javascript": 2 });
        caps.add_experimental_option("prefs", blocked).unwrap();
    }
    caps
}
