//! What whoever holds a message may do with its contents.

use core::ops::Range;

use crate::{
    call::Origin,
    count::Counts,
    data::{Access, Data},
    port::MessageId,
    record::Flags,
    status::Errno,
};

pub(crate) mod sealed {
    use crate::record::Record;

    /// Holds a record exclusively. Private in earnest: a method of a public trait's public
    /// supertrait can be called through a bound, and two records must not be swapped.
    pub(crate) trait Holder<B: 'static> {
        fn record(&self) -> &Record<B>;
        fn record_mut(&mut self) -> &mut Record<B>;
    }
}

/// The part of the data that a request had before it was narrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    start: usize,
    len: usize,
}

impl Part {
    /// The part as two words, to be saved in a frame.
    pub fn words(self) -> [u64; 2] {
        [self.start as u64, self.len as u64]
    }

    /// The part that two words say.
    pub fn from_words(words: [u64; 2]) -> Part {
        Part { start: words[0] as usize, len: words[1] as usize }
    }
}

/// The contents of a message, for the driver that has it: a [`Request`](crate::Request) while it
/// is begun, a [`Kept`](crate::Kept) one later on.
///
/// Data and names stay where they are; none of these methods gives them away as values. Every
/// touch of the bytes is counted as a look, and none happens that isn't asked for.
///
/// Two messages' contents can't be exchanged: what one caller lent would outlive its wait.
///
/// ```compile_fail,E0624
/// fn swap<B: 'static, T: agent::Exchange<B>>(one: &mut T, other: &mut T) {
///     core::mem::swap(one.record_mut(), other.record_mut());
/// }
/// ```
#[allow(private_bounds)] // sealed
pub trait Exchange<B: 'static>: sealed::Holder<B> {
    /// What is asked, and where the reply's values go.
    #[inline]
    fn body(&self) -> &B {
        &self.record().body
    }

    /// The same, to rewrite the question on the way down or to put the reply's values in.
    #[inline]
    fn body_mut(&mut self) -> &mut B {
        &mut self.record_mut().body
    }

    /// How many bytes of data the driver sees.
    #[inline]
    fn len(&self) -> usize {
        self.record().data.len()
    }

    /// True where there is no data, or none left.
    #[inline]
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What may be done with the data.
    fn access(&self) -> Access {
        self.record().data.access()
    }

    /// Where the data begins: its identity, without the right to look.
    fn address(&self) -> usize {
        self.record().data.address() as usize
    }

    /// A name that came with the message: 0 is the path or name, 1 where a rename or link goes.
    #[inline]
    fn name(&self, index: usize) -> Option<&[u8]> {
        self.record().name(index)
    }

    /// Lets the layers below see only `range` of the data, and returns what was seen before.
    /// `EINVAL`, and no change, where the range isn't inside it.
    fn narrow(&mut self, range: Range<usize>) -> Result<Part, Errno> {
        let before = self.part();
        self.record_mut().narrow(range)?;
        Ok(before)
    }

    /// The part of the data that is seen now.
    fn part(&self) -> Part {
        let (start, len) = self.record().data.part();
        Part { start, len }
    }

    /// Sees `part` again. `EINVAL` where the message has no such part.
    fn restore(&mut self, part: Part) -> Result<(), Errno> {
        self.record_mut().restore((part.start, part.len))
    }

    /// Takes bytes out of the data, from `at` on, into memory of the driver's. One look.
    /// `EINVAL` where the data ends before, `EFAULT` where the data is not to be fetched.
    fn fetch(&mut self, at: usize, dst: &mut [u8]) -> Result<(), Errno> {
        let record = self.record_mut();
        record.data.fetch(at, dst)?;
        record.count(Counts { looks: 1, ..Counts::default() });
        Ok(())
    }

    /// Puts bytes into the data, from `at` on. One look. `EINVAL` where the data ends before,
    /// `EFAULT` where the data is not to be filled.
    #[inline]
    fn fill(&mut self, at: usize, src: &[u8]) -> Result<(), Errno> {
        let record = self.record_mut();
        record.data.fill(at, src)?;
        record.count(Counts { looks: 1, ..Counts::default() });
        Ok(())
    }

    /// Puts zeros into a range of the data. One look; errors as [`fill`](Exchange::fill).
    fn fill_zero(&mut self, range: Range<usize>) -> Result<(), Errno> {
        let record = self.record_mut();
        record.data.fill_zero(range)?;
        record.count(Counts { looks: 1, ..Counts::default() });
        Ok(())
    }

    /// The bytes to fetch, in place. One look. `None` where another party can change them
    /// (then [`fetch`](Exchange::fetch) a copy), or there is nothing to fetch.
    fn bytes(&mut self) -> Option<&[u8]> {
        let record = self.record_mut();
        record.data.bytes()?;
        record.count(Counts { looks: 1, ..Counts::default() });
        record.data.bytes()
    }

    /// The room to fill, in place. One look. `None` where another party can reach it (then
    /// [`fill`](Exchange::fill) it from a private buffer), or there is nothing to fill.
    fn room(&mut self) -> Option<&mut [u8]> {
        let record = self.record_mut();
        record.data.room()?;
        record.count(Counts { looks: 1, ..Counts::default() });
        record.data.room()
    }

    /// A part of the data for a message of the driver's own to a lower port, while this one
    /// waits. Nothing is copied or looked at.
    fn lend(&mut self, range: Range<usize>) -> Result<Data<'_>, Errno> {
        self.record_mut().data.lend(range)
    }

    /// Adds to the message's counts, and to the current layer's where somebody reads them. For
    /// agents, and for drivers that move data through a private buffer (a copy).
    #[inline]
    fn count(&mut self, counts: Counts) {
        self.record_mut().count(counts);
    }

    /// The counts so far.
    fn counts(&self) -> Counts {
        self.record().counts()
    }

    /// What messages that this one causes inherit: the serializers that its chain holds, and
    /// the meter, if there is one, which comes back with [`rejoin`](Exchange::rejoin).
    fn origin(&mut self) -> Origin {
        let record = self.record_mut();
        let (held, gates) = record.held();
        Origin {
            held,
            gates,
            #[cfg(feature = "alloc")]
            before: record.counts(),
            counts: Counts::default(),
            #[cfg(feature = "alloc")]
            meter: record.set_meter(None),
        }
    }

    /// Adds what the messages since [`origin`](Exchange::origin) cost.
    fn rejoin(&mut self, origin: Origin) {
        let record = self.record_mut();
        #[cfg(feature = "alloc")]
        if let Some(mut meter) = origin.meter {
            // What was counted on the message while its meter was away.
            meter.count(record.counts() - origin.before);
            record.set_meter(Some(meter));
        }
        record.add(origin.counts);
    }

    /// The name of the message while it is kept.
    fn id(&self) -> MessageId {
        MessageId(core::ptr::from_ref(self.record()) as usize)
    }

    /// True where the sender waits for the reply and does nothing else.
    fn waits(&self) -> bool {
        !self.record().flags.contains(Flags::SENT)
    }
}

impl<B: 'static, T: sealed::Holder<B>> Exchange<B> for T {}
