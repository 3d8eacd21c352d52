//! Engines beside the software one: one that takes the data by reference, and one that is broken.

use agent::{Call, Data, Errno, Spin, Status};
use driver::{Body, Cred};
use driver_crypt::{Crypt, Engine};
use kit::{CONTEXT, Offload, Spy, lower, ramdisk, read, read_at, write, write_at};

#[test]
fn with_an_engine_that_takes_data_by_reference_nothing_is_looked_at() {
    let spy = Spy::new(ramdisk(64 << 10));
    let crypt = Crypt::new(lower(&spy), Offload::default(), CONTEXT.wait).ok().unwrap();
    let (bytes, mut room) = ([7; 4096], [0; 4096]);
    for (op, data) in [(write_at(512), Data::source(&bytes)), (read_at(512), Data::sink(&mut room))]
    {
        let mut call = Call::new(Body::new(op, Cred::ROOT), data);
        assert_eq!(call.run(&crypt, &Spin), Status::ok(4096));
        let counts = call.counts();
        // The disk's own looks, at two of its pages.
        assert_eq!((counts.looks, counts.copies, counts.maps), (2, 0, 0));
    }
    assert_eq!(room, [7; 4096]);
    let mut below = [0; 512];
    read(&*spy, 1024, &mut below);
    assert_eq!(below, [7 ^ Offload::mask(2); 512]);
}

/// Fails, and says that it works in place, where it does not.
struct Broken;

impl Engine for Broken {
    fn encrypt(&self, _: u64, _: &mut driver::Request<'_>, _: &mut [u8]) -> Result<(), Errno> {
        Err(Errno::EIO)
    }

    fn decrypt(&self, _: u64, _: &mut [u8], _: &mut driver::Request<'_>) -> Result<(), Errno> {
        Err(Errno::EIO)
    }

    fn works_in_place(&self) -> bool {
        true
    }
}

#[test]
fn an_engines_error_is_the_answer_and_nothing_is_written() {
    let spy = Spy::new(ramdisk(64 << 10));
    let crypt = Crypt::new(lower(&spy), Broken, CONTEXT.wait).ok().unwrap();
    assert_eq!(write(&crypt, 0, &[1; 512]), Errno::EIO.into());
    assert!(spy.seen().is_empty());
    assert_eq!(read(&crypt, 0, &mut [1; 512]), Errno::EOPNOTSUPP.into());
}
