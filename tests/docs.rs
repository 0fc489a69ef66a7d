//! The documents agree with the program and with each other. (What is in the book, and all transcripts: tests/book.)

mod common;

use common::{Host, ROOT, outcome, shell};
use std::fs;
use std::path::Path;

/// The documents that people read, relative to the top of the repository.
fn documents() -> Vec<String> {
    let listed = shell("git ls-files --cached --others --exclude-standard '*.md'");
    listed.lines().map(str::to_owned).collect()
}

#[test]
fn every_option_and_variable_of_the_help_is_in_the_man_page_and_the_other_way_round() {
    let host = Host::new("man");
    let help = outcome(&mut host.command(&["--help"])).stdout;
    let page = shell("mandoc -T ascii container.1 | col -b");
    let words = |text: &str, begins: fn(&str) -> bool| {
        let split = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let mut words: Vec<String> =
            text.split(split).filter(|word| begins(word)).map(str::to_owned).collect();
        words.sort();
        words.dedup();
        words
    };
    let is_option =
        |word: &str| word.len() > 1 && word.starts_with('-') && word != "--" && !word.starts_with("---");
    assert_eq!(words(&help, is_option), words(&page, is_option));
    let is_variable = |word: &str| word.starts_with("CONTAINER_") && word.len() > "CONTAINER_".len();
    assert_eq!(words(&help, is_variable), words(&page, is_variable));
}

#[test]
fn the_options_of_the_help_stand_in_the_man_page_under_the_same_headings_in_the_same_order() {
    // A heading is `The command:` in the help and `   The command` in the page, an option `  -u, --user USER[:GROUP]   ...`.
    let options = |text: &str, heading: fn(&str) -> Option<&str>| {
        let mut group = "";
        let mut options = Vec::new();
        for line in text.lines() {
            group = heading(line).unwrap_or(group);
            if line.starts_with("  ") && line.trim_start().starts_with('-') {
                let form = line.trim_start().split("  ").next().unwrap();
                options.push(format!("{group}: {form}"));
            }
        }
        options
    };
    let help = outcome(&mut Host::new("forms").command(&["--help"])).stdout;
    let help = options(&help, |line| {
        line.strip_suffix(':').filter(|line| !line.contains(' ') || line.starts_with("The "))
    });
    assert!(help.len() > 20, "{help:?}");
    let page = shell("mandoc -O width=100 -T ascii container.1 | col -bx");
    let page = options(&page, |line| line.strip_prefix("   ").filter(|line| !line.starts_with(' ')));
    assert_eq!(help, page);
}

#[test]
fn the_steps_in_the_help_are_those_in_the_readme_and_in_the_map_of_the_code() {
    let host = Host::new("steps");
    let help = outcome(&mut host.command(&["--help"])).stdout;
    let (_, steps) = help.split_once("\nSteps: ").unwrap();
    let steps: Vec<&str> = steps.split("\n\n").next().unwrap().split_whitespace().collect();
    let table = outcome(&mut host.command(&["--steps"])).stdout;
    let parent: Vec<&str> = table.split("\n\n").next().unwrap().lines().skip(1).step_by(2).collect();
    let parent: Vec<&str> = parent.iter().map(|line| line.split(' ').next().unwrap()).collect();
    for file in ["README.md", "src/run.rs"] {
        let text = fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
        let mut lines =
            text.lines().skip_while(|line| !(line.contains("parent  ") && line.ends_with("  child")));
        let right = lines.next().unwrap().find("child").unwrap();
        let column = |first: usize, last: usize| {
            let first_word = |line: &str| {
                let part: String = line.chars().skip(first).take(last - first).collect();
                part.trim_start_matches("//!").split_whitespace().next().map(str::to_owned)
            };
            lines.clone().take(steps.len()).filter_map(first_word).collect::<Vec<_>>()
        };
        assert_eq!(column(right, 1000), steps, "{file}");
        assert_eq!(column(0, right), parent, "{file}");
    }
}

#[test]
fn relative_links_lead_to_files_that_exist() {
    let mut count = 0;
    for document in documents() {
        let path = Path::new(ROOT).join(&document);
        let text = fs::read_to_string(&path).unwrap();
        let text: String = text.split('`').step_by(2).collect(); // What is in backticks is no link.
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            if !link.contains("://") {
                let target = path.parent().unwrap().join(link.split('#').next().unwrap());
                assert!(target.exists(), "{document} links to {link}");
                count += 1;
            }
        }
    }
    assert!(count > 5, "only {count} links were found");
}
