//! Options, and the key.

use alloc::{format, string::String, sync::Arc, vec::Vec};

use driver::{
    Built, Class, Context, Description, Kind, Lower, OptionKind, OptionSpec, Options, Secret,
    Stands,
};
use zeroize::Zeroizing;

use crate::{
    Crypt,
    software::{KEY, Software},
};

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "crypt",
    help: "encrypts a disk (AES-256-XTS, as aes-xts-plain64)",
    stands: Stands::OnOne,
    options: &[OptionSpec {
        key: "key",
        kind: OptionKind::Secret,
        required: true,
        help: "it holds the key: 64 bytes, or 128 hexadecimal digits",
    }],
    make,
};

fn make(options: &Options, lower: Vec<Lower>, context: &Context) -> Built {
    let lower = Lower::required(lower, &KIND)?;
    let secret = options.secret("key").ok_or("say which file holds the key: key = \"/…\"")?;
    let engine = Software::new(&*key(secret)?)
        .map_err(|_| "the two halves of the key are equal: make a new one, of 64 random bytes")?;
    Ok(Arc::new(Crypt::new(lower, engine, context.wait)?))
}

/// The key that a file holds. No part of it is in the error.
fn key(secret: &Secret) -> Result<Zeroizing<[u8; KEY]>, String> {
    let mut key = Zeroizing::new([0; KEY]);
    let bytes = secret.bytes();
    if bytes.len() == KEY {
        key.copy_from_slice(bytes);
        return Ok(key);
    }
    let digits = bytes.trim_ascii();
    match base16ct::mixed::decode(digits, &mut *key) {
        Ok(decoded) if decoded.len() == KEY => Ok(key),
        _ => Err(format!(
            "the key file has {} bytes and is no key: it needs {KEY} bytes, or {} hexadecimal digits",
            bytes.len(),
            2 * KEY
        )),
    }
}

/// Refuses what can't be encrypted.
pub(crate) fn check(below: &Description) -> Result<(), String> {
    let Description { class, block_size, size, .. } = below;
    if *class != Class::Block {
        return Err(format!("stands on a {} driver: put it on a block driver", class.name()));
    }
    if !block_size.is_power_of_two() || *size < (*block_size).into() {
        return Err(format!("the disk below has {size} bytes in blocks of {block_size}: no room"));
    }
    Ok(())
}
