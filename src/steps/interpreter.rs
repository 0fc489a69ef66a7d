//! The interpreter that a program file names: in the `#!` line of a script, or as the loader of an ELF file.
//!
//! execve(2) fails with ENOENT both if the file is missing and if its interpreter is missing. This file tells the two apart. It
//! reads a file of the image, which may hold anything, so every access is checked.

use crate::text::split;

/// The path that the beginning of a file names, if it names any.
pub fn named_in(head: &[u8]) -> Option<&[u8]> {
    match head {
        [b'#', b'!', line @ ..] => script_interpreter(line),
        [0x7f, b'E', b'L', b'F', class, ..] => elf_loader(head, *class),
        _ => None,
    }
}

/// The first word of the line, as the kernel's binfmt_script reads it.
fn script_interpreter(line: &[u8]) -> Option<&[u8]> {
    match line {
        [b' ' | b'\t', rest @ ..] => script_interpreter(rest),
        word => {
            word.split(|byte| matches!(byte, b' ' | b'\t' | b'\n' | 0)).next().filter(|word| !word.is_empty())
        }
    }
}

/// The path in the segment of type PT_INTERP (elf(5)).
fn elf_loader(file: &[u8], class: u8) -> Option<&[u8]> {
    const PT_INTERP: usize = 3;
    // An address has 4 bytes in a 32-bit file, and 8 bytes in a 64-bit file. The offsets of the fields below depend on it.
    let word = match class {
        1 => 4,
        2 => 8,
        _ => return None,
    };
    let (e_phoff, e_phentsize, e_phnum) = (24 + word, 30 + 3 * word, 32 + 3 * word);
    let (p_offset, p_filesz) = (word, 4 * word);
    let mut headers = file.get(number(file, e_phoff, word)..)?;
    for _ in 0..number(file, e_phnum, 2) {
        if number(headers, 0, 4) == PT_INTERP {
            let path = file.get(number(headers, p_offset, word)..)?;
            let path = path.get(..number(headers, p_filesz, word))?;
            return split(path, 0).next().filter(|path| !path.is_empty());
        }
        headers = headers.get(number(file, e_phentsize, 2)..)?;
    }
    None
}

/// A little-endian number of `len` bytes. It is 0 if the file ends before it.
fn number(bytes: &[u8], offset: usize, len: usize) -> usize {
    let field = bytes.get(offset..offset + len).unwrap_or_default();
    field.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_names_its_interpreter_without_its_arguments() {
        assert_eq!(named_in(b"#!/bin/sh\n"), Some(&b"/bin/sh"[..]));
        assert_eq!(named_in(b"#! \t/usr/bin/env\tnode -x\necho"), Some(&b"/usr/bin/env"[..]));
        assert_eq!(named_in(b"#!/no/newline"), Some(&b"/no/newline"[..]));
    }

    #[test]
    fn a_dynamic_executable_names_its_loader() {
        let own = std::fs::read("/bin/sh").unwrap();
        let loader = named_in(&own[..4096.min(own.len())]).unwrap();
        assert!(loader.starts_with(b"/lib"), "{loader:?}");
        assert!(std::path::Path::new(std::str::from_utf8(loader).unwrap()).exists());
    }

    /// An ELF file of 32 bits with one program header, PT_INTERP.
    fn elf32() -> Vec<u8> {
        let mut file = vec![0; 84];
        file[..5].copy_from_slice(b"\x7fELF\x01");
        file[28] = 52; // e_phoff
        file[42] = 32; // e_phentsize
        file[44] = 1; // e_phnum
        file[52] = 3; // PT_INTERP
        file[56] = 84; // p_offset
        file[68] = 19; // p_filesz
        file.extend_from_slice(b"/lib/ld-linux.so.2\0");
        file
    }

    #[test]
    fn a_32_bit_executable_names_its_loader_too() {
        assert_eq!(named_in(&elf32()), Some(&b"/lib/ld-linux.so.2"[..]));
    }

    #[test]
    fn other_files_name_none() {
        for head in
            [&b""[..], b"#", b"#!", b"#!   \n", b"echo hi\n", b"\x7fELF", b"\x7fELF\x02", b"\x7fELF\x07aaaa"]
        {
            assert_eq!(named_in(head), None, "{head:?}");
        }
    }

    #[test]
    fn no_file_however_broken_makes_it_panic_or_loop() {
        let real = std::fs::read("/bin/sh").unwrap();
        for file in [elf32(), real[..1024.min(real.len())].to_vec()] {
            for position in 0..file.len().min(1024) {
                for value in [0, 1, 3, 0x7f, 0x80, 0xff] {
                    let mut broken = file.clone();
                    broken[position] = value;
                    named_in(&broken);
                    named_in(&broken[..position]);
                }
            }
            let mut broken = file.clone();
            broken.iter_mut().skip(5).for_each(|byte| *byte = 0xff);
            assert_eq!(named_in(&broken), None);
        }
    }
}
