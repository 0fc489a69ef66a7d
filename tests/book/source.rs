//! The source, as the book names it: by item.

use proc_macro2::Span;
use std::collections::BTreeMap;
use std::ops::Range;
use syn::spanned::Spanned;

/// The name of a file's `//!` comment.
pub const INTRODUCTION: &str = "//!";

/// One item of a file. Lines are counted from 0.
#[derive(Debug)]
pub struct Item {
    pub name: String,
    pub lines: Range<usize>,
}

/// One file.
pub struct Source {
    pub path: String,
    pub items: Vec<Item>,
    lines: Vec<String>,
    tests: Vec<Range<usize>>,
}

/// Every file of src/, by its path from the top of the repository.
pub fn sources() -> BTreeMap<String, Source> {
    let parse = |(name, text): (String, String)| {
        let path = format!("src/{name}");
        let source = Source::parse(&path, &text);
        (path, source)
    };
    crate::common::sources().into_iter().map(parse).collect()
}

impl Source {
    pub fn parse(path: &str, text: &str) -> Self {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let lines = text.lines().map(str::to_owned).collect();
        let mut source = Self { path: path.to_owned(), items: Vec::new(), lines, tests: Vec::new() };
        let introduction = source.lines.iter().take_while(|line| line.starts_with("//!")).count();
        if introduction > 0 {
            source.items.push(Item { name: INTRODUCTION.to_owned(), lines: 0..introduction });
        }
        for item in &file.items {
            source.add(item);
        }
        source
    }

    fn add(&mut self, item: &syn::Item) {
        match item {
            syn::Item::Mod(module) if module.content.is_some() => {
                assert!(is_for_tests(&module.attrs), "{}: a module in a file is for its tests", self.path);
                let lines = self.lines_of(module.span());
                self.tests.push(lines);
            }
            syn::Item::Impl(block) => {
                let implementor = type_name(&block.self_ty);
                self.push(impl_name(block, &implementor), block.span());
                for (name, span) in block.items.iter().filter_map(member) {
                    self.push(format!("{implementor}::{name}"), span);
                }
            }
            _ => {
                if let Some(name) = name(item) {
                    self.push(name, item.span());
                }
            }
        }
    }

    fn push(&mut self, name: String, span: Span) {
        let lines = self.lines_of(span);
        self.items.push(Item { name, lines });
    }

    /// Whole lines, and the comment that stands directly above.
    fn lines_of(&self, span: Span) -> Range<usize> {
        let (mut start, end) = (span.start().line - 1, span.end().line);
        let before = self.lines[start].chars().take(span.start().column).collect::<String>();
        let after = self.lines[end - 1].chars().skip(span.end().column).collect::<String>();
        let is_whole = before.trim().is_empty() && (after.trim().is_empty() || after.starts_with(" //"));
        assert!(is_whole, "{}:{}: this item shares a line with another", self.path, start + 1);
        let is_comment = |line: &str| line.starts_with("//") && !line.starts_with("//!");
        while start > 0 && is_comment(self.lines[start - 1].trim_start()) {
            start -= 1;
        }
        start..end
    }

    /// The one item of this name, or what is wrong with the name.
    pub fn find(&self, name: &str) -> Result<&Item, String> {
        let found: Vec<&Item> = self.items.iter().filter(|item| item.name == name).collect();
        match found[..] {
            [item] => Ok(item),
            [] => {
                let names: Vec<&str> = self.items.iter().map(|item| &*item.name).collect();
                Err(format!("{} has no item `{name}`; it has: {}", self.path, names.join(", ")))
            }
            _ => Err(format!("{} has {} items `{name}`", self.path, found.len())),
        }
    }

    /// The item's text, with its indentation taken off.
    pub fn text(&self, item: &Item) -> Vec<String> {
        let indent = self.indent(item.lines.start);
        let strip = |line: &String| line.strip_prefix(indent).unwrap_or(line).to_owned();
        self.lines[item.lines.clone()].iter().map(strip).collect()
    }

    /// The file without its unit tests, and a line in place of each item for which `elsewhere` has one.
    pub fn rest(&self, elsewhere: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let mut rest: Vec<String> = Vec::new();
        let (mut index, mut replaced) = (0, None);
        while index < self.lines.len() {
            if let Some(tests) = self.tests.iter().find(|tests| tests.start == index) {
                index = tests.end;
                trim_end(&mut rest);
            } else if let Some((end, line)) = self.replacement(index, &elsewhere) {
                if replaced.is_some_and(|last| rest[last + 1..].iter().all(String::is_empty)) {
                    trim_end(&mut rest); // References that follow each other make one list.
                }
                replaced = Some(rest.len());
                rest.push(format!("{}{line}", self.indent(index)));
                index = end;
            } else {
                rest.push(self.lines[index].clone());
                index += 1;
            }
        }
        rest
    }

    /// What stands in place of the largest item that begins at a line: the item's end, and that line.
    fn replacement(
        &self,
        start: usize,
        elsewhere: &impl Fn(&str) -> Option<String>,
    ) -> Option<(usize, String)> {
        let here = self.items.iter().filter(|item| item.lines.start == start);
        here.filter_map(|item| Some((item.lines.end, elsewhere(&item.name)?))).max()
    }

    /// The lines that hold code: no unit tests, comments or blank lines.
    pub fn code_lines(&self) -> Vec<usize> {
        let is_test = |index: &usize| self.tests.iter().any(|tests| tests.contains(index));
        let is_code = |index: &usize| {
            let line = self.lines[*index].trim();
            !line.is_empty() && !line.starts_with("//")
        };
        (0..self.lines.len()).filter(|index| !is_test(index) && is_code(index)).collect()
    }

    fn indent(&self, index: usize) -> &str {
        let line = &self.lines[index];
        &line[..line.len() - line.trim_start().len()]
    }
}

fn trim_end(lines: &mut Vec<String>) {
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    let is_test = |attribute: &syn::Attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    };
    attributes.iter().any(is_test)
}

/// The name of what stands on its own in a file.
fn name(item: &syn::Item) -> Option<String> {
    let ident = match item {
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Const(item) => &item.ident,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(ident.to_string())
}

/// `impl Stack`, `impl Drop for Stack`: without lifetimes and parameters.
fn impl_name(block: &syn::ItemImpl, implementor: &str) -> String {
    match &block.trait_ {
        Some((_, path, _)) => format!("impl {} for {implementor}", path.segments.last().unwrap().ident),
        None => format!("impl {implementor}"),
    }
}

fn type_name(implementor: &syn::Type) -> String {
    match implementor {
        syn::Type::Path(path) => path.path.segments.last().unwrap().ident.to_string(),
        syn::Type::Reference(reference) => format!("&{}", type_name(&reference.elem)),
        _ => "?".to_owned(), // The book has no name for it.
    }
}

fn member(item: &syn::ImplItem) -> Option<(String, Span)> {
    match item {
        syn::ImplItem::Fn(item) => Some((item.sig.ident.to_string(), item.span())),
        syn::ImplItem::Const(item) => Some((item.ident.to_string(), item.span())),
        _ => None,
    }
}

const MADE_UP: &str = r##"//! About
//! this file.

use core::ffi::CStr;

/// A number.
pub const ONE: usize = 1; // and no more

// Not about what follows.

/// Words.
#[derive(Clone)]
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    /// How many.
    fn count(&self) -> usize {
        ONE
    }

    fn none() {}
}

impl Drop for Words<'_> {
    fn drop(&mut self) {}
}

// Directly above.
unsafe extern "C" fn naked() {
    naked_asm!(
        "mov  rax, 1", //   kept as it is
    )
}

macro_rules! start {
    () => {};
}

#[cfg(test)]
mod tests {
    fn helper() {}
}
"##;

#[test]
fn items_are_found_by_their_names_with_documentation_and_attributes() {
    let source = Source::parse("src/a.rs", MADE_UP);
    let text = |name: &str| source.text(source.find(name).unwrap()).join("\n");
    assert_eq!(text("//!"), "//! About\n//! this file.");
    assert_eq!(text("ONE"), "/// A number.\npub const ONE: usize = 1; // and no more");
    assert_eq!(text("Words"), "/// Words.\n#[derive(Clone)]\nstruct Words<'a>(&'a str);");
    assert_eq!(text("Words::count"), "/// How many.\nfn count(&self) -> usize {\n    ONE\n}");
    assert!(text("impl Words").starts_with("impl<'a> Words<'a> {\n    /// How many."));
    assert!(text("impl Drop for Words").ends_with("    fn drop(&mut self) {}\n}"));
    assert!(text("naked").starts_with("// Directly above.\nunsafe"));
    assert!(text("naked").contains("\n        \"mov  rax, 1\", //   kept as it is\n"));
    assert!(text("start").starts_with("macro_rules! start {"));
}

#[test]
fn an_item_that_is_not_there_or_there_twice_is_not_found() {
    let source = Source::parse("src/a.rs", MADE_UP);
    let error = source.find("helper").unwrap_err();
    assert!(
        error.starts_with("src/a.rs has no item `helper`; it has: //!, ONE, Words, impl Words"),
        "{error}"
    );
    let twice = Source::parse("src/b.rs", "impl A {\n}\nimpl A {\n}\n");
    assert_eq!(twice.find("impl A").unwrap_err(), "src/b.rs has 2 items `impl A`");
}

#[test]
fn the_rest_of_a_file_names_what_is_shown_elsewhere_and_leaves_the_tests_out() {
    let source = Source::parse("src/a.rs", MADE_UP);
    let shown = ["//!", "Words::count", "impl Drop for Words", "drop", "naked", "start"];
    let rest = source.rest(|name| shown.contains(&name).then(|| format!("// {name}: elsewhere"))).join("\n");
    let expected = "// //!: elsewhere\n\nuse core::ffi::CStr;\n\n/// A number.\n\
        pub const ONE: usize = 1; // and no more\n\n// Not about what follows.\n\n/// Words.\n#[derive(Clone)]\n\
        struct Words<'a>(&'a str);\n\nimpl<'a> Words<'a> {\n    // Words::count: elsewhere\n\n    fn none() {}\n}\n\n\
        // impl Drop for Words: elsewhere\n// naked: elsewhere\n// start: elsewhere";
    assert_eq!(rest, expected);
}

#[test]
fn an_impl_that_is_shown_takes_its_methods_with_it() {
    let source = Source::parse("src/a.rs", "impl A {\n    fn b() {}\n}\n");
    assert_eq!(source.rest(|name| Some(format!("// {name}"))), ["// impl A"]);
}

#[test]
fn code_is_what_is_neither_blank_nor_comment_nor_unit_test() {
    let source = Source::parse("src/a.rs", "//! a\n\n// b\nfn c() {} // d\n#[cfg(test)]\nmod tests {\n}\n");
    assert_eq!(source.code_lines(), [3]);
}
