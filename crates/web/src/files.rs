//! The files of the page. They are in the program: there is nothing to install, and nothing to be changed on a disk.

use axum::{Router, http::header, routing::get};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const ICON: &str = "image/svg+xml";

macro_rules! files {
    ($($path:literal: $kind:ident = $file:literal;)*) => {
        /// Where each is, what it is, and what is in it.
        const FILES: &[(&str, &str, &str)] = &[$(($path, $kind, include_str!(concat!("../page/", $file)))),*];
    };
}

files! {
    "/": HTML = "index.html";
    "/style.css": CSS = "style.css";
    "/parts.css": CSS = "parts.css";
    "/icon.svg": ICON = "icon.svg";
    "/main.js": SCRIPT = "main.js";
    "/dom.js": SCRIPT = "dom.js";
    "/detail.js": SCRIPT = "detail.js";
    "/events.js": SCRIPT = "events.js";
    "/faults.js": SCRIPT = "faults.js";
    "/history.js": SCRIPT = "history.js";
    "/hosts.js": SCRIPT = "hosts.js";
    "/links.js": SCRIPT = "links.js";
    "/log.js": SCRIPT = "log.js";
    "/model.js": SCRIPT = "model.js";
    "/moment.js": SCRIPT = "moment.js";
    "/networks.js": SCRIPT = "networks.js";
    "/search.js": SCRIPT = "search.js";
    "/squares.js": SCRIPT = "squares.js";
    "/stream.js": SCRIPT = "stream.js";
    "/table.js": SCRIPT = "table.js";
    "/text.js": SCRIPT = "text.js";
    "/topology.js": SCRIPT = "topology.js";
    "/verdict.js": SCRIPT = "verdict.js";
}

/// Answers with them.
pub(crate) fn routes() -> Router {
    FILES.iter().fold(Router::new(), |router, (path, kind, text)| {
        // Another version of the program has other files under the same names.
        let headers = [(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "no-cache")];
        router.route(path, get(move || async move { (headers, *text) }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_nobody_else_and_lets_no_data_be_markup() {
        for (path, _, text) in FILES {
            for foreign in ["https://", "http://", "innerHTML", "outerHTML", "insertAdjacentHTML", "eval("] {
                let found = text.matches(foreign).count();
                // The name of a namespace, which nobody asks.
                let names = text.matches("http://www.w3.org/2000/svg").count();
                assert!(found == 0 || foreign == "http://" && found == names, "{path} has {foreign}");
            }
            assert!(text.lines().count() <= 400, "{path} is too long to read");
        }
    }

    #[test]
    fn what_modules_import_is_served() {
        for (path, kind, text) in FILES.iter().filter(|(_, kind, _)| *kind == SCRIPT) {
            for (_, rest) in text.match_indices("from \"./").map(|(at, what)| (at, &text[at + what.len()..]))
            {
                let name = rest.split('"').next().unwrap_or_default();
                assert!(FILES.iter().any(|(served, _, _)| served[1..] == *name), "{path} ({kind}): {name}");
            }
        }
    }
}
