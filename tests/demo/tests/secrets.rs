//! A key is in its file and in the daemon's memory, and nowhere that anybody could see.
#![cfg(not(target_os = "redox"))]

mod common;

use std::{fs, io::Read, process::Stdio};

use common::Place;

/// Of a key, what is looked for.
const ENOUGH: usize = 8;

fn key() -> Vec<u8> {
    (0..64).map(|at: usize| (at * 3 + 129) as u8).collect()
}

/// True where a piece of the key can be seen, as it is or as digits.
fn shows(text: &[u8]) -> bool {
    let key = key();
    let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let shows = |secret: &[u8]| {
        secret.windows(ENOUGH).any(|piece| text.windows(ENOUGH).any(|seen| seen == piece))
    };
    shows(&key) || shows(digits.as_bytes()) || shows(digits.to_uppercase().as_bytes())
}

fn description(place: &Place) -> String {
    let disk = "[[driver]]\nname = \"disk\"\nkind = \"ramdisk\"\nsize = \"64 KiB\"\n";
    let crypt = "[[driver]]\nname = \"plain\"\nkind = \"crypt\"\non = \"disk\"\n";
    format!("{disk}{crypt}key = {:?}\n", place.path("key"))
}

#[test]
fn no_list_of_processes_and_no_output_has_the_key() {
    assert!(shows(&key()) && !shows(b"what is no key"));
    let place = Place::new();
    fs::write(place.path("key"), key()).unwrap();
    fs::write(place.path("config"), description(&place)).unwrap();
    let config = place.path("config");
    let args = ["portd", "--scheme", "port", "--config", config.to_str().unwrap()];
    let mut daemon = place.ports(&args).stderr(Stdio::piped()).spawn().unwrap();
    while !place.serves("port") {
        std::thread::yield_now();
    }
    let mut seen = Vec::new();
    for what in ["cmdline", "environ", "comm", "status"] {
        seen.extend(fs::read(format!("/proc/{}/{what}", daemon.id())).unwrap());
    }
    for args in [&["ls", "--json"][..], &["plan"], &["trace"], &["stats", "--millis", "1"]] {
        let mut tool = place.ports(&[&["portctl"], args].concat());
        let told = tool.stderr(Stdio::piped()).output().unwrap();
        assert!(told.status.success(), "{args:?}: {}", String::from_utf8_lossy(&told.stderr));
        seen.extend(told.stdout);
    }
    place.kill(&mut daemon);
    let [mut out, mut err] = [Vec::new(), Vec::new()];
    daemon.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    daemon.stderr.take().unwrap().read_to_end(&mut err).unwrap();
    let seen = [seen, out, err].concat();
    assert!(String::from_utf8_lossy(&seen).contains("plain"), "the driver can be seen");
    assert!(!shows(&seen));
}

#[test]
fn a_key_that_is_refused_is_not_shown() {
    let place = Place::new();
    fs::write(place.path("config"), description(&place)).unwrap();
    let twice = [&key()[..32], &key()[..32]].concat();
    for (key, why) in [(&key()[..63], "has 63 bytes and is no key"), (&twice, "halves of the key")]
    {
        fs::write(place.path("key"), key).unwrap();
        let config = place.path("config");
        let args = ["portd", "--scheme", "port", "--config", config.to_str().unwrap()];
        let output = place.ports(&args).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{said}");
        assert!(!shows(&output.stderr) && !shows(&output.stdout));
    }
}
