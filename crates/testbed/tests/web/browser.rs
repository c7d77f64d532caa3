//! A real browser, without a screen, that `page.mjs` drives.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use weft_testbed::{Host, checkout, need, node_modules, tool};

/// How long all of it may take.
const WITHIN: Duration = Duration::from_secs(180);

pub(crate) struct Browser {
    chromium: PathBuf,
    node: PathBuf,
    modules: PathBuf,
}

impl Browser {
    /// The one of this machine. `None` if it has none, which was said then.
    #[track_caller]
    pub(crate) fn found() -> Option<Self> {
        let modules = node_modules()?;
        let (chromium, node) = (tool("chromium"), tool("node"));
        need("chromium and node: scripts/page-tools", chromium.is_some() && node.is_some());
        Some(Self { chromium: chromium?, node: node?, modules })
    }

    /// Has it look at `url` on a host, and returns what it saw.
    #[track_caller]
    pub(crate) fn drive(&self, host: &Host, url: &str) -> String {
        let text = |path: &Path| path.to_str().expect("a path that can be typed").to_owned();
        let script = text(&checkout().join("crates/testbed/tests/web/page.mjs"));
        let browser = format!("CHROMIUM={}", text(&self.chromium));
        let mut driver =
            host.spawn(&["env", &browser, &text(&self.node), &script, url, &text(&self.modules)]);
        let ended = driver.wait(WITHIN);
        let seen = driver.log();
        assert!(ended.success(), "{ended}:\n{seen}");
        seen
    }
}
