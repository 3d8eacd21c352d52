//! Descriptions that a daemon refuses, in its own words.
#![cfg(not(target_os = "redox"))]

mod common;

use common::World;

/// What the daemon says of a description.
fn refusal(text: &str) -> String {
    let mut world = World::new();
    world.serve("port", text).expect_err("the description is bad")
}

#[test]
fn a_kind_that_nobody_knows_is_named_with_the_one_that_was_meant() {
    assert_eq!(
        refusal("[[driver]]\nname = \"a\"\nkind = \"ramdsik\"\nsize = 512"),
        "description: line 3, kind: no kind of driver is called \"ramdsik\"; \
         did you mean \"ramdisk\"?"
    );
}

#[test]
fn options_are_checked_against_the_kind() {
    let disk = |option: &str| {
        refusal(&format!("[[driver]]\nname = \"a\"\nkind = \"ramdisk\"\n{option}\n"))
    };
    assert!(disk("").contains("line 1, size: is missing"), "{}", disk(""));
    let wrong = disk("size = 512\nread_only = \"yes\"");
    assert!(wrong.contains("line 5, read_only: is a text, not true or false"), "{wrong}");
    let unknown = disk("size = 512\nblock_siez = 512");
    assert!(unknown.contains("line 5, block_siez: is no option of a ramdisk"), "{unknown}");
    assert!(unknown.contains("did you mean \"block_size\"?"), "{unknown}");
    let bad = disk("size = \"12 parsecs\"");
    assert!(bad.contains("line 4, size: is \"12 parsecs\", no size"), "{bad}");
}

#[test]
fn a_driver_that_cannot_be_made_is_named_with_the_reason() {
    let disk = refusal("\n[[driver]]\nname = \"a\"\nkind = \"ramdisk\"\nsize = 1000");
    assert!(disk.starts_with("description: line 2, driver \"a\": size = 1000 makes no"), "{disk}");
    let file = refusal("[[driver]]\nname = \"b\"\nkind = \"file\"\npath = \"/no/such/image\"");
    assert!(file.starts_with("description: line 1, driver \"b\": can't open /no/such"), "{file}");
    let block = refusal(
        "[[driver]]\nname = \"b\"\nkind = \"file\"\npath = \"/dev/null\"\nblock_size = 1000",
    );
    assert!(block.contains("block_size is 1000; give a power of two"), "{block}");
    let part = refusal(
        "[[driver]]\nname = \"d\"\nkind = \"ramdisk\"\nsize = 65536\n\
         [[driver]]\nname = \"p\"\nkind = \"partition\"\non = \"d\"\nnumber = 1",
    );
    assert!(part.starts_with("description: line 5, driver \"p\": "), "{part}");
}

#[test]
fn a_port_of_another_process_has_to_be_there_and_speak_messages() {
    let on =
        |path: &str| refusal(&format!("[[driver]]\nname = \"p\"\nkind = \"pass\"\non = {path:?}"));
    let none = on("/scheme/none/disk");
    assert!(none.starts_with("description: line 4, on: /scheme/none/disk: "), "{none}");
    assert!(none.ends_with("is the service there, and is it a port?"), "{none}");
    let mut world = World::serving("[[driver]]\nname = \"null\"\nkind = \"null\"");
    let text = "[[driver]]\nname = \"p\"\nkind = \"pass\"\non = \"/scheme/port\"";
    let names = world.serve("upper", text).unwrap_err();
    assert!(names.contains("/scheme/port: not a handle for this operation (EBADF)"), "{names}");
}

#[test]
fn a_name_that_is_taken_is_said_to_be() {
    let text = "[[driver]]\nname = \"null\"\nkind = \"null\"";
    let mut world = World::serving(text);
    let refused = world.serve("port", text).unwrap_err();
    assert!(refused.contains("another service has the name"), "{refused}");
}

#[test]
fn a_daemon_that_is_not_root_is_told_so() {
    let user = host::Process::isolated("portd", 5, 5);
    let text = "[[driver]]\nname = \"null\"\nkind = \"null\"";
    let refused = user.enter(|| portd::serve("port", text).err().unwrap().to_string());
    assert!(refused.contains("EACCES") && refused.ends_with("it takes root"), "{refused}");
}
