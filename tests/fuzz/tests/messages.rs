//! What a message is in when it crosses: words, parcels, replies, descriptions, listings, records.
#![cfg(not(target_os = "redox"))]

use agent::{Carries, Cross, Errno, Status, Words};
use bolero::check;
use client::record::{RECORD, Records, View};
use driver::{Body, Cred, Op, Parcel, REPLY, describe_from, describe_to, dirent};
use host as _;

const CRED: Cred = Cred { uid: 7, gid: 9 };

/// Where a message is malformed it is one of these.
fn is_malformed(errno: Errno) -> bool {
    matches!(errno, Errno::ENOSYS | Errno::EPROTO | Errno::ENAMETOOLONG)
}

#[test]
fn any_words_and_parcel_are_a_request_that_is_packed_the_same_or_malformed() {
    check!().with_type::<(u8, u64, u32, [u64; 8], Vec<u8>)>().for_each(
        |(op, offset, object, args, names)| {
            let words = Words {
                op: (*op % 24).into(),
                offset: *offset,
                object: *object,
                ..Words::default()
            };
            let mut payload: Vec<u8> = args.iter().flat_map(|arg| arg.to_le_bytes()).collect();
            payload.extend_from_slice(names);
            payload.resize(payload.len().max(REPLY), 0);
            match Parcel::unpack(&words, &payload, CRED) {
                Ok(parcel) => packs(&words, &parcel),
                Err(errno) => assert!(is_malformed(errno), "{errno}"),
            }
        },
    );
}

fn packs(words: &Words, parcel: &Parcel) {
    let (again, carries) = parcel.body.words().expect("it came in words");
    assert_eq!(Parcel::carries(words), Ok(carries));
    let mut payload = Vec::new();
    if carries == Carries::Parcel {
        let name = |index: usize| parcel.names.get(index).map(Vec::as_slice);
        parcel.body.pack([name(0), name(1)], &mut payload).expect("its names are short enough");
    }
    assert_eq!(Parcel::unpack(&again, &payload, CRED).as_ref(), Ok(parcel));
}

#[test]
fn any_words_that_are_bare_or_plain_are_what_a_parcel_says_too() {
    check!().with_type::<(u8, u64, u32)>().for_each(|(op, offset, object)| {
        let words =
            Words { op: (*op).into(), offset: *offset, object: *object, ..Words::default() };
        let node = driver::Node((*object).into());
        let whole = Parcel::unpack(&words, &[0; REPLY], CRED).map(|parcel| parcel.body.op);
        if let Some(plain) = Parcel::plain(&words, node) {
            assert_eq!(whole, Ok(plain));
        }
        if let Some(bare) = Parcel::bare(&words, node) {
            assert_eq!(whole, Ok(bare));
        }
    });
}

#[test]
fn any_reply_has_values_that_cross_again_or_is_malformed() {
    check!().with_type::<(u8, [u64; 15])>().for_each(|(kind, words)| {
        let mut bytes = u64::from(*kind % 5).to_le_bytes().to_vec();
        words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        let reply = |bytes: &[u8]| {
            let mut body = Body::new(Op::Statfs, CRED);
            body.unpack_reply(Status::OK, bytes).map(|()| body.reply)
        };
        match reply(&bytes) {
            Ok(values) => assert_eq!(reply(&values.encode()), Ok(values)),
            Err(errno) => assert_eq!(errno, Errno::EPROTO),
        }
        assert_eq!(reply(&bytes[..REPLY - 1]), Err(Errno::EPROTO));
    });
}

#[test]
fn any_description_is_sane_or_malformed() {
    check!().with_type::<(u8, u64, u32, u64)>().for_each(|(class, size, block, features)| {
        let words = [u64::from(*class % 5), *size, (*block).into(), *features];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.resize(REPLY, 0);
        match describe_from(&bytes) {
            Ok(said) => {
                assert!(said.block_size.is_power_of_two());
                assert_eq!(describe_from(&describe_to(&said)), Ok(said));
            }
            Err(errno) => assert_eq!(errno, Errno::EPROTO),
        }
    });
}

#[test]
fn any_listing_is_entries_that_lie_within_it() {
    check!().for_each(|bytes: &[u8]| {
        let mut end = 0;
        for entry in dirent::entries(bytes) {
            let start = end;
            end += entry.len();
            assert!(
                bytes[start..end]
                    .windows(entry.name.len().max(1))
                    .any(|part| { entry.name.is_empty() || part == entry.name })
            );
            if let Ok(again) = entry.to_bytes() {
                assert_eq!(dirent::entries(&again).collect::<Vec<_>>(), [entry]);
            }
        }
        assert!(end <= bytes.len());
    });
}

#[test]
fn any_bytes_are_records_that_are_written_the_same_or_end_the_batch() {
    check!().for_each(|bytes: &[u8]| {
        let mut rest = bytes;
        for record in Records::new(bytes) {
            let Ok((record, data)) = record else { break };
            let (head, behind) = rest.split_at(RECORD);
            let again = record.to_bytes();
            assert_eq!(View::new(&again).expect("whole").parse(), Ok(record));
            assert_eq!(head[..40], again[..40]);
            assert_eq!(&behind[..data.len()], data);
            rest = &behind[data.len()..];
        }
    });
}
