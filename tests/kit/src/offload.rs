//! An engine that takes the data by reference: a device beside the processor, simulated.

use agent::{Call, Data, Errno, Exchange, Outcome, Port, Request, Spin};
use driver_crypt::Engine;

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
            *byte ^= Offload::mask(sector + at as u64 / 512);
        }
        if !encrypt {
            moved = request.fill(0, &bytes);
        }
        let len = bytes.len();
        request.body_mut().bytes = bytes;
        request.done(moved.map(|()| len))
    }
}

/// An engine that hands all work to the device.
#[derive(Default)]
pub struct Offload(());

impl Offload {
    /// What the bytes of a sector are changed by.
    pub fn mask(sector: u64) -> u8 {
        sector as u8 ^ 0x5a
    }

    fn run(job: Job, data: Data<'_>) -> Result<Vec<u8>, Errno> {
        let mut call = Call::new(job, data);
        call.run(&Device, &Spin).result()?;
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
        cipher.copy_from_slice(&Self::run(job, data)?);
        Ok(())
    }

    fn decrypt(
        &self,
        sector: u64,
        cipher: &mut [u8],
        request: &mut driver::Request<'_>,
    ) -> Result<(), Errno> {
        let data = request.lend(0..cipher.len())?;
        Self::run(Job { sector, encrypt: false, bytes: cipher.to_vec() }, data).map(|_| ())
    }

    fn works_in_place(&self) -> bool {
        false
    }
}
