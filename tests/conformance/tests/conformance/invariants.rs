//! What each layer does with a message and its data, in every placement: by the counts of its row,
//! and by where the data lies that comes to it and to those below it. `layers.rs` has the table.

use std::{collections::BTreeMap, sync::Arc};

use agent::Counts;
use driver::{
    Bytes, Class, Context, Cred, Data, Driver, Errno, Kind, Lower, Node, Op, Options, Stands,
};
use driver_crypt::Crypt;
use kit::{Files, Offload, sent};

use crate::{
    image::MORE,
    layers::*,
    made::FORMATTED,
    placement::{ONE_PROGRAM, spied_everywhere},
    spied::{Note, Placed, Told},
    stacks,
};

/// A cipher's device, as a description names it.
const OFFLOAD: Kind = Kind {
    name: "offload",
    help: "crypt with an engine that takes data by reference",
    stands: Stands::OnOne,
    options: &[],
    make: |_: &Options, lower: Vec<Lower>, context: &Context| {
        let lower = Lower::required(lower, &OFFLOAD)?;
        Ok(Arc::new(Crypt::new(lower, Offload::default(), context.wait)?))
    },
};

/// What descriptions have here.
pub(crate) const KINDS: [Kind; 4] = [MORE[0], MORE[1], FORMATTED, OFFLOAD];

pub(crate) fn every_layer_keeps_its_invariant_in_every_placement() {
    for stack in stacks::invariant() {
        spied_everywhere(&stack.text, |placed| {
            let asking = Asking::new(stack.name, placed);
            rows(stack.name).iter().for_each(|row| asking.check(row));
        });
    }
}

/// Data that begins where a page does: it can be lent as it is.
#[repr(align(4096))]
struct Pages([u8; 2 * PAGE]);

/// Layers that say that they pass data: memory that is shared with who is below them is shared with
/// their clients.
const PASSES: [&str; 5] = ["pass", "pass with frames", "trace", "fault", "partition"];

/// A stack that is asked.
struct Asking<'p> {
    name: &'p str,
    placed: &'p Placed,
    node: Node,
    at: String,
}

impl<'p> Asking<'p> {
    fn new(name: &'p str, placed: &'p Placed) -> Asking<'p> {
        let node = match placed.top.describe().class {
            Class::File => file(&placed.top).expect("a file can be made"),
            _ => Node::ROOT,
        };
        Asking { name, placed, node, at: format!("{name}, {}", placed.place) }
    }

    fn op(&self, ask: Ask) -> (Op, &'static str) {
        let node = self.node;
        match ask {
            Read(_) => (Op::Read { node, offset: 0 }, ""),
            Write(_) => (Op::Write { node, offset: 0 }, ""),
            Lookup => (Op::Lookup { parent: Node::ROOT, follow: true }, "file"),
            Flush => (Op::Flush { node: Node::ROOT }, ""),
            Discard => (Op::Discard { offset: 0, len: 2 * PAGE as u64 }, ""),
        }
    }

    fn ask(&self, ask: Ask, data: Data<'_>) -> Told {
        let (op, name) = self.op(ask);
        let told = self.placed.ask(op, name, data);
        assert!(told.status.is_ok(), "{}, {ask:?}: {:?}", self.at, told.status);
        told
    }

    /// Asks with data in the sender's own memory.
    fn ask_own(&self, ask: Ask, pages: &mut Pages) -> Told {
        match ask {
            Read(len) => self.ask(ask, Data::sink(&mut pages.0[..len])),
            Write(len) => self.ask(ask, Data::source(&pages.0[..len])),
            _ => self.ask(ask, Data::NONE),
        }
    }

    fn check(&self, row: &Row) {
        let mut pages = Box::new(Pages([7; 2 * PAGE]));
        row.before.iter().for_each(|before| drop(self.ask_own(*before, &mut pages)));
        let told = self.ask_own(row.ask, &mut pages);
        self.compare(row, &told);
        self.check_below(row, &told, self.placed.place != "mixed");
        match self.placed.is_here() {
            true => self.check_here(row, &told, &pages),
            false => self.check_window(row, &mut pages),
        }
    }

    /// In the sender's process nothing is translated or mapped, the data comes in the sender's own
    /// memory, and a message that is not waited for is back at once.
    fn check_here(&self, row: &Row, told: &Told, pages: &Pages) {
        let Counts { translations, crossings, maps, .. } = told.own;
        assert_eq!((translations, crossings, maps), (0, 0, 0), "{}, {row:?}", self.at);
        let data = match row.ask {
            Read(len) => Bytes::Sink(vec![0; len]),
            Write(len) => Bytes::Source(vec![7; len]),
            _ => return,
        };
        assert_eq!(told.notes["top"][0].address, pages.0.as_ptr() as usize, "{}", self.at);
        assert!(sent(&self.placed.top, self.op(row.ask).0, data).is_back(), "{}", self.at);
    }

    /// The same data in memory that both sides of the boundary share: it is neither copied nor
    /// mapped on its way to the layer, nor on its way on where that says that it passes data.
    fn check_window(&self, row: &Row, pages: &mut Pages) {
        let (Read(len) | Write(len)) = row.ask else { return };
        // Data of a file that was looked up goes as a payload.
        let Some(window) = self.placed.window(len).filter(|_| self.node == Node::ROOT) else {
            return;
        };
        row.before.iter().for_each(|before| drop(self.ask_own(*before, pages)));
        let told = self.ask(row.ask, Data::lent(&window));
        self.compare(row, &told);
        let Counts { maps, copies, translations, .. } = told.own;
        assert_eq!((maps, copies, translations), (0, 0, 1), "{}, {row:?}", self.at);
        let agents = told.rows.iter().filter(|(layer, _)| layer.starts_with('/'));
        let moved = agents.map(|(_, counts)| counts.copies + counts.maps).sum::<u32>() > 0;
        let (apart, passes) = (self.placed.place == "mixed", PASSES.contains(&self.name));
        assert_eq!(moved, apart && !passes && !row.below.is_empty(), "{}, {told:?}", self.at);
        self.check_below(row, &told, !apart || (passes && ONE_PROGRAM));
        if ONE_PROGRAM {
            assert_eq!(told.notes["top"][0].address, window.address(), "{}, {row:?}", self.at);
        }
    }

    /// The layer's own costs.
    fn compare(&self, row: &Row, told: &Told) {
        let [looks, copies] = row.costs[usize::from(!self.placed.is_here())];
        let expected = Counts { messages: 1, looks, copies, ..Counts::ZERO };
        assert_eq!(told.rows["top"], expected, "{}, {row:?}: {told:?}", self.at);
    }

    /// What came to those below: so many messages, and the data where it should be if addresses
    /// mean the same there.
    fn check_below(&self, row: &Row, told: &Told, addresses: bool) {
        let mut below = told.notes.clone();
        let top = below.remove("top").expect("it was asked").remove(0);
        for (names, passed) in row.below {
            let notes = take(&mut below, names, *passed == Many);
            assert!(!notes.is_empty(), "{}, {row:?}: nothing came to {names}: {told:?}", self.at);
            let good = |note: &Note| !addresses || self.is_passed(*passed, &top, note);
            let all = notes.iter().all(good);
            assert!(all, "{}, {row:?}: {names} is to have {passed:?}: {told:?}", self.at);
        }
        assert!(below.values().all(Vec::is_empty), "{}, {row:?}: more came: {told:?}", self.at);
    }

    fn is_passed(&self, passed: Passed, top: &Note, below: &Note) -> bool {
        match passed {
            From(at) => below.address == top.address + at,
            IfOwn if self.placed.is_here() => self.is_passed(From(0), top, below),
            Private | IfOwn | Many => {
                below.len > 0 && below.address.abs_diff(top.address) >= top.len
            }
            Empty => below.len == 0,
        }
    }
}

/// Takes what came first to the first of these drivers that anything came to, or all to all.
fn take(below: &mut BTreeMap<String, Vec<Note>>, names: &str, all: bool) -> Vec<Note> {
    let mut taken = Vec::new();
    for name in names.split(' ') {
        let notes = below.get_mut(name).map(core::mem::take).unwrap_or_default();
        let (now, later) = notes.split_at(if all { notes.len() } else { notes.len().min(1) });
        taken.extend_from_slice(now);
        below.insert(name.into(), later.into());
        if !all && !taken.is_empty() {
            break;
        }
    }
    taken
}

/// An open file of a page.
fn file(driver: &Arc<dyn Driver>) -> Result<Node, Errno> {
    let files = Files(Arc::clone(driver));
    let node = files.create(Cred::ROOT, Node::ROOT, "file")?;
    files.write(Cred::ROOT, node, 0, &[7; PAGE])?;
    Ok(node)
}
