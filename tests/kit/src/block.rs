//! A plain model of a block device, and random steps to take on it and on a driver.

use std::ops::Range;

use driver::{Driver, Errno, Features, Status};
use proptest::prelude::*;

use crate::ask::{discard, flush, read, write};

/// A block device as a row of bytes.
pub struct Disk {
    bytes: Vec<u8>,
    block: u64,
}

impl Disk {
    /// A device of zeros.
    pub fn new(size: usize, block: u64) -> Disk {
        Disk { bytes: vec![0; size], block }
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn range(&self, offset: u64, len: usize) -> Result<Range<usize>, Errno> {
        if (offset | len as u64) & (self.block - 1) != 0 {
            return Err(Errno::EINVAL);
        }
        let start = offset.min(self.bytes.len() as u64) as usize;
        Ok(start..start.saturating_add(len).min(self.bytes.len()))
    }

    /// Reads.
    pub fn read(&self, offset: u64, room: &mut [u8]) -> Result<usize, Errno> {
        let range = self.range(offset, room.len())?;
        room[..range.len()].copy_from_slice(&self.bytes[range.clone()]);
        Ok(range.len())
    }

    /// Writes.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        let range = self.range(offset, bytes.len())?;
        if range.is_empty() && !bytes.is_empty() {
            return Err(Errno::ENOSPC);
        }
        self.bytes[range.clone()].copy_from_slice(&bytes[..range.len()]);
        Ok(range.len())
    }

    /// Discards.
    pub fn discard(&mut self, offset: u64, len: u64) -> Result<usize, Errno> {
        let range = self.range(offset, len as usize)?;
        self.bytes[range].fill(0);
        Ok(0)
    }
}

/// Something to do with a device.
#[derive(Clone, Debug)]
pub enum Step {
    /// Read.
    Read {
        /// Where.
        offset: u64,
        /// How many bytes.
        len: usize,
    },
    /// Write bytes that `seed` makes.
    Write {
        /// Where.
        offset: u64,
        /// How many bytes.
        len: usize,
        /// What they are made of.
        seed: u8,
    },
    /// Discard.
    Discard {
        /// Where.
        offset: u64,
        /// How many bytes.
        len: usize,
    },
    /// Flush.
    Flush,
}

/// Steps on a device of `size` bytes in blocks of `block`: most of them inside and of whole
/// blocks, some not.
pub fn steps(size: usize, block: usize, count: usize) -> impl Strategy<Value = Vec<Step>> {
    let blocks = size / block;
    let place = move || {
        prop_oneof![
            12 => (0..blocks, 0..=blocks.min(24)).prop_map(move |(at, len)| (at * block, len * block)),
            2 => (blocks.saturating_sub(3)..blocks + 3, 0..6usize)
                .prop_map(move |(at, len)| (at * block, len * block)),
            1 => (0..size, 0..4 * block),
        ]
    };
    let step = prop_oneof![
        4 => place().prop_map(|(at, len)| Step::Read { offset: at as u64, len }),
        4 => (place(), any::<u8>())
            .prop_map(|((at, len), seed)| Step::Write { offset: at as u64, len, seed }),
        1 => place().prop_map(|(at, len)| Step::Discard { offset: at as u64, len }),
        1 => Just(Step::Flush),
    ];
    prop::collection::vec(step, 1..count)
}

/// The bytes that a seed makes.
fn bytes(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|at| seed.wrapping_mul(31).wrapping_add((at / 7) as u8)).collect()
}

/// Takes a step on both, and finds that the results are equal.
///
/// # Panics
/// Where they are not.
pub fn same(driver: &dyn Driver, model: &mut Disk, step: &Step) {
    let discards = driver.describe().features.contains(Features::DISCARD);
    match *step {
        Step::Read { offset, len } => {
            let (mut got, mut expected) = (vec![0xee; len], vec![0xee; len]);
            let status = read(driver, offset, &mut got);
            assert_eq!(status, Status::from(model.read(offset, &mut expected)), "{step:?}");
            assert!(got == expected, "{step:?} read other bytes");
        }
        Step::Write { offset, len, seed } => {
            let bytes = bytes(seed, len);
            let status = write(driver, offset, &bytes);
            assert_eq!(status, Status::from(model.write(offset, &bytes)), "{step:?}");
        }
        Step::Discard { offset, len } => {
            let expected = match discards {
                true => model.discard(offset, len as u64),
                false => Err(Errno::EOPNOTSUPP),
            };
            assert_eq!(discard(driver, offset, len as u64), Status::from(expected), "{step:?}");
        }
        Step::Flush => assert_eq!(flush(driver), Status::OK),
    }
}
