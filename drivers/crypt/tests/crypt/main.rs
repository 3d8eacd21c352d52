//! Encryption: what it costs by each engine, known answers, another implementation's sectors,
//! and that the key is nowhere to be seen.

mod engines;
mod vectors;

use std::{ptr::NonNull, sync::Arc};

use driver::{
    Access, Body, Bytes, Call, Counts, Cred, Data, Driver, Errno, Exchange, Features, OptionValue,
    Secret, Spin, Status,
};
use driver_crypt::KIND;
use kit::{
    Disk, FLUSH, Fault, Keeper, Spy, discard, flush, make, ramdisk, read, read_at, same, sent,
    steps, write, write_at,
};
use proptest::prelude::*;

const SIZE: usize = 64 << 10;

/// A key that is none anywhere else.
pub(crate) fn key() -> [u8; 64] {
    core::array::from_fn(|at| (at * 7 + 3) as u8)
}

pub(crate) fn crypt_with(key: &[u8], on: Arc<dyn Driver>) -> driver::Built {
    make(&KIND, &[("key", OptionValue::Secret(Secret::new(key.to_vec())))], &[on])
}

pub(crate) fn crypt(on: Arc<dyn Driver>) -> Arc<dyn Driver> {
    crypt_with(&key(), on).ok().unwrap()
}

proptest! {
    #[test]
    fn it_is_a_plain_disk_to_who_has_the_key(script in steps(SIZE, 512, 30)) {
        let disk = ramdisk(SIZE as u64);
        let mut model = Disk::new(SIZE, 512);
        // A disk of zeros reads as nothing in particular; it is written once.
        let on = crypt(Arc::clone(&disk));
        write(&*on, 0, &vec![0; SIZE]);
        for step in &script {
            same(&*on, &mut model, step);
        }
        let mut all = vec![0xee; SIZE];
        read(&*crypt(disk), 0, &mut all);
        prop_assert!(all == model.bytes(), "by another driver with the same key");
    }
}

#[test]
fn what_lies_below_is_not_what_was_written_and_differs_by_sector() {
    let disk = ramdisk(SIZE as u64);
    write(&*crypt(Arc::clone(&disk)), 0, &[7; 2048]);
    let mut below = [0; 2048];
    read(&*disk, 0, &mut below);
    let sectors: Vec<_> = below.chunks(512).collect();
    for (at, sector) in sectors.iter().enumerate() {
        assert!(sector.iter().filter(|byte| **byte == 7).count() < 32);
        assert!(sectors[..at].iter().all(|other| other != sector));
    }
}

/// Asks in a call, and says what that cost beside the disk's own looks.
fn cost(driver: &Arc<dyn Driver>, body: Body, data: Data<'_>, disk: Counts) -> (u32, u32, u32) {
    let mut call = Call::new(body, data);
    assert_eq!(call.run(&**driver, &Spin), Status::ok(4096));
    let counts = call.counts();
    assert_eq!((counts.translations, counts.crossings, counts.maps), (0, 0, 0));
    (counts.looks - disk.looks, counts.copies, counts.messages)
}

/// What a page costs at the bottom.
const DISK: Counts = Counts { looks: 1, ..Counts::ZERO };

const READ: Body = Body::new(read_at(0), Cred::ROOT);
const WRITE: Body = Body::new(write_at(0), Cred::ROOT);

#[test]
fn a_read_into_private_room_is_decrypted_in_place() {
    let spy = Spy::new(ramdisk(SIZE as u64));
    let driver = crypt(spy.clone());
    let mut room = [0; 4096];
    let address = room.as_ptr() as usize;
    assert_eq!(cost(&driver, READ, Data::sink(&mut room), DISK), (1, 0, 1));
    assert_eq!(spy.seen()[0].address, address, "the lower port filled the caller's room");
}

#[test]
fn a_write_is_one_look_and_one_copy_and_the_callers_bytes_stay_as_they_are() {
    let spy = Spy::new(ramdisk(SIZE as u64));
    let driver = crypt(spy.clone());
    let bytes = [7; 4096];
    assert_eq!(cost(&driver, WRITE, Data::source(&bytes), DISK), (1, 1, 2));
    assert_ne!(spy.seen()[0].address, bytes.as_ptr() as usize, "the lower port sees no plain byte");
    assert_eq!(bytes, [7; 4096]);
}

#[test]
fn shared_memory_is_copied_once_each_way_and_never_seen_below() {
    let spy = Spy::new(ramdisk(SIZE as u64));
    let driver = crypt(spy.clone());
    let mut page = vec![7u8; 4096];
    let address = page.as_ptr() as usize;
    let base = NonNull::new(page.as_mut_ptr()).unwrap();
    for (body, access) in [(WRITE, Access::FETCH), (READ, Access::FILL)] {
        // SAFETY: `page` outlives the reference and is not touched but through it.
        let lent = unsafe { agent::Lent::new(base, 4096, access) };
        assert_eq!(cost(&driver, body, Data::lent(&lent), DISK), (1, 1, 2));
        assert_ne!(spy.seen()[0].address, address);
    }
    assert!(page == [7; 4096]);
}

#[test]
fn a_late_read_is_decrypted_when_it_comes_back() {
    let keeper = Arc::new(Keeper { size: SIZE as u64, ..Keeper::default() });
    let disk = ramdisk(SIZE as u64);
    let plain: Vec<u8> = (0..512).map(|at| at as u8).collect();
    write(&*crypt(Arc::clone(&disk)), 512, &plain);
    let mut below = [0; 512];
    read(&*disk, 512, &mut below);
    let driver = crypt(keeper.clone());
    let late = sent(&driver, read_at(512), Bytes::Sink(vec![0; 1024]));
    let mut kept = keeper.next();
    kept.fill(0, &below).unwrap();
    kept.done(Status::ok(512));
    let mut message = late.back();
    assert_eq!((message.status(), message.body().op), (Status::ok(512), read_at(512)));
    let Bytes::Sink(room) = message.take_data() else { panic!() };
    assert_eq!(room[..512], plain);
    // Aborted ones come back as well, with nothing decrypted.
    let late = sent(&driver, read_at(0), Bytes::Sink(vec![5; 512]));
    late.abort();
    assert_eq!(late.back().status(), Errno::ECANCELED.into());
}

#[test]
fn errors_and_short_transfers_come_up_as_they_are() {
    let spy = Spy::new(ramdisk(SIZE as u64));
    let driver = crypt(spy.clone());
    write(&*driver, 0, &[7; 4096]);
    spy.fail(Some(Errno::EIO));
    assert_eq!(read(&*driver, 0, &mut [0; 512]), Errno::EIO.into());
    assert_eq!(write(&*driver, 0, &[0; 512]), Errno::EIO.into());
    assert_eq!(flush(&*driver), Errno::EIO.into());
    spy.set_rule(|_, _| Some(Fault::Short(1000)));
    spy.seen();
    let mut room = [9; 4096];
    // The disk refuses 1,000 bytes, so it is asked for whole blocks only.
    assert_eq!(read(&*driver, 0, &mut room), Errno::EINVAL.into());
    spy.set_rule(|_, _| Some(Fault::Short(1024)));
    assert_eq!(read(&*driver, 0, &mut room), Status::ok(1024));
    assert_eq!((room[..1024] == [7; 1024], room[1024]), (true, 9));
    assert_eq!(write(&*driver, 0, &[8; 4096]), Status::ok(1024));
    spy.set_rule(|_, _| None);
    assert_eq!(read(&*driver, 0, &mut room), Status::ok(4096));
    assert!(room[..1024] == [8; 1024] && room[1024..] == [7; 3072]);
}

#[test]
fn a_flush_goes_down_and_a_discard_is_refused() {
    let spy = Spy::new(ramdisk(SIZE as u64));
    let driver = crypt(spy.clone());
    assert_eq!(flush(&*driver), Status::OK);
    assert_eq!(discard(&*driver, 0, 512), Errno::EOPNOTSUPP.into());
    assert_eq!(spy.ops(), [FLUSH]);
    assert_eq!(driver.describe().features, Features::CONCURRENT);
}

#[test]
fn a_key_is_taken_as_bytes_or_as_digits() {
    let disk = ramdisk(SIZE as u64);
    write(&*crypt(Arc::clone(&disk)), 0, &[7; 512]);
    let digits: String = key().iter().map(|byte| format!("{byte:02x}")).collect();
    for text in [digits.clone(), digits.to_uppercase() + "\n", format!("  {digits}\r\n")] {
        let mut room = [0; 512];
        read(&*crypt_with(text.as_bytes(), Arc::clone(&disk)).ok().unwrap(), 0, &mut room);
        assert_eq!(room, [7; 512]);
    }
}

#[test]
fn what_is_no_key_is_refused_and_not_shown() {
    let error = |key: &[u8]| crypt_with(key, ramdisk(SIZE as u64)).err().unwrap();
    for secret in [&b"hunter2"[..], b"", &[b'x'; 128], &[b'7'; 127], &[3; 65]] {
        let error = error(secret);
        assert!(error.contains(&format!("has {} bytes and is no key", secret.len())), "{error}");
        assert!(!error.contains("hunter2") && !error.contains("777") && !error.contains("xx"));
    }
    assert!(error(&[b'7'; 64]).contains("halves of the key are equal"));
    let none = make(&KIND, &[], &[ramdisk(SIZE as u64)]).err().unwrap();
    assert!(none.contains("which file holds the key"));
    let null: Arc<dyn Driver> = Arc::new(driver_null::Null);
    assert!(crypt_with(&key(), null).err().unwrap().contains("character driver"));
}

#[test]
fn no_output_has_the_key() {
    let mut options = driver::Options::default();
    options.set("key", OptionValue::Secret(Secret::new(b"hunter2".to_vec())));
    assert_eq!(format!("{options:?}"), "Options({\"key\": Secret(Secret)})");
    let engine = driver_crypt::Software::new(&key()).unwrap();
    assert_eq!(format!("{engine:?}"), "Software(AES-256-XTS)");
}
