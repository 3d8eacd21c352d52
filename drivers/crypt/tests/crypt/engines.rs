//! An engine that takes the data by reference: a device beside the processor, simulated.

use agent::{Call, Data, Errno, Exchange, Outcome, Port, Request, Spin, Status};
use driver::{Body, Cred};
use driver_crypt::{Crypt, Engine};
use kit::{CONTEXT, Spy, lower, ramdisk, read, read_at, write, write_at};

/// What the device is told. The data comes as a reference, which the device reaches by itself;
/// `bytes` is the memory on its other side.
#[derive(Clone, Debug)]
struct Job {
    sector: u64,
    encrypt: bool,
    bytes: Vec<u8>,
}

/// The device. Its cipher changes each byte by its sector's number.
struct Device;

impl Port<Job> for Device {
    fn begin<'s>(&'s self, mut request: Request<'s, Job>) -> Outcome<'s, Job> {
        let Job { sector, encrypt, mut bytes } = request.body().clone();
        let mut moved = if encrypt { request.fetch(0, &mut bytes) } else { Ok(()) };
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte ^= (sector + at as u64 / 512) as u8 ^ 0x5a;
        }
        if !encrypt {
            moved = request.fill(0, &bytes);
        }
        let len = bytes.len();
        request.body_mut().bytes = bytes;
        request.done(moved.map(|()| len))
    }
}

struct Offload(Device);

impl Offload {
    fn run(&self, job: Job, data: Data<'_>) -> Result<Vec<u8>, Errno> {
        let mut call = Call::new(job, data);
        call.run(&self.0, &Spin).result()?;
        Ok(call.into_body().bytes)
    }
}

impl Engine for Offload {
    fn encrypt(
        &self,
        sector: u64,
        request: &mut driver::Request<'_>,
        cipher: &mut [u8],
    ) -> Result<(), Errno> {
        let data = request.lend(0..cipher.len())?;
        let job = Job { sector, encrypt: true, bytes: vec![0; cipher.len()] };
        cipher.copy_from_slice(&self.run(job, data)?);
        Ok(())
    }

    fn decrypt(
        &self,
        sector: u64,
        cipher: &mut [u8],
        request: &mut driver::Request<'_>,
    ) -> Result<(), Errno> {
        let data = request.lend(0..cipher.len())?;
        self.run(Job { sector, encrypt: false, bytes: cipher.to_vec() }, data).map(|_| ())
    }

    fn works_in_place(&self) -> bool {
        false
    }
}

#[test]
fn with_an_engine_that_takes_data_by_reference_nothing_is_looked_at() {
    let spy = Spy::new(ramdisk(64 << 10));
    let crypt = Crypt::new(lower(&spy), Offload(Device), CONTEXT.wait).ok().unwrap();
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
    assert_eq!(below, [7 ^ 2 ^ 0x5a; 512]);
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
