//! The record: how a message, a reply, or what is done with one crosses a handle's `read` and
//! `write`. 64 bytes, little-endian, and after it as many bytes of data as it says.
//!
//! | at | bytes | what |
//! | --- | --- | --- |
//! | 0 | 2 | verb |
//! | 2 | 2 | flags |
//! | 4 | 4 | length of the data that follows |
//! | 8 | 8 | id: the sender's for a message; a receiver's number for one that it took |
//! | 16 | 3 × 8 | words: what is asked, or what a reply says |
//! | 40 | 8 | status of a reply: a count, or an errno below 0 |
//! | 48 | 4 | uid that the message was sent as |
//! | 52 | 4 | gid |
//! | 56 | 4 | pid |
//! | 60 | 4 | room: the most data that the reply may bring |

use agent::{Errno, Status};

/// Bytes of a record.
pub const RECORD: usize = 64;

/// The most data that follows a record, in bytes.
pub const MAX_DATA: usize = 65_536;

/// The operation of a `SYS_CALL` that asks for the abort of what was sent, or is called, under
/// the id of its words. Answers how many messages that was.
pub const ABORT: u16 = u16::MAX;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Verb {
    /// A message: written to a send right, read from a receive right.
    Send = 1,
    /// A reply: written to a receive right, read from a send right.
    Reply = 2,
    /// Passes a message on to the port of the send right that word 0 names.
    Forward = 3,
    /// Asks for a message to be aborted: written to a send right, read from a receive right.
    Abort = 4,
    /// Somebody opens the port: read from a receive right.
    Connect = 5,
    /// Gives a message back as if it had never been sent.
    Drop = 6,
}

impl Verb {
    /// The verb of a code.
    pub const fn from_code(code: u16) -> Option<Verb> {
        Some(match code {
            1 => Verb::Send,
            2 => Verb::Reply,
            3 => Verb::Forward,
            4 => Verb::Abort,
            5 => Verb::Connect,
            6 => Verb::Drop,
            _ => return None,
        })
    }
}

bitflags::bitflags! {
    /// What else a record says.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Flags: u16 {
        /// Goes before those that have no priority, there and back.
        const PRIORITY = 1;
        /// The receiver may drop the message.
        const DROPPABLE = 2;
        /// The sender waits, and does nothing else.
        const CALL = 4;
        /// The record was refused, for the reason that the status gives: there was no message.
        const REFUSED = 8;
        /// The receiver dropped the message.
        const DROPPED = 16;
    }
}

/// A record, taken apart. The data is kept elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is.
    pub verb: Verb,
    /// What else it says.
    pub flags: Flags,
    /// Bytes of data that follow.
    pub len: u32,
    /// Which message.
    pub id: u64,
    /// What is asked, or what the reply says.
    pub words: [u64; 3],
    /// How the message ended.
    pub status: Status,
    /// Whose message it is, and from which process: filled in by the daemon.
    pub uid: u32,
    /// Likewise.
    pub gid: u32,
    /// Likewise.
    pub pid: u32,
    /// The most data that the reply may bring.
    pub room: u32,
}

impl Record {
    /// A record that says no more than which message it is about.
    pub const fn new(verb: Verb, id: u64) -> Record {
        Record {
            verb,
            flags: Flags::empty(),
            len: 0,
            id,
            words: [0; 3],
            status: Status::OK,
            uid: 0,
            gid: 0,
            pid: 0,
            room: 0,
        }
    }

    /// The record as it crosses.
    pub fn to_bytes(&self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        put(&(self.verb as u16).to_le_bytes());
        put(&self.flags.bits().to_le_bytes());
        put(&self.len.to_le_bytes());
        put(&self.id.to_le_bytes());
        self.words.iter().for_each(|word| put(&word.to_le_bytes()));
        put(&code(self.status).to_le_bytes());
        [self.uid, self.gid, self.pid, self.room].iter().for_each(|word| put(&word.to_le_bytes()));
        bytes
    }
}

fn code(status: Status) -> i64 {
    match status.result() {
        // A count that reads as an errno can't be made.
        Ok(count) => count as i64,
        Err(errno) => -i64::from(errno.0),
    }
}

/// A record as it came: any 64 bytes. What each part says is checked when it is asked for.
#[derive(Clone, Copy)]
pub struct View<'a>(&'a [u8; RECORD]);

impl<'a> View<'a> {
    /// The record at the beginning of `bytes`; `None` where there are too few.
    pub fn new(bytes: &'a [u8]) -> Option<View<'a>> {
        bytes.first_chunk().map(View)
    }

    fn u16(self, at: usize) -> u16 {
        u16::from_le_bytes([self.0[at], self.0[at + 1]])
    }

    fn u32(self, at: usize) -> u32 {
        u32::from(self.u16(at)) | u32::from(self.u16(at + 2)) << 16
    }

    fn u64(self, at: usize) -> u64 {
        u64::from(self.u32(at)) | u64::from(self.u32(at + 4)) << 32
    }

    /// Bytes of data that follow.
    pub fn len(self) -> usize {
        self.u32(4) as usize
    }

    /// True where no data follows.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Which message.
    pub fn id(self) -> u64 {
        self.u64(8)
    }

    /// The record, checked: `ENOSYS` for a verb that there is none of, `EPROTO` for flags or a
    /// status that mean nothing.
    pub fn parse(self) -> Result<Record, Errno> {
        Ok(Record {
            verb: Verb::from_code(self.u16(0)).ok_or(Errno::ENOSYS)?,
            flags: Flags::from_bits(self.u16(2)).ok_or(Errno::EPROTO)?,
            len: self.u32(4),
            id: self.id(),
            words: [self.u64(16), self.u64(24), self.u64(32)],
            status: status(self.u64(40).cast_signed())?,
            uid: self.u32(48),
            gid: self.u32(52),
            pid: self.u32(56),
            room: self.u32(60),
        })
    }
}

fn status(code: i64) -> Result<Status, Errno> {
    match usize::try_from(code) {
        Ok(count) => Ok(Status::ok(count)),
        Err(_) => match u16::try_from(code.unsigned_abs()) {
            Ok(errno @ 1..=4095) => Ok(Status::error(Errno(errno))),
            _ => Err(Errno::EPROTO),
        },
    }
}

/// Records and their data, one after the other: what a `read` brought.
#[derive(Clone, Debug)]
pub struct Records<'a>(&'a [u8]);

impl<'a> Records<'a> {
    /// Those in `bytes`.
    pub fn new(bytes: &'a [u8]) -> Records<'a> {
        Records(bytes)
    }
}

impl<'a> Iterator for Records<'a> {
    /// `EPROTO` for what is no record, and nothing comes after it.
    type Item = Result<(Record, &'a [u8]), Errno>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let all = std::mem::take(&mut self.0);
        let Some(view) = View::new(all) else { return Some(Err(Errno::EPROTO)) };
        let Some((data, rest)) = all[RECORD..].split_at_checked(view.len()) else {
            return Some(Err(Errno::EPROTO));
        };
        let parsed = view.parse();
        if parsed.is_ok() {
            self.0 = rest;
        }
        Some(parsed.map(|record| (record, data)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_record() -> impl Strategy<Value = Record> {
        let head = (1..7u16, 0..32u16, any::<u32>(), any::<u64>(), any::<[u64; 3]>());
        let tail = (any::<i32>(), any::<[u32; 4]>());
        (head, tail).prop_map(|((verb, flags, len, id, words), (code, [uid, gid, pid, room]))| {
            let count = Status::ok(code.unsigned_abs() as usize);
            let errno = Status::error(Errno(code.rem_euclid(4095) as u16 + 1));
            Record {
                verb: Verb::from_code(verb).unwrap(),
                flags: Flags::from_bits_truncate(flags),
                status: if code < 0 { errno } else { count },
                ..Record { len, words, uid, gid, pid, room, ..Record::new(Verb::Send, id) }
            }
        })
    }

    proptest! {
        #[test]
        fn a_record_comes_back_as_it_went_in(record in any_record()) {
            let bytes = record.to_bytes();
            prop_assert_eq!(View::new(&bytes).unwrap().parse(), Ok(record));
        }

        #[test]
        fn any_bytes_are_parsed_or_refused(bytes in any::<Vec<u8>>(), code in 0..9u16) {
            let mut bytes = bytes;
            if let Some(verb) = bytes.get_mut(..2) {
                verb.copy_from_slice(&code.to_le_bytes());
            }
            let mut seen = 0;
            for record in Records::new(&bytes) {
                seen += record.map_or(0, |(record, data)| {
                    assert_eq!(record.len as usize, data.len());
                    RECORD + data.len()
                });
            }
            prop_assert!(seen <= bytes.len());
        }

        #[test]
        fn what_parses_is_written_as_it_came(bytes in any::<[u8; RECORD]>(), verb in 1..7u16) {
            let mut bytes = bytes;
            bytes[..2].copy_from_slice(&verb.to_le_bytes());
            bytes[3] = 0;
            bytes[2] &= 31;
            let sign = if bytes[40] > 127 { 255 } else { 0 };
            bytes[41..48].fill(sign);
            let record = View::new(&bytes).unwrap().parse().unwrap();
            prop_assert_eq!(record.to_bytes(), bytes);
        }
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let good = Record::new(Verb::Send, 7).to_bytes();
        let with = |at: usize, byte: u8| {
            let mut bytes = good;
            bytes[at] = byte;
            View::new(&bytes).unwrap().parse().map(drop)
        };
        assert_eq!(with(8, 9), Ok(()));
        assert_eq!(with(0, 0), Err(Errno::ENOSYS));
        assert_eq!(with(1, 1), Err(Errno::ENOSYS));
        assert_eq!(with(2, 32), Err(Errno::EPROTO));
        assert_eq!(with(47, 128), Err(Errno::EPROTO));
        assert!(View::new(&good[..63]).is_none());
    }

    #[test]
    fn records_end_at_the_first_that_is_none() {
        let mut bytes = Record { len: 3, ..Record::new(Verb::Send, 1) }.to_bytes().to_vec();
        bytes.extend_from_slice(b"abc");
        bytes.extend_from_slice(&Record { len: 9, ..Record::new(Verb::Send, 2) }.to_bytes());
        let mut records = Records::new(&bytes);
        let (record, data) = records.next().unwrap().unwrap();
        assert_eq!((record.id, data), (1, b"abc".as_slice()));
        assert_eq!(records.next().unwrap().map(drop), Err(Errno::EPROTO));
        assert!(records.next().is_none());
    }
}
