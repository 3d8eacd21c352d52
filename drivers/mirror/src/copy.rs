//! Copying to a half what it lacks, a piece at a time.

use alloc::vec;

use driver::{Body, Call, Cred, Data, Node, Op, Origin};

use crate::{Mirror, state::Piece};

/// Bytes of a piece.
const PIECE: u64 = 128 << 10;

impl Mirror {
    /// Copies one piece; true where there may be another one.
    pub(crate) fn copy_piece(&self) -> bool {
        let Some(piece) = self.state.lock().next_piece(PIECE) else { return false };
        let done = self.copy(&piece);
        self.learn(|state| state.copied(&piece, done));
        true
    }

    fn copy(&self, piece: &Piece) -> bool {
        let (node, offset) = (Node::ROOT, piece.range.start);
        let mut bytes = vec![0; (piece.range.end - offset) as usize];
        let read = Op::Read { node, offset };
        let write = Op::Write { node, offset };
        let len = bytes.len();
        self.moves(piece.from, read, Data::sink(&mut bytes), len)
            && self.moves(piece.to, write, Data::source(&bytes), len)
    }

    /// True where a half takes or gives all of the data.
    fn moves(&self, half: usize, op: Op, data: Data<'_>, len: usize) -> bool {
        let mut call = Call::new(Body::new(op, Cred::ROOT), data);
        let status = self.halves[half].port.call(&mut Origin::root(), self.wait, &mut call);
        status.result() == Ok(len)
    }
}
