//! Known answers, and another implementation's: Python's `cryptography` (Debian:
//! `python3-cryptography`), which is skipped where it isn't there.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
};

use driver::Status;
use kit::{ramdisk, read, write};

use crate::{crypt_with, key};

/// Vector 10 of IEEE 1619-2007: XTS-AES-256, sector 255, the bytes 0 to 255 twice.
const KEY_10: &str = "2718281828459045235360287471352662497757247093699959574966967627\
                      3141592653589793238462643383279502884197169399375105820974944592";
const CIPHER_10: &str = "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b\
                         5d31e276f8fe4a8d66b317f9ac683f44680a86ac35adfc3345befecb4bb188fd\
                         5776926c49a3095eb108fd1098baec70aaa66999a72a82f27d848b21d4a741b0\
                         c5cd4d5fff9dac89aeba122961d03a757123e9870f8acf1000020887891429ca\
                         2a3e7a7d7df7b10355165c8b9a6d0a7de8b062c4500dc4cd120c0f7418dae3d0\
                         b5781c34803fa75421c790dfe1de1834f280d7667b327f6c8cd7557e12ac3a0f\
                         93ec05c52e0493ef31a12d3d9260f79a289d6a379bc70c50841473d1a8cc81ec\
                         583e9645e07b8d9670655ba5bbcfecc6dc3966380ad8fecb17b6ba02469a020a\
                         84e18e8f84252070c13e9f1f289be54fbc481457778f616015e1327a02b140f1\
                         505eb309326d68378f8374595c849d84f4c333ec4423885143cb47bd71c5edae\
                         9be69a2ffeceb1bec9de244fbe15992b11b77c040f12bd8f6a975a44a0f90c29\
                         a9abc3d4d893927284c58754cce294529f8614dcd2aba991925fedc4ae74ffac\
                         6e333b93eb4aff0479da9a410e4450e0dd7ae4c6e2910900575da401fc07059f\
                         645e8b7e9bfdef33943054ff84011493c27b3429eaedb4ed5376441a77ed4385\
                         1ad77f16f541dfd269d50d6a5f14fb0aab1cbb4c1550be97f7ab4066193c4caa\
                         773dad38014bd2092fa755c824bb5e54c4f36ffda9fcea70b9c6e693e148c151";

fn unhex(digits: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(digit).collect()
}

#[test]
fn the_standards_vector_comes_out() {
    let disk = ramdisk(256 * 512);
    let crypt = crypt_with(KEY_10.as_bytes(), Arc::clone(&disk)).ok().unwrap();
    let plain: Vec<u8> = (0..512).map(|at| at as u8).collect();
    assert_eq!(write(&*crypt, 255 * 512, &plain), Status::ok(512));
    let mut below = vec![0; 512];
    read(&*disk, 255 * 512, &mut below);
    assert!(below == unhex(CIPHER_10));
    read(&*crypt, 255 * 512, &mut below);
    assert!(below == plain);
}

/// Reads a key and sectors from its input, and writes the sectors encrypted or decrypted, each
/// under its number, counted from a first one.
const SCRIPT: &str = r#"
import sys
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
way, first = sys.argv[1], int(sys.argv[2])
key, data = sys.stdin.buffer.read(64), sys.stdin.buffer.read()
for at in range(0, len(data), 512):
    tweak = (first + at // 512).to_bytes(16, "little")
    cipher = Cipher(algorithms.AES(key), modes.XTS(tweak))
    worker = cipher.encryptor() if way == "encrypt" else cipher.decryptor()
    sys.stdout.buffer.write(worker.update(data[at:at + 512]) + worker.finalize())
"#;

/// What the other implementation makes of sectors; `None` where there is none.
fn other(way: &str, first: u64, sectors: &[u8]) -> Option<Vec<u8>> {
    let there = Command::new("python3")
        .args(["-c", "from cryptography.hazmat.primitives.ciphers import modes; modes.XTS"])
        .stderr(Stdio::null())
        .status();
    if !there.is_ok_and(|status| status.success()) {
        return None;
    }
    let mut child = Command::new("python3")
        .args(["-c", SCRIPT, way, &first.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&key()).unwrap();
    stdin.write_all(sectors).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(output.stdout)
}

#[test]
fn another_implementation_reads_ours_and_we_read_its() {
    // Past 32 bits of a sector's number, where plain64 and plain differ.
    let first = (1 << 32) - 4;
    let disk = ramdisk((first + 16) * 512);
    let crypt = crypt_with(&key(), Arc::clone(&disk)).ok().unwrap();
    let plain: Vec<u8> = (0..8 * 512).map(|at| (at / 3) as u8).collect();
    let Some(theirs) = other("encrypt", first, &plain) else {
        eprintln!("SKIPPED: interoperability: install Debian's python3-cryptography");
        return;
    };
    assert_eq!(write(&*disk, first * 512, &theirs), Status::ok(theirs.len()));
    let mut room = vec![0; plain.len()];
    assert_eq!(read(&*crypt, first * 512, &mut room), Status::ok(room.len()));
    assert!(room == plain, "theirs is decrypted here");

    write(&*crypt, first * 512, &plain);
    read(&*disk, first * 512, &mut room);
    assert!(room == theirs, "the same sectors come out");
    assert_eq!(other("decrypt", first, &room), Some(plain), "ours is decrypted there");
}
