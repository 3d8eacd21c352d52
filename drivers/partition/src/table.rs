//! Reading the table of a disk, whichever kind it is.

use alloc::{format, string::String, vec, vec::Vec};

use driver::{Body, Call, Class, Cred, Data, Lower, Node, Op, Origin, Wait};

use crate::{gpt, mbr};

/// The disk below while its table is read.
pub(crate) struct Disk<'a> {
    lower: &'a Lower,
    wait: &'a dyn Wait,
}

/// A partition as its table has it, in blocks of the disk. Nothing is checked yet.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) first: u64,
    pub(crate) blocks: u64,
}

impl<'a> Disk<'a> {
    pub(crate) fn new(lower: &'a Lower, wait: &'a dyn Wait) -> Result<Disk<'a>, String> {
        let Lower { description, .. } = lower;
        if description.class != Class::Block {
            let class = description.class.name();
            return Err(format!("stands on a {class} driver: put it on a block driver"));
        }
        let block = description.block_size;
        if !block.is_power_of_two() || !(512..=1 << 16).contains(&block) {
            return Err(format!("the disk below has blocks of {block} bytes: no table has those"));
        }
        let disk = Disk { lower, wait };
        if disk.blocks() < 2 {
            let size = description.size;
            return Err(format!("the disk below has {size} bytes, too few for a table"));
        }
        Ok(disk)
    }

    pub(crate) fn block_size(&self) -> u64 {
        u64::from(self.lower.description.block_size)
    }

    pub(crate) fn blocks(&self) -> u64 {
        self.lower.description.size / self.block_size()
    }

    /// The bytes of `count` blocks from `first` on; the caller bounds how many.
    pub(crate) fn read(&self, first: u64, count: u64) -> Result<Vec<u8>, String> {
        if first.checked_add(count).is_none_or(|end| end > self.blocks()) {
            return Err(format!("block {first} is past the end of the disk"));
        }
        let mut bytes = vec![0; (count * self.block_size()) as usize];
        let op = Op::Read { node: Node::ROOT, offset: first * self.block_size() };
        let mut call = Call::new(Body::new(op, Cred::ROOT), Data::sink(&mut bytes));
        let status = self.lower.port.call(&mut Origin::root(), self.wait, &mut call);
        match status.result() {
            Ok(len) if len == bytes.len() => Ok(bytes),
            Ok(len) => Err(format!("block {first} could be read for {len} bytes only")),
            Err(errno) => Err(format!("block {first} could not be read: {errno}")),
        }
    }
}

/// Which kind of table is wanted.
pub(crate) enum Table {
    Gpt,
    Mbr,
    Auto,
}

impl Table {
    pub(crate) fn named(name: &str) -> Result<Table, String> {
        match name {
            "gpt" => Ok(Table::Gpt),
            "mbr" => Ok(Table::Mbr),
            "auto" => Ok(Table::Auto),
            _ => Err(format!("table = \"{name}\" is not known: use gpt, mbr or auto")),
        }
    }

    /// The entry of partition `number`.
    pub(crate) fn entry(&self, disk: &Disk<'_>, number: u64) -> Result<Entry, String> {
        let entries = self.entries(disk)?;
        entries
            .iter()
            .find(|entry| entry.number == number)
            .copied()
            .ok_or_else(|| unknown(number, &entries))
    }

    fn entries(&self, disk: &Disk<'_>) -> Result<Vec<Entry>, String> {
        match self {
            Table::Gpt => gpt::entries(disk),
            Table::Mbr if mbr::is_protective(disk)? => {
                Err(String::from("the MBR only protects a GPT: use table = \"gpt\" or \"auto\""))
            }
            Table::Auto if mbr::is_protective(disk)? => gpt::entries(disk),
            Table::Mbr | Table::Auto => mbr::entries(disk),
        }
    }
}

fn unknown(number: u64, entries: &[Entry]) -> String {
    if entries.is_empty() {
        return format!("there is no partition {number}: the table is empty");
    }
    let numbers: Vec<String> = entries.iter().map(|entry| format!("{}", entry.number)).collect();
    format!("there is no partition {number}: the table has {}", numbers.join(", "))
}

/// `N` bytes of a structure that is known to be long enough.
pub(crate) fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}
