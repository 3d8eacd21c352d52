//! Much at once: the entries of a directory, and messages through a port that a process made.

use client::record::{RECORD, Record, Records, Verb};
use driver::{Node, Op};
use syscall::{
    flag::{O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR},
    schemev2::Opcode,
};

use crate::{
    cases::{PAGE, Served, buffer, request},
    kernel,
};

/// Entries of the directory that is listed, and room for them.
const ENTRIES: usize = 1000;
const ROOM: usize = 16 * PAGE;
/// Messages in one write.
const MESSAGES: usize = 32;

/// Lists a directory in one message.
pub(super) fn list(served: &Served, path: &str, count: u64) {
    for number in 0..ENTRIES {
        let file = served.open(&format!("{path}/name{number:04}"), O_CREAT | O_RDWR | 0o600);
        served.ask(Opcode::CloseMsg, [file, 0, 0, 0, 0, 0], 1);
    }
    let dir = served.open(path, O_RDONLY | O_DIRECTORY);
    served.map(dir, ROOM);
    let all = Op::Readdir { node: Node::ROOT, cookie: 0 };
    assert!(served.by_window(dir, all, ROOM, count) > (ENTRIES * 20) as u64);
}

/// Sends messages in one write, takes them in one read, answers them in one write and reads the
/// replies in one read; all that a number of times. The service runs once: its ports end with it.
pub(super) fn send(served: &Served, path: &'static str, count: u64) {
    let record = |id: usize| Record::new(Verb::Send, id as u64).to_bytes();
    let messages: Vec<u8> = (0..MESSAGES).flat_map(record).collect();
    let mut room = vec![0; messages.len()];
    let open = |flags: usize| buffer(0, path.as_ptr(), path.len(), [flags as u64, 0, 0]);
    let mut opens = [O_RDWR, O_CREAT | O_RDWR | 0o600].map(open).to_vec();
    let (mut handles, mut step) = (Vec::new(), 0);
    let next = move |answered| {
        if let Some(open) = opens.pop() {
            handles.push(answered);
            return Some(request(Opcode::OpenAt, open));
        }
        if step == 0 {
            handles.push(answered);
        }
        assert!(step == 0 || answered == (MESSAGES * RECORD) as u64, "{answered} at {step}");
        step += 1;
        let (receive, right) = (handles[1], handles[2]);
        let (opcode, handle, lent) = match step % 4 {
            _ if step > 4 * count => return None,
            1 => (Opcode::Write, right, messages.as_ptr()),
            2 => (Opcode::Read, receive, room.as_mut_ptr().cast_const()),
            3 => (Opcode::Write, receive, reply(&mut room).as_ptr()),
            _ => (Opcode::Read, right, room.as_mut_ptr().cast_const()),
        };
        Some(request(opcode, buffer(handle, lent, MESSAGES * RECORD, [0; 3])))
    };
    // SAFETY: the messages and the room live in what is asked by, and are looked at only between
    // an answer and the next request.
    unsafe { kernel::ask_each(Box::new(next), || served.run()) };
}

/// A reply in place of each message.
fn reply(room: &mut [u8]) -> &[u8] {
    let replies: Vec<_> = Records::new(room)
        .map(|record| Record::new(Verb::Reply, record.expect("it came whole").0.id).to_bytes())
        .collect();
    room.copy_from_slice(replies.as_flattened());
    room
}
