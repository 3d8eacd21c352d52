//! How a message looks in the three words of a `SYS_CALL`, and what a body has to say to cross.
//!
//! | word | bits | meaning |
//! | --- | --- | --- |
//! | 0 | 0–15, 16–31, 32–63 | operation; window, 0 for none; the sender's id for the message |
//! | 1 | 0–63 | offset |
//! | 2 | 0–31, 32–63 | length of the data; offset in the window, or, without one, the object |
//!
//! The object is an index into the handle's own table; 0 is what the handle was opened on. With a
//! window there is no room for it: data in a window is the handle's own object's, and a parcel in
//! a window says itself what object it is about.
//!
//! An abort is a message of its own, [`Words::ABORT`], with the id of the one that it is meant for.

use alloc::vec::Vec;

use crate::{
    data::Access,
    status::{Errno, Status},
};

/// The words of a message, taken apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Operation code; what the codes mean is the body's affair.
    pub op: u16,
    /// Window that the data lies in; 0 for none.
    pub window: u16,
    /// The sender's id for the message, for an abort.
    pub id: u32,
    /// File offset, or the operation's one wide argument.
    pub offset: u64,
    /// Object, or, with a window, offset in the window.
    pub object: u32,
    /// Length of the data.
    pub len: u32,
}

impl Words {
    /// The operation that aborts what the handle has under way with the same id. It is the agents'
    /// own, no body's.
    pub const ABORT: u16 = u16::MAX;

    /// As they cross.
    pub fn encode(self) -> [u64; 3] {
        [
            u64::from(self.op) | u64::from(self.window) << 16 | u64::from(self.id) << 32,
            self.offset,
            u64::from(self.len) | u64::from(self.object) << 32,
        ]
    }

    /// As they came. Any three words are some message; what it asks is checked elsewhere.
    pub fn decode(words: [u64; 3]) -> Words {
        Words {
            op: words[0] as u16,
            window: (words[0] >> 16) as u16,
            id: (words[0] >> 32) as u32,
            offset: words[1],
            len: words[2] as u32,
            object: (words[2] >> 32) as u32,
        }
    }
}

/// What a message's payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// Nothing: all is in the words.
    Nothing,
    /// The data itself, in place: for the other side to get at like this.
    Data(Access),
    /// A parcel: arguments and names one way, the reply's values the other.
    Parcel,
}

/// A body that can cross a protection boundary. A port that may lie across one takes only these.
pub trait Cross: Send + Sized + 'static {
    /// Operation, object and offset for the words, and what the payload is. `EOPNOTSUPP` for
    /// what does not cross.
    fn words(&self) -> Result<(Words, Carries), Errno>;

    /// Packs arguments, names and the object into `parcel`, with room for the reply.
    fn pack(&self, names: [Option<&[u8]>; 2], parcel: &mut Vec<u8>) -> Result<(), Errno>;

    /// Takes the reply's values out of what came back. `EPROTO` for a reply that makes no sense.
    fn unpack_reply(&mut self, status: Status, parcel: &[u8]) -> Result<(), Errno>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_as_they_went_in() {
        let words = Words {
            op: 0xabcd,
            window: 0x1234,
            id: 0xdead_beef,
            offset: u64::MAX - 1,
            object: 0x8000_0001,
            len: 0x7fff_fffe,
        };
        assert_eq!(Words::decode(words.encode()), words);
        let raw = [0x0123_4567_89ab_cdef, 42, 0xfedc_ba98_7654_3210];
        assert_eq!(Words::decode(raw).encode(), raw);
    }
}
