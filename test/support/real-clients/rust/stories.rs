//! Stories of a KMIP client: each is told once, as a line of JSON, and the first that goes wrong is the last.
//! test/support/real-clients/rust.ts puts this file beside the program.

use std::panic::{catch_unwind, set_hook, AssertUnwindSafe};

pub type Story<'a> = (&'static str, Box<dyn FnOnce() + 'a>);

/// A story goes wrong when it panics.
pub fn tell_all(stories: Vec<Story>) {
    set_hook(Box::new(|_| {}));
    for (name, tell) in stories {
        let error = catch_unwind(AssertUnwindSafe(tell)).err().map(|reason| {
            let owned = reason.downcast_ref::<String>().cloned();
            owned.unwrap_or_else(|| {
                reason
                    .downcast_ref::<&str>()
                    .unwrap_or(&"it panicked")
                    .to_string()
            })
        });
        println!(
            "{}",
            serde_json::to_string(&Line {
                story: name,
                error: error.as_deref()
            })
            .unwrap()
        );
        if error.is_some() {
            std::process::exit(1);
        }
    }
}

#[derive(serde::Serialize)]
struct Line<'a> {
    story: &'a str,
    error: Option<&'a str>,
}
