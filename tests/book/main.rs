//! The book is true: its code is the source's, its transcripts are run, its tables are compared with traces.
//!
//! `make sync-book` runs two of these tests with SYNC_BOOK=1: they write the pages where they differ. PAGE=NAME
//! limits that to the documents whose path holds NAME.

#![allow(missing_docs, unreachable_pub)] // The modules are parts of one test.

mod chapters;
mod code;
#[path = "../common/mod.rs"]
mod common;
mod page;
mod source;
mod steps;
mod trace;
mod transcript;

use code::Code;
use common::{ROOT, images, shell};
use page::Page;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// At most so many blocks of transcripts are not run.
const NOT_RUN: usize = 3;

/// The directory of the book.
pub fn docs() -> PathBuf {
    Path::new(ROOT).join("docs")
}

/// The pages of the book, in their order, each with the heading of its part.
pub fn book() -> Vec<(String, Page)> {
    page::pages(&docs())
}

/// Held while the pages are read and written, or their examples run: tests run at the same time.
static PAGES: Mutex<()> = Mutex::new(());

fn is_syncing() -> bool {
    std::env::var_os("SYNC_BOOK").is_some_and(|value| value == "1")
}

/// Whether a document is synced: PAGE is a part of its path.
fn is_wanted(document: &str) -> bool {
    std::env::var("PAGE").map_or(true, |page| document.contains(&page))
}

/// Writes a document if it has changed.
fn write(document: &Path, before: &str, after: &str) {
    if before != after {
        println!("written: {}", document.display());
        fs::write(document, after).unwrap();
    }
}

/// Fails with all that is wrong, a line each.
#[track_caller]
pub fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_listing_in_the_book_is_the_source() {
    let _pages = PAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let pages: Vec<Page> = book().into_iter().map(|(_, page)| page).collect();
    let code = Code::new(source::sources(), pages.iter()).unwrap();
    let mut problems = Vec::new();
    for page in &pages {
        match code.expected(page) {
            Err(error) => problems.push(error),
            Ok(expected) if is_syncing() && is_wanted(&format!("docs/{}", page.name)) => {
                let path = docs().join(&page.name);
                write(&path, &fs::read_to_string(&path).unwrap(), &code::synced(page, &expected));
            }
            Ok(expected) if !is_syncing() => problems.extend(code::problems(page, &expected)),
            Ok(_) => {}
        }
    }
    assert_none(&problems);
}

#[test]
fn every_line_of_code_is_in_the_book() {
    let pages: Vec<Page> = book().into_iter().map(|(_, page)| page).collect();
    let sources = source::sources();
    assert!(sources.len() > 20 && sources.contains_key("src/sys/arch/aarch64.rs"), "the files are found");
    let hidden = Code::new(sources, pages.iter()).unwrap().hidden(pages.iter());
    assert!(hidden.is_empty(), "on no page:\n{}", hidden.join("\n"));
}

/// The documents that people read, relative to the top of the repository.
fn documents() -> Vec<String> {
    let listed = shell("git ls-files --cached --others --exclude-standard '*.md'");
    listed.lines().filter(|path| Path::new(ROOT).join(path).exists()).map(str::to_owned).collect()
}

#[test]
fn every_transcript_in_the_documents_is_what_the_machine_shows() {
    let _pages = PAGES.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(images().join("alpine").exists() && images().join("node").exists(), "make test makes the images");
    let (mut count, mut problems) = (0, Vec::new());
    let wanted: Vec<String> =
        documents().into_iter().filter(|document| !is_syncing() || is_wanted(document)).collect();
    assert!(!wanted.is_empty(), "there is no document of that name");
    for document in &wanted {
        let path = Path::new(ROOT).join(document);
        let text = fs::read_to_string(&path).unwrap();
        let examples = transcript::examples(&text).run;
        if examples.is_empty() {
            continue;
        }
        count += examples.len();
        let printed = transcript::run(document, &examples);
        if is_syncing() {
            write(&path, &text, &transcript::synced(&text, &examples, &printed));
            continue;
        }
        for (example, printed) in examples.iter().zip(printed) {
            if let Err(error) = transcript::matches(&printed, &example.shown) {
                problems.push(format!("{document}:{}: $ {}\n{error}", example.lines.start, example.command));
            }
        }
    }
    assert_none(&problems);
    assert!(count >= 15 || is_syncing(), "only {count} examples were found");
}

#[test]
fn few_transcripts_are_not_run() {
    let read = |document: &String| fs::read_to_string(Path::new(ROOT).join(document)).unwrap();
    let not_run: Vec<String> =
        documents().iter().flat_map(|document| transcript::examples(&read(document)).not_run).collect();
    assert!(not_run.len() <= NOT_RUN, "{not_run:?}");
}
