//! A page of the book, as the tests read it.

use std::fs;
use std::ops::Range;
use std::path::Path;

/// One Markdown file of docs/.
pub struct Page {
    /// Its name in docs/.
    pub name: String,
    pub lines: Vec<String>,
}

/// What a page asks for: one item of a file, or all that is not shown as an item.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    Item { path: String, name: String },
    Rest { path: String },
}

/// A comment that names code, and the lines of the block after it, if there is one.
#[derive(Debug, PartialEq, Eq)]
pub struct Listing {
    pub comment: usize,
    pub wanted: Wanted,
    pub code: Option<Range<usize>>,
}

/// A fenced block: its fences are the lines before and after `inside`.
#[derive(Debug, PartialEq, Eq)]
pub struct Fence {
    pub info: String,
    pub inside: Range<usize>,
}

/// The pages in the order of SUMMARY.md, each with the heading of the part that it is in.
pub fn pages(docs: &Path) -> Vec<(String, Page)> {
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let load = |(part, name): (String, String)| {
        let text = fs::read_to_string(docs.join(&name));
        let text = text.unwrap_or_else(|error| panic!("docs/SUMMARY.md names {name}: {error}"));
        (part, Page::new(&name, &text))
    };
    summary_rows(&summary).into_iter().map(load).collect()
}

/// The part and the file name of each line `- [title](file name)` of a SUMMARY.md.
pub fn summary_rows(summary: &str) -> Vec<(String, String)> {
    let (mut part, mut rows) = (String::new(), Vec::new());
    for line in summary.lines() {
        if let Some(title) = line.strip_prefix("# ") {
            title.clone_into(&mut part);
        } else if let Some((_, link)) = line.split_once("](") {
            rows.push((part.clone(), link.trim_end().trim_end_matches(')').to_owned()));
        }
    }
    rows
}

impl Page {
    pub fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), lines: text.lines().map(str::to_owned).collect() }
    }

    pub fn fences(&self) -> Vec<Fence> {
        let mut fences = Vec::new();
        let mut open: Option<(String, String, usize)> = None;
        for (index, line) in self.lines.iter().enumerate() {
            let ticks: String = line.trim_start().chars().take_while(|char| *char == '`').collect();
            let info = line.trim_start()[ticks.len()..].trim();
            match &open {
                None if ticks.len() >= 3 => open = Some((ticks, info.to_owned(), index + 1)),
                Some((opening, _, _)) if ticks.len() >= opening.len() && info.is_empty() => {
                    let (_, info, start) = open.take().unwrap();
                    fences.push(Fence { info, inside: start..index });
                }
                _ => {}
            }
        }
        assert!(open.is_none(), "{}: the last code block does not end", self.name);
        fences
    }

    /// The lines that are not in a code block, each with its index.
    pub fn prose(&self) -> Vec<(usize, &str)> {
        let fences = self.fences();
        let is_code = |index: usize| {
            fences.iter().any(|fence| (fence.inside.start - 1..=fence.inside.end).contains(&index))
        };
        let lines = self.lines.iter().map(String::as_str).enumerate();
        lines.filter(|(index, _)| !is_code(*index)).collect()
    }

    /// The code that the page asks for, or what is wrong with the way it does.
    pub fn listings(&self) -> Result<Vec<Listing>, String> {
        let fences = self.fences();
        let after = |comment: usize| {
            let next = fences.iter().find(|fence| fence.inside.start == comment + 2);
            next.filter(|fence| fence.info == "rust").map(|fence| fence.inside.clone())
        };
        let mut listings = Vec::new();
        for (comment, line) in self.prose() {
            if let Some(wanted) = wanted(line).map_err(|error| format!("{}: {error}", self.name))? {
                listings.push(Listing { comment, wanted, code: after(comment) });
            }
        }
        Ok(listings)
    }

    /// The headings of a level, with the lines below each up to the next one of this level or above.
    pub fn sections(&self, level: usize) -> Vec<(String, Vec<&str>)> {
        let mut sections: Vec<(String, Vec<&str>)> = Vec::new();
        let mut is_inside = false;
        let code: Vec<usize> = self.prose().iter().map(|(index, _)| *index).collect();
        for (index, line) in self.lines.iter().enumerate() {
            let hashes = line.chars().take_while(|char| *char == '#').count();
            let is_heading = hashes > 0 && line[hashes..].starts_with(' ') && code.contains(&index);
            if is_heading && hashes <= level {
                is_inside = hashes == level;
                if is_inside {
                    sections.push((line[hashes..].trim().to_owned(), Vec::new()));
                }
            } else if is_inside {
                sections.last_mut().unwrap().1.push(line);
            }
        }
        sections
    }

    /// The targets of the links and images in the prose: `(is an image, target)`.
    pub fn links(&self) -> Vec<(bool, String)> {
        let text: Vec<&str> = self.prose().into_iter().map(|(_, line)| line).collect();
        let text = without_code(&text.join("\n"));
        let mut links = Vec::new();
        for (position, _) in text.match_indices("](") {
            let Some((target, _)) = text[position + 2..].split_once(')') else { continue };
            let is_image = text[..position].rfind('[').is_some_and(|open| text[..open].ends_with('!'));
            links.push((is_image, target.split(' ').next().unwrap().to_owned()));
        }
        links
    }

    /// The anchors that headings make, as GitHub and mdBook name them.
    pub fn anchors(&self) -> Vec<String> {
        let prose = self.prose();
        let headings = prose.iter().filter(|(_, line)| line.starts_with('#') && line.contains("# "));
        let mut anchors: Vec<String> = Vec::new();
        for (_, line) in headings {
            let anchor = slug(line.trim_start_matches('#').trim());
            let count = anchors.iter().filter(|other| **other == anchor).count();
            anchors.push(if count == 0 { anchor } else { format!("{anchor}-{count}") });
        }
        anchors
    }
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|char| char.is_alphanumeric() || " _-".contains(*char));
    kept.map(|char| if char == ' ' { '-' } else { char.to_ascii_lowercase() }).collect()
}

/// Takes out what stands between backticks, where `](` is no link.
fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect::<Vec<_>>().join("``")
}

/// `<!-- item: PATH NAME -->` and `<!-- rest: PATH -->`.
fn wanted(line: &str) -> Result<Option<Wanted>, String> {
    let Some(comment) = line.trim().strip_prefix("<!--") else { return Ok(None) };
    let Some((kind, what)) = comment.trim_end_matches("-->").split_once(':') else { return Ok(None) };
    let (kind, what) = (kind.trim(), what.trim());
    let is_exact = line == format!("<!-- {kind}: {what} -->");
    match (kind, what.split_once(' ')) {
        ("item" | "rest", _) if !is_exact => Err(format!("not of the form `<!-- {kind}: … -->`: {line}")),
        ("item", Some((path, name))) => Ok(Some(Wanted::Item { path: path.into(), name: name.into() })),
        ("item", None) => Err(format!("an item has a path and a name: {line}")),
        ("rest", None) => Ok(Some(Wanted::Rest { path: what.into() })),
        ("rest", Some(_)) => Err(format!("the rest is of a file: {line}")),
        _ => Ok(None),
    }
}

#[cfg(test)]
fn listings(text: &str) -> Result<Vec<Listing>, String> {
    Page::new("a.md", text).listings()
}

#[test]
fn a_comment_names_the_code_of_the_block_directly_after_it() {
    let text =
        "<!-- item: src/a.rs impl A for B -->\n```rust\ncode\n```\n<!-- rest: src/b.rs -->\n\n```rust\n```\n";
    let item = Wanted::Item { path: "src/a.rs".into(), name: "impl A for B".into() };
    let rest = Wanted::Rest { path: "src/b.rs".into() };
    let expected = [
        Listing { comment: 0, wanted: item, code: Some(2..3) },
        Listing { comment: 4, wanted: rest, code: None },
    ];
    assert_eq!(listings(text).unwrap(), expected);
}

#[test]
fn a_comment_that_is_almost_right_is_an_error() {
    let wrong = ["<!--item: src/a.rs a -->", "<!-- item: src/a.rs -->", "<!-- rest: src/a.rs a -->"];
    for comment in wrong.into_iter().chain([" <!-- item: src/a.rs a -->", "<!-- rest : src/a.rs -->"]) {
        assert!(listings(comment).is_err(), "{comment}");
    }
    assert_eq!(listings("<!-- note: this is free -->\n```md\n<!-- item: in code -->\n```\n"), Ok(vec![]));
}

#[test]
fn headings_and_links_are_those_outside_code() {
    let text = "# T\n## A `b`, c!\nx [y](z.md#q) `[n](o)`\n```sh\n## no\n[n](o)\n```\n![i](img/i.svg)\n### D\n## A\n## A\n";
    let page = Page::new("a.md", text);
    let headings: Vec<String> = page.sections(2).into_iter().map(|(heading, _)| heading).collect();
    assert_eq!(headings, ["A `b`, c!", "A", "A"]);
    assert_eq!(page.sections(2)[0].1.len(), 7);
    assert_eq!(page.links(), [(false, "z.md#q".to_owned()), (true, "img/i.svg".to_owned())]);
    assert_eq!(page.anchors(), ["t", "a-b-c", "d", "a", "a-1"]);
}

#[test]
fn the_summary_has_parts_and_pages() {
    let rows = summary_rows("# Summary\n\n[Preface](p.md)\n\n# Part I\n\n- [One](01.md)\n  - [Two](02.md)\n");
    let row = |part: &str, name: &str| (part.to_owned(), name.to_owned());
    assert_eq!(rows, [row("Summary", "p.md"), row("Part I", "01.md"), row("Part I", "02.md")]);
}
