//! The order of the house: what all files of src/ keep to.
//!
//! Imports point one way: no two files import each other, directly or round a circle. An import is a path in a `use` or in
//! code. It leads to the file that defines the item: if a `mod.rs` passes on what its children define, its `use` is a
//! signpost and not an import. `mod x;` is no import either, and what is for tests alone does not count.

mod common;

use common::sources;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use syn::UseTree;

#[test]
fn no_files_import_each_other_in_a_circle() {
    let circles = House::new(&sources()).circles();
    assert!(circles.is_empty(), "\n{}\n", circles.join("\n"));
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    let without: Vec<String> =
        sources().into_iter().filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path).collect();
    assert_eq!(without, Vec::<String>::new(), "these do not begin with //!");
}

/// A path such as `crate::sys::Errno`, by its parts. That of a module has no `crate`: lib.rs is the empty one.
type Names = Vec<String>;

/// A `use` of one name. In a `use a::*` the name is `*`.
struct Import {
    name: String,
    path: Names,
}

/// What is in a file.
#[derive(Default)]
struct File {
    imports: Vec<Import>,
    /// The paths in its code, of one name too.
    paths: BTreeSet<Names>,
    defines: BTreeSet<String>,
    /// The macros that it defines for `crate::`.
    exports: BTreeSet<String>,
}

/// All files of the library, by their modules.
struct House {
    files: BTreeMap<Names, File>,
    paths: BTreeMap<Names, String>,
}

impl House {
    fn new(sources: &BTreeMap<String, String>) -> Self {
        let (mut files, mut paths) = (BTreeMap::new(), BTreeMap::new());
        for (path, text) in sources.iter().filter(|(path, _)| *path != "main.rs") {
            let name = path.strip_suffix(".rs").unwrap();
            let name = if name == "lib" { "" } else { name.strip_suffix("/mod").unwrap_or(name) };
            let module: Names = name.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
            let mut file = File::default();
            file.read(text.parse().unwrap_or_else(|error| panic!("{path}: {error}")), true);
            files.insert(module.clone(), file);
            paths.insert(module, format!("src/{path}"));
        }
        Self { files, paths }
    }

    /// The modules that a file imports from.
    fn imports(&self, module: &Names) -> BTreeSet<Names> {
        let file = &self.files[module];
        // What a parent uses of its children it passes on. If it needs the name itself, that is in its code.
        let is_signpost = |import: &&Import| {
            self.absolute(module, &import.path).is_some_and(|path| path.starts_with(module))
        };
        let used = file.imports.iter().filter(|import| !is_signpost(import)).map(|import| &import.path);
        let mut found: BTreeSet<Names> =
            used.chain(&file.paths).flat_map(|path| self.find(module, path, 0)).collect();
        found.remove(module);
        found
    }

    /// The modules that a path in a file leads to: that which defines the item. There are several if the path depends on
    /// the architecture, and none if it leads out of the library.
    fn find(&self, from: &Names, path: &[String], depth: usize) -> BTreeSet<Names> {
        if depth > 10 {
            return BTreeSet::new(); // A name that is imported from itself.
        }
        let Some(path) = self.absolute(from, path) else {
            return self.follow(from, path, depth);
        };
        let is_module = |length: &usize| self.files.contains_key(&path[..*length]);
        let length = (0..=path.len()).rev().find(is_module).expect("there is a lib.rs");
        let (module, rest) = path.split_at(length);
        let (module, Some(item)) = (module.to_vec(), rest.first()) else {
            return BTreeSet::from([module.to_vec()]);
        };
        let imported = self.follow(&module, rest, depth);
        if !imported.is_empty() {
            return imported;
        }
        if module.is_empty() && !self.files[&module].defines.contains(item) {
            let exports = |module: &&Names| self.files[*module].exports.contains(item);
            return self.files.keys().filter(exports).cloned().collect();
        }
        BTreeSet::from([module])
    }

    /// Where a path leads whose first name the file has from a `use`.
    fn follow(&self, module: &Names, path: &[String], depth: usize) -> BTreeSet<Names> {
        let mut found = BTreeSet::new();
        for import in &self.files[module].imports {
            if import.name == path[0] {
                found.extend(self.find(module, &[&import.path, &path[1..]].concat(), depth + 1));
            } else if import.name == "*" {
                let defines = |from: &Names| self.files[from].defines.contains(&path[0]);
                found.extend(self.find(module, &import.path, depth + 1).into_iter().filter(defines));
            }
        }
        found
    }

    /// The path from the top of the library, unless its first name is that of an item or of a crate.
    fn absolute(&self, from: &Names, path: &[String]) -> Option<Names> {
        let (mut module, mut rest) = (from.clone(), path);
        match &*path[0] {
            "crate" => (module, rest) = (Names::new(), &path[1..]),
            // The library, for the binary. On its own it is a variable.
            "container" if path.len() > 1 => (module, rest) = (Names::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while let Some((_, more)) = rest.split_first().filter(|(name, _)| *name == "super") {
                    module.pop();
                    rest = more;
                }
            }
            name => {
                module.push(name.to_owned());
                let is_child = path.len() > 1 && self.files.contains_key(&module);
                module.pop();
                is_child.then_some(())?;
            }
        }
        Some([&module, rest].concat())
    }

    /// For each file that imports itself in the end, the shortest way, as `src/a.rs -> src/b.rs -> src/a.rs`.
    fn circles(&self) -> Vec<String> {
        let imports: BTreeMap<&Names, BTreeSet<Names>> =
            self.files.keys().map(|module| (module, self.imports(module))).collect();
        let circles: BTreeSet<Vec<&Names>> =
            imports.keys().filter_map(|start| circle(&imports, start)).collect();
        let line = |circle: &Vec<&Names>| {
            let files: Vec<&str> =
                circle.iter().chain(&circle[..1]).map(|module| &*self.paths[*module]).collect();
            files.join(" -> ")
        };
        circles.iter().map(line).collect()
    }
}

/// The shortest circle through a module; it begins with the first of its modules by name.
fn circle<'a>(imports: &'a BTreeMap<&'a Names, BTreeSet<Names>>, start: &'a Names) -> Option<Vec<&'a Names>> {
    let (mut ways, mut seen) = (VecDeque::from([vec![start]]), BTreeSet::new());
    while let Some(way) = ways.pop_front() {
        for next in &imports[way.last().unwrap()] {
            if next == start {
                let first = way.iter().enumerate().min_by_key(|(_, module)| **module).unwrap().0;
                return Some([&way[first..], &way[..first]].concat());
            }
            if seen.insert(next) {
                ways.push_back([&way[..], &[next]].concat());
            }
        }
    }
    None
}

impl File {
    /// Reads a piece of code. Items that other files can name are at the top.
    fn read(&mut self, code: TokenStream, is_top: bool) {
        let tokens: Vec<TokenTree> = code.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            let (before, here) = tokens.split_at(at);
            at += match &here[0] {
                _ if is_for_tests(here) => 2 + length_of_item(&here[2..]),
                TokenTree::Ident(word) if word == "mod" => 2,
                TokenTree::Ident(word) if word == "use" && !is(here.get(1), "<") => {
                    let length = length_of_item(here);
                    self.read_use(here[1..length - 1].iter().cloned().collect());
                    length
                }
                TokenTree::Ident(_) => {
                    if is_top {
                        self.read_definition(before, here);
                    }
                    self.read_path(before, here)
                }
                TokenTree::Group(group) => {
                    self.read(group.stream(), false);
                    1
                }
                _ => 1,
            };
        }
    }

    fn read_use(&mut self, tree: TokenStream) {
        let mut imports = Vec::new();
        // In a macro, `$crate` is this crate.
        let tree = tree.into_iter().filter(|token| token.to_string() != "$").collect();
        flatten(&syn::parse2(tree).unwrap(), &Names::new(), &mut imports);
        self.imports.extend(imports.into_iter().map(|(name, path)| Import { name, path }));
    }

    fn read_definition(&mut self, before: &[TokenTree], here: &[TokenTree]) {
        const KEYWORDS: [&str; 9] =
            ["fn", "struct", "enum", "union", "const", "static", "type", "trait", "macro_rules"];
        let is_macro = is(here.get(1), "!");
        let name = here.get(if is_macro { 2 } else { 1 });
        if let (TokenTree::Ident(word), Some(TokenTree::Ident(name))) = (&here[0], name) {
            if KEYWORDS.iter().any(|keyword| word == keyword) {
                self.defines.insert(name.to_string());
            }
            let is_exported = before.last().is_some_and(|token| token.to_string().contains("macro_export"));
            if word == "macro_rules" && is_exported {
                self.exports.insert(name.to_string());
            }
        }
    }

    /// Reads a path, and returns how many tokens it has. What follows a dot or `>::` is a member of something.
    fn read_path(&mut self, before: &[TokenTree], here: &[TokenTree]) -> usize {
        let mut path = vec![here[0].to_string()];
        let mut length = 1;
        while let [first, second, TokenTree::Ident(name), ..] = &here[length..]
            && is(Some(first), ":")
            && is(Some(second), ":")
        {
            path.push(name.to_string());
            length += 3;
        }
        let is_member =
            is(before.last(), ".") || matches!(before, [.., a, b] if is(Some(a), ":") && is(Some(b), ":"));
        let is_visibility = before.len() == 1 && is(before.first(), "in"); // pub(in crate::a)
        let is_keyword = path.len() == 1 && ["crate", "self", "super"].contains(&&*path[0]);
        if !is_member && !is_visibility && !is_keyword {
            self.paths.insert(path);
        }
        length
    }
}

fn is(token: Option<&TokenTree>, text: &str) -> bool {
    token.is_some_and(|token| token.to_string() == text)
}

/// Whether `#[cfg(test)]` is here.
fn is_for_tests(here: &[TokenTree]) -> bool {
    is(here.first(), "#")
        && here.get(1).is_some_and(|token| token.to_string().replace(' ', "") == "[cfg(test)]")
}

/// How many tokens there are up to the end of an item: a `;`, or the braces of one that is no `use`.
fn length_of_item(here: &[TokenTree]) -> usize {
    let is_brace =
        |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
    let is_end = |token: &TokenTree| is_brace(token) || is(Some(token), ";");
    let is_use = here.iter().take_while(|token| !is_end(token)).any(|token| is(Some(token), "use"));
    let end = here.iter().position(|token| if is_use { is(Some(token), ";") } else { is_end(token) });
    end.map_or(here.len(), |end| end + 1)
}

/// The names that a `use` brings, each with its path.
fn flatten(tree: &UseTree, way: &Names, found: &mut Vec<(String, Names)>) {
    let with = |name: &syn::Ident| [&way[..], &[name.to_string()]].concat();
    // `a::{self}` is `a`.
    let whole = |name: &syn::Ident| if name == "self" && !way.is_empty() { way.clone() } else { with(name) };
    match tree {
        UseTree::Path(path) => flatten(&path.tree, &with(&path.ident), found),
        UseTree::Name(name) => found.push((whole(&name.ident).last().unwrap().clone(), whole(&name.ident))),
        UseTree::Rename(rename) => found.push((rename.rename.to_string(), whole(&rename.ident))),
        UseTree::Glob(_) => found.push(("*".to_owned(), way.clone())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, way, found)),
    }
}

mod made_up {
    use super::*;

    /// The circles of a library of these files.
    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let lib = ("lib.rs", "pub mod a; pub mod b; pub mod c; pub mod d; pub fn main() {}");
        let files = [&[lib], files].concat();
        let sources = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        House::new(&sources).circles()
    }

    const TWO: &str = "src/a.rs -> src/b.rs -> src/a.rs";

    #[test]
    fn two_files_that_import_each_other_are_a_circle() {
        assert_eq!(circles(&[("a.rs", "use crate::b::B;"), ("b.rs", "use crate::a::{self, A};")]), [TWO]);
        assert_eq!(circles(&[("a.rs", "use crate::b;"), ("b.rs", "use super::a;")]), [TWO]);
        assert_eq!(
            circles(&[("a.rs", "use crate::b::B;"), ("b.rs", "use crate::c::A;"), ("c.rs", "")]),
            [""; 0]
        );
    }

    #[test]
    fn a_circle_of_three_is_told_once_and_a_file_that_only_leads_to_it_is_not() {
        let files = [
            ("a.rs", "use crate::b;"),
            ("b.rs", "use crate::c;"),
            ("c.rs", "use crate::a;"),
            ("d.rs", "use crate::a;"),
        ];
        assert_eq!(circles(&files), ["src/a.rs -> src/b.rs -> src/c.rs -> src/a.rs"]);
    }

    #[test]
    fn a_file_that_names_itself_and_other_crates_is_no_circle() {
        assert_eq!(
            circles(&[(
                "a.rs",
                "use core::mem; use self::A; struct A; fn f() -> crate::a::A { mem::take() }"
            )]),
            [""; 0]
        );
    }

    #[test]
    fn every_name_of_a_nested_group_counts() {
        let nested =
            "use {core::ffi::{CStr, c_int},\n crate::{d::D, c::{self, x::{Y,\n Z as W}}, b::{C, B}}};";
        assert_eq!(circles(&[("a.rs", nested), ("b.rs", "use crate::a;")]), [TWO]);
    }

    #[test]
    fn a_path_in_code_counts_also_in_a_macro_and_by_the_name_of_a_module() {
        for code in [
            "fn f() { crate::b::f::<u8>() }",
            "fn f() { println!(\"{}\", [super::b::X]) }",
            "macro_rules! m { () => { $crate::b::m!() } }",
            "fn f() { use crate::{c, b::X}; }",
            "use crate::c; fn f() { c::inner::X }",
            "use crate::c as d; fn f() { d::inner::X }",
            "fn f() -> impl Fn() + use<> { crate::b::f }",
        ] {
            let inner = [("c/mod.rs", "pub mod inner;"), ("c/inner.rs", "pub use crate::b::X;")];
            let files =
                [&[("a.rs", code), ("b.rs", "use crate::a; pub const X: u8 = 1;")], &inner[..]].concat();
            assert_eq!(circles(&files), [TWO], "{code}");
        }
        for code in [
            "// crate::b::X\n",
            "const A: &str = \"crate::b::X\";",
            "fn f() { a.b::<X>() }",
            "fn b() { b() }",
        ] {
            assert_eq!(circles(&[("a.rs", code), ("b.rs", "use crate::a;")]), [""; 0], "{code}");
        }
    }

    #[test]
    fn what_is_for_tests_alone_does_not_count() {
        for code in [
            "fn f() {}\n#[cfg(test)]\nmod tests { use crate::b::B; fn f() { crate::b::f() } }",
            "#[cfg(test)]\nuse crate::{b::B};",
            "#[cfg(test)] #[derive(A)] struct T { b: crate::b::B }",
        ] {
            assert_eq!(circles(&[("a.rs", code), ("b.rs", "use crate::a;")]), [""; 0], "{code}");
            let more = format!("{code} use crate::b;");
            assert_eq!(circles(&[("a.rs", &more), ("b.rs", "use crate::a;")]), [TWO], "{code}");
        }
    }

    #[test]
    fn a_reexport_is_a_signpost_to_the_file_that_defines_the_item() {
        let signpost =
            ("d/mod.rs", "mod x; mod y; pub use x::{X, Z as Other}; pub(super) use y::*; use y::Y;");
        let (x, y) = (("d/x.rs", "pub struct X; pub struct Z;"), ("d/y.rs", "pub struct Y;"));
        // Among siblings there is no circle through their parent.
        assert_eq!(circles(&[signpost, x, ("d/y.rs", "use super::{X, Other}; pub struct Y;")]), [""; 0]);
        let both =
            [signpost, ("d/x.rs", "use super::Y; pub struct X;"), ("d/y.rs", "use super::X; pub struct Y;")];
        assert_eq!(circles(&both), ["src/d/x.rs -> src/d/y.rs -> src/d/x.rs"]);
        // From outside it is the file too: c.rs needs x.rs, which needs nothing.
        assert_eq!(
            circles(&[signpost, x, ("d/y.rs", "use crate::c; pub struct Y;"), ("c.rs", "use crate::d::X;")]),
            [""; 0]
        );
        let outside = [
            signpost,
            x,
            ("d/y.rs", "use crate::c; pub struct Y;"),
            ("c.rs", "use crate::d; fn f(y: d::Y) {}"),
        ];
        assert_eq!(circles(&outside), ["src/c.rs -> src/d/y.rs -> src/c.rs"]);
        // What the parent defines itself is its own, and what it uses of a child is imported.
        let parent = ("d/mod.rs", "mod x; pub use x::X; pub struct P; fn f(x: X) {}");
        let circle = [parent, ("d/x.rs", "use super::P; pub struct X;"), y];
        assert_eq!(circles(&circle), ["src/d/mod.rs -> src/d/x.rs -> src/d/mod.rs"]);
    }

    #[test]
    fn of_the_library_itself_only_what_it_defines_counts() {
        let files = [
            ("lib.rs", "mod a; mod b; use a::A; pub fn main() { A }"),
            ("a.rs", "use crate::main;"),
            ("b.rs", ""),
        ];
        assert_eq!(circles(&files), ["src/lib.rs -> src/a.rs -> src/lib.rs"]);
        let files = [
            ("a.rs", "use crate::b;"),
            ("b.rs", "crate::m!();"),
            ("c.rs", "#[macro_export]\nmacro_rules! m { () => {} }"),
        ];
        assert_eq!(circles(&files), [""; 0]);
        let files = [
            ("a.rs", "#[macro_export]\nmacro_rules! m { () => { $crate::b::X } }"),
            ("b.rs", "crate::m!();"),
        ];
        assert_eq!(circles(&files), [TWO]);
    }
}
