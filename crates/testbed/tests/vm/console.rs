//! What a machine printed, and what it comes to.

/// How the lines of the machine's own begin.
const OWN: &str = "weft-vm: ";

/// What the machine printed, line by line.
#[derive(Default)]
pub(crate) struct Console {
    lines: Vec<String>,
}

impl Console {
    /// Adds a line, and shows it: at once with `--nocapture`, else when the test fails.
    pub(crate) fn add(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line).trim_end().to_owned();
        eprintln!("{line}");
        self.lines.push(line);
    }

    /// Whether the tests have ended, in whatever way.
    pub(crate) fn ended(&self) -> bool {
        self.lines.last().is_some_and(|line| line.starts_with(&format!("{OWN}the tests ended")))
    }

    /// Whether a line has `text` in it.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }

    /// Those of `tests` that it does not call passed.
    fn not_passed<'t>(&self, tests: &[&'t str]) -> Vec<&'t str> {
        let passed = |test: &&str| self.lines.contains(&format!("test {test} ... ok"));
        tests.iter().filter(|test| !passed(test)).copied().collect()
    }
}

/// How it went.
pub(crate) struct Report {
    pub(crate) console: Console,
    /// Why the machine did not come to the end of its tests, if it did not.
    pub(crate) broke_off: Option<String>,
}

impl Report {
    /// # Panics
    /// Unless all `tests` passed: with their names. What they said is shown already.
    #[track_caller]
    pub(crate) fn judge(&self, version: &str, tests: &[&str]) {
        let failed = self.console.not_passed(tests);
        let why = self.broke_off.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
        assert!(
            failed.is_empty() && self.broke_off.is_none(),
            "on Linux {version}, these tests of `--test weft` did not pass{why}: {}; what the machine printed is above",
            failed.join(", "),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::Console;

    #[test]
    fn what_is_not_called_passed_is_not() {
        let mut console = Console::default();
        for line in ["test a ... ok\r\n", "test b ... FAILED\r\n"] {
            console.add(line.as_bytes());
        }
        assert!(!console.ended());
        console.add(b"weft-vm: the tests ended with 101\r\n");
        assert!(console.ended());
        assert_eq!(console.not_passed(&["a", "b", "renamed"]), ["b", "renamed"]);
    }
}
