//! How a lock message crosses a boundary. The owner does not: the other side knows who asks.

use alloc::vec::Vec;

use agent::{Carries, Cross, Errno, Status, Words};

use crate::body::{Conflict, LockBody, LockOp, LockReply, Mode, Owner, Token};

const LOCK: u16 = 1;
const UNLOCK: u16 = 2;
const TEST: u16 = 3;
const CHECK: u16 = 4;
const RELEASE: u16 = 5;

/// Bytes of a parcel: six words, one way and the other.
const PARCEL: usize = 48;

type Parcel = [u64; PARCEL / 8];

fn mode_word(mode: Mode) -> u64 {
    u64::from(mode == Mode::Exclusive)
}

fn mode_of(word: u64) -> Option<Mode> {
    match word {
        0 => Some(Mode::Shared),
        1 => Some(Mode::Exclusive),
        _ => None,
    }
}

fn bytes_of(words: &Parcel) -> impl Iterator<Item = u8> {
    words.iter().flat_map(|word| word.to_le_bytes())
}

fn words_of(parcel: &[u8]) -> Result<Parcel, Errno> {
    let mut words = [0; PARCEL / 8];
    let chunks = parcel.get(..PARCEL).ok_or(Errno::EPROTO)?.as_chunks::<8>().0;
    words.iter_mut().zip(chunks).for_each(|(word, bytes)| *word = u64::from_le_bytes(*bytes));
    Ok(words)
}

impl Cross for LockBody {
    fn words(&self) -> Result<(Words, Carries), Errno> {
        let op = match self.op {
            LockOp::Lock { .. } => LOCK,
            LockOp::Unlock { .. } => UNLOCK,
            LockOp::Test { .. } => TEST,
            LockOp::Check { .. } => CHECK,
            LockOp::Release => RELEASE,
        };
        Ok((Words { op, ..Words::default() }, Carries::Parcel))
    }

    fn pack(&self, _: [Option<&[u8]>; 2], parcel: &mut Vec<u8>) -> Result<(), Errno> {
        let words = match self.op {
            LockOp::Lock { object, start, end, mode, wait } => {
                [object, start, end, mode_word(mode), wait.into(), 0]
            }
            LockOp::Unlock { object, start, end } => [object, start, end, 0, 0, 0],
            LockOp::Test { object, start, end, mode } => {
                [object, start, end, mode_word(mode), 0, 0]
            }
            LockOp::Check { token, object, start, end, mode } => {
                [object, start, end, mode_word(mode), 0, token.0]
            }
            LockOp::Release => [0; 6],
        };
        parcel.clear();
        parcel.extend(bytes_of(&words));
        Ok(())
    }

    fn unpack_reply(&mut self, status: Status, parcel: &[u8]) -> Result<(), Errno> {
        if status.is_ok() {
            let [kind, start, end, mode, owner, token] = words_of(parcel)?;
            let mode = mode_of(mode).ok_or(Errno::EPROTO)?;
            self.reply = match kind {
                0 => LockReply::Nothing,
                1 => LockReply::Granted(Token(token)),
                2 => LockReply::Free,
                3 => LockReply::Held(Conflict { owner: Owner(owner), start, end, mode }),
                _ => return Err(Errno::EPROTO),
            };
        }
        Ok(())
    }
}

impl LockBody {
    /// A request taken out of what crossed, in the name of `owner`. `ENOSYS` for an unknown
    /// operation, `EPROTO` for arguments that make no sense.
    pub fn unpack(words: &Words, parcel: &[u8], owner: Owner) -> Result<LockBody, Errno> {
        let [object, start, end, mode, wait, token] = words_of(parcel)?;
        let mode = mode_of(mode).ok_or(Errno::EPROTO)?;
        let op = match words.op {
            LOCK if wait < 2 => LockOp::Lock { object, start, end, mode, wait: wait == 1 },
            LOCK => return Err(Errno::EPROTO),
            UNLOCK => LockOp::Unlock { object, start, end },
            TEST => LockOp::Test { object, start, end, mode },
            CHECK => LockOp::Check { token: Token(token), object, start, end, mode },
            RELEASE => LockOp::Release,
            _ => return Err(Errno::ENOSYS),
        };
        Ok(LockBody::new(op, owner))
    }

    /// The reply's values as they cross.
    pub fn encode_reply(&self) -> Vec<u8> {
        let words: Parcel = match self.reply {
            LockReply::Nothing => [0; 6],
            LockReply::Granted(token) => [1, 0, 0, 0, 0, token.0],
            LockReply::Free => [2, 0, 0, 0, 0, 0],
            LockReply::Held(Conflict { owner, start, end, mode }) => {
                [3, start, end, mode_word(mode), owner.0, 0]
            }
        };
        bytes_of(&words).collect()
    }
}
