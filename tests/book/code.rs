//! The code in the book is the source's, and all of the source is in the book.
//!
//! With SYNC_BOOK=1 the test writes what differs.

use crate::page::{Listing, Page, Wanted};
use crate::source::{self, INTRODUCTION, Source};
use std::collections::BTreeMap;

/// Where each item is shown first: path and name, to the page.
type Shown = BTreeMap<(String, String), String>;

/// A page's blocks of code with what they should hold: the listing, its lines.
pub type Expected = Vec<(Listing, Vec<String>)>;

pub struct Code {
    sources: BTreeMap<String, Source>,
    shown: Shown,
}

impl Code {
    pub fn new<'a>(
        sources: BTreeMap<String, Source>,
        pages: impl Iterator<Item = &'a Page>,
    ) -> Result<Self, String> {
        let mut shown = Shown::new();
        for page in pages {
            for listing in page.listings()? {
                if let Wanted::Item { path, name } = listing.wanted {
                    shown.entry((path, name)).or_insert_with(|| page.name.clone());
                }
            }
        }
        Ok(Self { sources, shown })
    }

    /// What the page's blocks should hold, or what is wrong with their names.
    pub fn expected(&self, page: &Page) -> Result<Expected, String> {
        let text = |listing: Listing| {
            let text =
                self.text(&listing.wanted, &page.name).map_err(|error| format!("{}: {error}", page.name))?;
            Ok((listing, text))
        };
        page.listings()?.into_iter().map(text).collect()
    }

    fn text(&self, wanted: &Wanted, page: &str) -> Result<Vec<String>, String> {
        match wanted {
            Wanted::Item { path, name } => {
                let source = self.source(path)?;
                Ok(source.text(source.find(name)?))
            }
            Wanted::Rest { path } => Ok(self.source(path)?.rest(|name| self.reference(path, name, page))),
        }
    }

    fn source(&self, path: &str) -> Result<&Source, String> {
        self.sources.get(path).ok_or_else(|| format!("there is no {path}"))
    }

    /// The line that stands in place of an item which is shown elsewhere.
    fn reference(&self, path: &str, name: &str, page: &str) -> Option<String> {
        let shown = self.shown.get(&(path.to_owned(), name.to_owned()))?;
        let what = if name == INTRODUCTION { "The introduction" } else { name };
        Some(if shown == page {
            format!("// {what}: on this page")
        } else {
            format!("// {what}: see {}", chapter(shown))
        })
    }

    /// Lines of code that the book shows nowhere, as `path:line`.
    pub fn hidden<'a>(&self, pages: impl Iterator<Item = &'a Page>) -> Vec<String> {
        let rest: Vec<String> = pages
            .flat_map(|page| page.listings().unwrap())
            .filter_map(|listing| if let Wanted::Rest { path } = listing.wanted { Some(path) } else { None })
            .collect();
        let mut hidden = Vec::new();
        for source in self.sources.values().filter(|source| !rest.contains(&source.path)) {
            let items = source.items.iter().filter(|item| self.is_shown(source, item));
            let lines: Vec<_> = items.map(|item| item.lines.clone()).collect();
            let lines =
                source.code_lines().into_iter().filter(|line| !lines.iter().any(|at| at.contains(line)));
            hidden.extend(lines.map(|line| format!("{}:{}", source.path, line + 1)));
        }
        hidden
    }

    fn is_shown(&self, source: &Source, item: &source::Item) -> bool {
        self.shown.contains_key(&(source.path.clone(), item.name.clone()))
    }
}

/// `chapter 7, 07-pivot-root`, or the page's name alone if it has no number.
fn chapter(page: &str) -> String {
    let name = page.trim_end_matches(".md");
    let number = name.split('-').next().and_then(|digits| digits.parse::<u8>().ok());
    number.map_or_else(|| name.to_owned(), |number| format!("chapter {number}, {name}"))
}

/// What is wrong with the code of a page: a block that differs, that is missing, or that names no code.
pub fn problems(page: &Page, expected: &Expected) -> Vec<String> {
    let mut problems = Vec::new();
    for (listing, text) in expected {
        let shown = listing.code.clone().map(|lines| &page.lines[lines]);
        let comment = &page.lines[listing.comment];
        match shown {
            None => problems.push(format!("{}: no ```rust block directly after {comment}", page.name)),
            Some(shown) if shown != text => {
                problems.push(format!("{}: the source differs from {comment}", page.name));
            }
            Some(_) => {}
        }
    }
    let named: Vec<_> = expected.iter().filter_map(|(listing, _)| listing.code.clone()).collect();
    for fence in page.fences() {
        let is_rust = fence.info.split([',', ' ']).next() == Some("rust");
        if is_rust && !named.contains(&fence.inside) {
            problems.push(format!(
                "{}:{}: a block of Rust without `<!-- item: … -->`",
                page.name, fence.inside.start
            ));
        }
    }
    problems
}

/// The page with the code that it should have.
pub fn synced(page: &Page, expected: &Expected) -> String {
    let mut lines = page.lines.clone();
    for (listing, text) in expected.iter().rev() {
        match &listing.code {
            Some(code) => drop(lines.splice(code.clone(), text.iter().cloned())),
            None => {
                let fence = |line: &str| std::iter::once(line.to_owned());
                let block = fence("```rust").chain(text.iter().cloned()).chain(fence("```"));
                drop(lines.splice(listing.comment + 1..listing.comment + 1, block));
            }
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "//! A.\n\nuse b::c;\n\nfn one() {}\n\nfn two() {}\n";

    fn sources() -> BTreeMap<String, Source> {
        BTreeMap::from([("src/a.rs".to_owned(), Source::parse("src/a.rs", SOURCE))])
    }

    fn check(text: &str) -> Result<(Vec<String>, String), String> {
        let page = Page::new("03-x.md", text);
        let code = Code::new(sources(), [&page].into_iter())?;
        let expected = code.expected(&page)?;
        Ok((problems(&page, &expected), synced(&page, &expected)))
    }

    #[test]
    fn a_block_that_is_the_item_is_left_as_it_is() {
        let text = "# X\n\n<!-- item: src/a.rs one -->\n```rust\nfn one() {}\n```\n\nMore.\n";
        assert_eq!(check(text).unwrap(), (vec![], text.to_owned()));
    }

    #[test]
    fn a_block_that_differs_or_is_missing_is_a_problem_and_is_mended() {
        let right = "<!-- item: src/a.rs one -->\n```rust\nfn one() {}\n```\n";
        for wrong in [
            "<!-- item: src/a.rs one -->\n```rust\nfn one()  {}\n```\n",
            "<!-- item: src/a.rs one -->\n```rust\n```\n",
            "<!-- item: src/a.rs one -->\n",
        ] {
            let (problems, synced) = check(wrong).unwrap();
            assert_eq!((problems.len(), &*synced), (1, right), "{wrong}");
        }
    }

    #[test]
    fn an_item_or_a_file_that_is_not_there_is_an_error() {
        for wrong in ["item: src/a.rs three", "item: src/b.rs one", "rest: src/b.rs"] {
            let error = check(&format!("<!-- {wrong} -->\n```rust\n```\n")).unwrap_err();
            assert!(error.starts_with("03-x.md: "), "{error}");
        }
    }

    #[test]
    fn rust_that_no_comment_names_is_a_problem() {
        for wrong in ["```rust\nfn one() {}\n```\n", "```rust,ignore\nx\n```\n"] {
            assert_eq!(check(wrong).unwrap().0, ["03-x.md:1: a block of Rust without `<!-- item: … -->`"]);
        }
        assert_eq!(check("```diff\n-one();\n```\n").unwrap().0, <Vec<String>>::new());
    }

    #[test]
    fn a_rest_names_the_chapter_of_what_it_leaves_out() {
        let item = Page::new("03-x.md", "<!-- item: src/a.rs one -->\n");
        let rest = Page::new("20-y.md", "<!-- item: src/a.rs //! -->\n<!-- rest: src/a.rs -->\n");
        let code = Code::new(sources(), [&item, &rest].into_iter()).unwrap();
        let expected = code.expected(&rest).unwrap();
        let text =
            "// The introduction: on this page\n\nuse b::c;\n\n// one: see chapter 3, 03-x\n\nfn two() {}";
        assert_eq!(expected[1].1.join("\n"), text);
        assert_eq!(code.hidden([&item, &rest].into_iter()), <Vec<String>>::new());
    }

    #[test]
    fn code_that_is_shown_nowhere_is_hidden() {
        let item = Page::new("03-x.md", "<!-- item: src/a.rs one -->\n");
        let code = Code::new(sources(), [&item].into_iter()).unwrap();
        assert_eq!(code.hidden([&item].into_iter()), ["src/a.rs:3", "src/a.rs:7"]);
    }

    #[test]
    fn pages_without_a_number_go_by_their_name() {
        assert_eq!(chapter("run.md"), "run");
        assert_eq!(chapter("07-pivot-root.md"), "chapter 7, 07-pivot-root");
    }
}
