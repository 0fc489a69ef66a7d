//! The form of the book: its pages, its links, and what every chapter has.

use crate::page::Page;
use crate::{assert_none, book, docs};
use std::collections::BTreeMap;
use std::fs;

/// What every chapter of Parts I and II has, in this order.
const SECTIONS: [&str; 8] = [
    "What it is for",
    "The call",
    "What the kernel does",
    "See it",
    "Break it",
    "What can go wrong",
    "Exercises",
    "Further reading",
];

/// How many exercises a chapter has, each with an answer.
const EXERCISES: usize = 3;

/// The page that holds the answers.
const ANSWERS: &str = "answers.md";

/// The chapters of Parts I and II.
pub fn chapters() -> Vec<Page> {
    let is_chapter = |part: &str| part.starts_with("Part I:") || part.starts_with("Part II:");
    book().into_iter().filter(|(part, _)| is_chapter(part)).map(|(_, page)| page).collect()
}

/// The chapter's number, which its file name begins with.
fn number(page: &Page) -> Option<u8> {
    page.name.split('-').next()?.parse().ok()
}

/// What a chapter lacks of the form that all have.
fn lacks(page: &Page) -> Vec<String> {
    let sections = page.sections(2);
    let headings: Vec<&str> = sections.iter().map(|(heading, _)| &**heading).collect();
    let mut lacks = Vec::new();
    if headings != SECTIONS {
        lacks.push(format!("{}: the sections are {headings:?}, and should be {SECTIONS:?}", page.name));
    }
    let section =
        |name: &str| sections.iter().find(|(heading, _)| heading == name).map(|(_, lines)| &lines[..]);
    if !section("What the kernel does").unwrap_or_default().iter().any(|line| has_picture(line)) {
        lacks
            .push(format!("{}: no picture `![what it shows](img/….svg)` of what the kernel does", page.name));
    }
    if numbered(section("Exercises").unwrap_or_default()) != (1..=EXERCISES).collect::<Vec<_>>() {
        lacks.push(format!("{}: the exercises are not numbered 1 to {EXERCISES}", page.name));
    }
    lacks
}

/// An image with a text for those who do not see it.
fn has_picture(line: &str) -> bool {
    let parts = line.split_once("![").and_then(|(_, rest)| rest.split_once("]("));
    parts.is_some_and(|(text, link)| !text.is_empty() && link.split(')').next().unwrap().ends_with(".svg"))
}

/// The numbers of the items of a numbered list.
fn numbered(lines: &[&str]) -> Vec<usize> {
    lines.iter().filter_map(|line| line.split_once(". ")?.0.parse().ok()).collect()
}

/// What answers.md lacks: under `## Chapter N…`, an answer to each exercise.
fn unanswered(answers: &Page, chapters: &[Page]) -> Vec<String> {
    let sections = answers.sections(2);
    let mut found = BTreeMap::new();
    for (heading, lines) in &sections {
        let number = heading
            .strip_prefix("Chapter ")
            .and_then(|rest| rest.split(|char: char| !char.is_ascii_digit()).next()?.parse::<u8>().ok());
        found.insert(number, numbered(lines));
    }
    let all: Vec<usize> = (1..=EXERCISES).collect();
    let is_answered = |chapter: &Page| found.get(&number(chapter)) == Some(&all);
    let missing = chapters.iter().filter(|chapter| !is_answered(chapter));
    let mut problems: Vec<String> = missing
        .map(|chapter| {
            let number = number(chapter).map_or_else(|| "?".to_owned(), |number| number.to_string());
            format!(
                "{ANSWERS}: no `## Chapter {number}: …` with answers 1 to {EXERCISES}, of {}",
                chapter.name
            )
        })
        .collect();
    if found.len() > chapters.len() {
        problems.push(format!("{ANSWERS}: more headings than chapters"));
    }
    problems
}

/// Links of a page that lead nowhere. A page links to pages and images of the book, and to the web.
fn dead_links(page: &Page, pages: &BTreeMap<&str, &Page>) -> Vec<String> {
    let leads_somewhere = |(is_image, link): &(bool, String)| {
        if *is_image {
            return docs().join(link).is_file() && !link.contains("..");
        }
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let file = if file.is_empty() { &page.name } else { file };
        let has_anchor =
            |page: &&Page| anchor.is_empty() || page.anchors().iter().any(|other| other == anchor);
        link.starts_with("https://") || pages.get(file).is_some_and(has_anchor)
    };
    let dead = page.links().into_iter().filter(|link| !leads_somewhere(link));
    dead.map(|(_, link)| format!("{}: links to {link}", page.name)).collect()
}

#[test]
fn every_chapter_has_the_sections_a_picture_and_three_exercises() {
    let chapters = chapters();
    assert!(chapters.len() >= 14, "only {} chapters", chapters.len());
    let problems: Vec<String> = chapters.iter().flat_map(lacks).collect();
    assert_none(&problems);
}

#[test]
fn every_exercise_has_an_answer() {
    let book = book();
    let (_, answers) = book.iter().find(|(_, page)| page.name == ANSWERS).expect("SUMMARY names the answers");
    assert_none(&unanswered(answers, &chapters()));
}

#[test]
fn every_page_is_in_the_summary_once_and_under_its_number() {
    let pages: Vec<String> = book().into_iter().map(|(_, page)| page.name).collect();
    let mut named = pages.clone();
    named.sort();
    let files = fs::read_dir(docs()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = files.filter(|file| file.ends_with(".md") && file != "SUMMARY.md").collect();
    files.sort();
    assert_eq!(named, files);
    let numbers: Vec<u8> = chapters().iter().map(|page| number(page).unwrap()).collect();
    assert_eq!(numbers, (1..=u8::try_from(numbers.len()).unwrap()).collect::<Vec<_>>());
}

#[test]
fn every_page_begins_with_its_one_title() {
    let wrong = book().into_iter().filter(|(_, page)| {
        page.sections(1).len() != 1 || !page.lines.first().is_some_and(|line| line.starts_with("# "))
    });
    let problems: Vec<String> =
        wrong.map(|(_, page)| format!("{}: not one title, at the top", page.name)).collect();
    assert_none(&problems);
}

#[test]
fn links_between_pages_lead_to_pages_headings_and_images_that_exist() {
    let book = book();
    let pages = book.iter().map(|(_, page)| (&*page.name, page)).collect();
    let problems: Vec<String> = book.iter().flat_map(|(_, page)| dead_links(page, &pages)).collect();
    assert_none(&problems);
}

#[cfg(test)]
mod made_up {
    use super::*;

    fn chapter(change: impl Fn(String) -> String) -> Page {
        let text = |name: &&str| match *name {
            "What the kernel does" => format!("## {name}\n\n![a tree](img/tree.svg)\n"),
            "Exercises" => format!("## {name}\n\n1. One?\n2. Two?\n   More.\n3. Three?\n"),
            _ => format!("## {name}\n\nText.\n"),
        };
        let text = SECTIONS.iter().map(text).collect::<Vec<_>>().join("\n");
        Page::new("04-made-up.md", &change(format!("# Made up\n\n{text}")))
    }

    fn complaints(from: &str, to: &str) -> usize {
        lacks(&chapter(|text| {
            assert!(text.contains(from));
            text.replacen(from, to, 1)
        }))
        .len()
    }

    #[test]
    fn a_chapter_of_the_right_form_lacks_nothing() {
        assert_eq!(lacks(&chapter(|text| text)), <Vec<String>>::new());
    }

    #[test]
    fn a_chapter_lacks_what_it_does_not_have() {
        assert_eq!(complaints("## Break it\n", ""), 1);
        assert_eq!(complaints("## Break it", "## See it twice"), 1);
        assert_eq!(complaints("## See it", "## More\n\n## See it"), 1);
        assert_eq!(complaints("img/tree.svg", "img/tree.png"), 1);
        assert_eq!(complaints("a tree", ""), 1);
        assert_eq!(complaints("3. Three?\n", ""), 1);
        assert_eq!(complaints("3. Three?\n", "3. Three?\n4. Four?\n"), 1);
        assert_eq!(lacks(&Page::new("04-stub.md", "# A stub\n")).len(), 3);
    }

    #[test]
    fn every_exercise_wants_an_answer_under_its_chapter() {
        let chapters = [chapter(|text| text)];
        let unanswered = |text: &str| unanswered(&Page::new(ANSWERS, text), &chapters).len();
        assert_eq!(unanswered("# A\n\n## Chapter 4: Made up\n\n1. a\n2. b\n3. c\n"), 0);
        assert_eq!(unanswered("# A\n\n## Chapter 4: Made up\n\n1. a\n2. b\n"), 1);
        assert_eq!(unanswered("# A\n\n## Chapter 40\n\n1. a\n2. b\n3. c\n"), 1);
        assert_eq!(unanswered("# A\n"), 1);
        assert_eq!(unanswered("## Chapter 4\n1. a\n2. b\n3. c\n## Chapter 5\n1. a\n2. b\n3. c\n"), 1);
    }

    #[test]
    fn a_link_to_no_page_no_heading_no_image_or_out_of_the_book_is_dead() {
        let other = Page::new("b.md", "# B\n\n## Sub title\n");
        let dead = |link: &str| {
            let page = Page::new("a.md", &format!("# A\n\n{link}\n"));
            dead_links(&page, &BTreeMap::from([("a.md", &page), ("b.md", &other)])).len()
        };
        for alive in ["[x](b.md)", "[x](b.md#sub-title)", "[x](#a)", "[x](https://man7.org/)", "`[x](no)`"] {
            assert_eq!(dead(alive), 0, "{alive}");
        }
        for link in [
            "[x](c.md)",
            "[x](b.md#no)",
            "[x](../src/run.rs)",
            "[x](#no)",
            "![x](img/no.svg)",
            "[x](http://a)",
        ] {
            assert_eq!(dead(link), 1, "{link}");
        }
    }
}
