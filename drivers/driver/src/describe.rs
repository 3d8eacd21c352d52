//! What a driver says of itself.

/// The family of operations that a driver answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Class {
    /// Blocks of a fixed size: read, write, flush, discard.
    #[default]
    Block,
    /// A stream: read, write, poll.
    Character,
    /// A file system.
    File,
}

impl Class {
    /// A word for people.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Block => "block",
            Class::Character => "character",
            Class::File => "file",
        }
    }
}

bitflags::bitflags! {
    /// What else is to be known.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Features: u16 {
        /// Writes are answered with `EROFS`.
        const READ_ONLY = 1;
        /// Discard is answered.
        const DISCARD = 2;
        /// A request may block the thread that begins it, or be kept until something happens
        /// that can take long, so the driver wants a thread port.
        const BLOCKS = 4;
        /// May be entered by several threads at a time; without it, a serialized port goes
        /// around.
        const CONCURRENT = 8;
        /// Lies across a protection boundary.
        const REMOTE = 16;
        /// What was written may reach the disk late, and in another order, until a flush is
        /// answered: who relies on an order flushes.
        const WRITES_BACK = 32;
    }
}

impl Features {
    /// What a block device has where anything that it stands on has it.
    pub const OF_ANY_BELOW: Features =
        Features::READ_ONLY.union(Features::BLOCKS).union(Features::WRITES_BACK);
}

/// What a driver is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Its family.
    pub class: Class,
    /// Bytes of the device or file system; 0 where that has no meaning.
    pub size: u64,
    /// Bytes that offsets and lengths of a block device are multiples of; 1 for others.
    pub block_size: u32,
    /// What else is to be known.
    pub features: Features,
}

impl Description {
    /// A driver of `class` with `features`, without size, byte by byte.
    pub const fn new(class: Class, features: Features) -> Description {
        Description { class, size: 0, block_size: 1, features }
    }
}
