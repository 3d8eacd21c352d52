//! What the command line says of a partition: `size=64MiB,name=root,type=linux,start=1MiB`.

use std::str::FromStr;

use gpt::partition_types::{BASIC, BIOS, EFI, LINUX_FS, Type};

/// UTF-16 units that a table has room for.
const LONGEST_NAME: usize = 36;

/// How large it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// In bytes.
    Bytes(u64),
    /// All that is left in one piece.
    Rest,
}

/// A partition that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) size: Size,
    pub(crate) name: String,
    pub(crate) kind: Type,
    /// In bytes; where not given, the first place where it fits.
    pub(crate) start: Option<u64>,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Wanted, String> {
        let (mut size, mut start, mut name, mut kind) = (None, None, String::new(), LINUX_FS);
        for part in text.split(',') {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| format!("\"{part}\" is no key=value: try size=64MiB,name=root"))?;
            match key.trim() {
                "size" if value == "rest" => size = Some(Size::Rest),
                "size" => size = Some(Size::Bytes(bytes(value)?)),
                "start" => start = Some(bytes(value)?),
                "name" => name = checked(value)?,
                "type" => kind = kind_of(value)?,
                key => return Err(format!("\"{key}\" is none of size, name, type, start")),
            }
        }
        let size = size.ok_or("say its size: size=64MiB, or size=rest")?;
        Ok(Wanted { size, name, kind, start })
    }
}

/// Bytes: `65536`, `64KiB`, `1.5 GiB`, `10MB`.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    parse_size::parse_size(text)
        .map_err(|why| format!("\"{text}\" is no size ({why}): try 65536 or 64MiB"))
}

fn checked(name: &str) -> Result<String, String> {
    match name.encode_utf16().count() {
        0..=LONGEST_NAME => Ok(name.into()),
        units => Err(format!("the name has {units} UTF-16 units, and a table room for 36")),
    }
}

fn kind_of(name: &str) -> Result<Type, String> {
    Ok(match name {
        "linux" | "redoxfs" => LINUX_FS,
        "efi" => EFI,
        "bios" => BIOS,
        "basic" => BASIC,
        guid => guid.parse().map_err(|_| {
            format!("type \"{guid}\" is none of linux, redoxfs, efi, bios, basic, and no GUID")
        })?,
    })
}

/// A type's name here, or its GUID.
pub(crate) fn name_of(kind: &Type) -> String {
    let names = [(LINUX_FS, "linux"), (EFI, "efi"), (BIOS, "bios"), (BASIC, "basic")];
    let known = names.iter().find(|(known, _)| known.guid == kind.guid);
    known.map_or_else(|| kind.guid.to_string(), |(_, name)| (*name).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_said_in_any_order() {
        let wanted: Wanted = "name=root,start=1MiB,size=64 KiB,type=efi".parse().unwrap();
        assert_eq!((wanted.size, wanted.start), (Size::Bytes(64 << 10), Some(1 << 20)));
        assert_eq!((wanted.name.as_str(), name_of(&wanted.kind).as_str()), ("root", "efi"));
        let wanted: Wanted = "size=rest".parse().unwrap();
        assert_eq!((wanted.size, wanted.start), (Size::Rest, None));
        let guid = "21686148-6449-6e6f-744e-656564454649";
        let wanted: Wanted = format!("size=1,type={guid}").parse().unwrap();
        assert_eq!(name_of(&wanted.kind), "bios");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let long = format!("size=1,name={}", "ä".repeat(37));
        for (text, named) in [
            ("", "no key=value"),
            ("name=a", "say its size"),
            ("size=many", "\"many\" is no size"),
            ("size=1,start=-1", "\"-1\" is no size"),
            ("size=1,type=fat", "type \"fat\""),
            ("size=1,colour=red", "\"colour\" is none"),
            (&long, "37 UTF-16 units"),
        ] {
            let error = text.parse::<Wanted>().unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
