//! Names: lookups, links, listings, renames.

use driver::{Errno, MAX_NAME, MAX_PATH, Node, OpenFlags};

use crate::fs::{BOTH, Fs, ROOT};

/// A file system with `dir/file`; the two nodes.
fn with_tree() -> (Fs, Node, Node) {
    let fs = Fs::new();
    let dir = fs.mkdir(ROOT, "dir").unwrap();
    let file = fs.touch(dir, "file");
    (fs, dir, file)
}

#[test]
fn a_lookup_takes_a_whole_path() {
    let (fs, dir, file) = with_tree();
    assert_eq!(fs.lookup("dir/file"), Ok(file));
    assert_eq!(fs.lookup("/dir//./file"), Ok(file));
    assert_eq!(fs.lookup("dir/"), Ok(dir));
    assert_eq!(fs.lookup(""), Ok(ROOT));
    assert_eq!(fs.lookup("dir/none"), Err(Errno::ENOENT));
    assert_eq!(fs.lookup("none/file"), Err(Errno::ENOENT));
}

#[test]
fn two_dots_lead_up_and_stay_at_the_root() {
    let (fs, dir, file) = with_tree();
    let inner = fs.mkdir(dir, "inner").unwrap();
    assert_eq!(fs.lookup("dir/inner/.."), Ok(dir));
    assert_eq!(fs.lookup("dir/inner/../file"), Ok(file));
    assert_eq!(fs.lookup("../../dir"), Ok(dir));
    let other = fs.mkdir(ROOT, "other").unwrap();
    fs.rename(dir, "inner", other, "inner").unwrap();
    assert_eq!(fs.lookup("other/inner/.."), Ok(other));
    assert_eq!(fs.lookup("other/inner"), Ok(inner));
}

#[test]
fn a_walk_through_a_file_is_refused() {
    let (fs, _, file) = with_tree();
    for path in ["dir/file/x", "dir/file/..", "dir/file/", "dir/file/."] {
        assert_eq!(fs.lookup(path), Err(Errno::ENOTDIR), "{path}");
    }
    assert_eq!(fs.create(file, "x", BOTH), Err(Errno::ENOTDIR));
    assert_eq!(fs.mkdir(file, "x"), Err(Errno::ENOTDIR));
    assert_eq!(fs.unlink(file, "x"), Err(Errno::ENOTDIR));
    assert_eq!(fs.rename(ROOT, "dir", file, "x"), Err(Errno::ENOTDIR));
    assert_eq!(fs.list(file), Err(Errno::ENOTDIR));
}

#[test]
fn long_names_and_paths_are_refused() {
    let fs = Fs::new();
    let (longest, long) = ("n".repeat(MAX_NAME), "n".repeat(MAX_NAME + 1));
    fs.touch(ROOT, &longest);
    assert!(fs.lookup(&longest).is_ok());
    assert_eq!(fs.list(ROOT), Err(Errno::EINVAL), "does not fit a room of 64 bytes");
    let too_long = Err(Errno::ENAMETOOLONG);
    assert_eq!(fs.lookup(&long), too_long);
    assert_eq!(fs.create(ROOT, &long, BOTH), too_long);
    assert_eq!(fs.mkdir(ROOT, &long), too_long);
    assert_eq!(fs.symlink(ROOT, &long, "x"), too_long);
    assert_eq!(fs.rename(ROOT, &longest, ROOT, &long), Err(Errno::ENAMETOOLONG));
    assert_eq!(fs.unlink(ROOT, &long), Err(Errno::ENAMETOOLONG));
    assert_eq!(fs.lookup(&"./".repeat(MAX_PATH / 2 + 1)), too_long);
    assert_eq!(fs.symlink(ROOT, "link", &"x".repeat(MAX_PATH + 1)), too_long);
    assert!(fs.symlink(ROOT, "link", &"x".repeat(MAX_PATH)).is_ok());
}

#[test]
fn impossible_names_are_refused() {
    let fs = Fs::new();
    for name in ["", ".", "..", "a/b", "a\0b"] {
        assert_eq!(fs.create(ROOT, name, BOTH), Err(Errno::EINVAL), "{name:?}");
        assert_eq!(fs.mkdir(ROOT, name), Err(Errno::EINVAL), "{name:?}");
        assert_eq!(fs.rmdir(ROOT, name), Err(Errno::EINVAL), "{name:?}");
        assert_eq!(fs.rename(ROOT, name, ROOT, "x"), Err(Errno::EINVAL), "{name:?}");
    }
    assert_eq!(fs.symlink(ROOT, "link", ""), Err(Errno::ENOENT));
    assert_eq!(fs.symlink(ROOT, "link", "a\0b"), Err(Errno::EINVAL));
}

#[test]
fn links_are_followed_on_the_way_and_at_the_end_if_wanted() {
    let (fs, dir, file) = with_tree();
    let link = fs.symlink(ROOT, "link", "dir").unwrap();
    let up = fs.symlink(dir, "up", "../dir/./file").unwrap();
    assert_eq!(fs.lookup("link/file"), Ok(file));
    assert_eq!(fs.lookup_link("link/up"), Ok(up));
    assert_eq!(fs.lookup("link/up"), Ok(file));
    assert_eq!((fs.lookup("link"), fs.lookup_link("link")), (Ok(dir), Ok(link)));
    assert_eq!(fs.lookup_link("link/"), Ok(dir), "a slash means the directory");
    assert_eq!(fs.readlink(link, 99), Ok(b"dir".to_vec()));
    assert_eq!(fs.readlink(link, 2), Ok(b"di".to_vec()));
    assert_eq!(fs.readlink(file, 99), Err(Errno::EINVAL));
    assert_eq!(fs.readlink(dir, 99), Err(Errno::EINVAL));
}

#[test]
fn links_in_a_circle_end_the_walk() {
    let fs = Fs::new();
    fs.symlink(ROOT, "one", "two").unwrap();
    fs.symlink(ROOT, "two", "./one").unwrap();
    assert_eq!(fs.lookup("one"), Err(Errno::ELOOP));
    assert_eq!(fs.lookup_link("one/x"), Err(Errno::ELOOP));
    assert!(fs.lookup_link("one").is_ok());
}

#[test]
fn a_link_to_an_absolute_path_leaves_the_file_system() {
    let (fs, ..) = with_tree();
    fs.symlink(ROOT, "link", "/dir").unwrap();
    assert_eq!(fs.lookup("link"), Err(Errno::EXDEV));
    assert_eq!(fs.lookup("link/file"), Err(Errno::EXDEV));
    assert!(fs.lookup_link("link").is_ok());
}

#[test]
fn what_is_there_is_not_made_again() {
    let (fs, _, file) = with_tree();
    let exists = Err(Errno::EEXIST);
    assert_eq!(fs.mkdir(ROOT, "dir"), exists);
    assert_eq!(fs.symlink(ROOT, "dir", "x"), exists);
    assert_eq!(fs.create(ROOT, "dir", BOTH | OpenFlags::EXCLUSIVE), exists);
    assert_eq!(fs.link(file, ROOT, "dir"), Err(Errno::EEXIST));
    assert_eq!(fs.create(ROOT, "dir", OpenFlags::READ), Err(Errno::EISDIR));
    fs.symlink(ROOT, "link", "dir/file").unwrap();
    assert_eq!(fs.create(ROOT, "link", BOTH), Err(Errno::ELOOP));
}

#[test]
fn creating_a_file_that_is_there_opens_it() {
    let (fs, dir, file) = with_tree();
    fs.write(file, 0, b"text").unwrap();
    assert_eq!(fs.create(dir, "file", BOTH), Ok(file));
    assert_eq!(fs.attr(file).unwrap().size, 4);
    assert_eq!(fs.create(dir, "file", BOTH | OpenFlags::TRUNCATE), Ok(file));
    assert_eq!(fs.attr(file).unwrap().size, 0);
    assert_eq!([fs.close(file), fs.close(file)], [Ok(()), Ok(())]);
    assert_eq!(fs.close(file), Err(Errno::EBADF));
}

#[test]
fn hard_links_are_counted_and_share_the_file() {
    let (fs, dir, file) = with_tree();
    fs.link(file, ROOT, "second").unwrap();
    assert_eq!(fs.lookup("second"), Ok(file));
    assert_eq!(fs.attr(file).unwrap().links, 2);
    fs.write(file, 0, b"text").unwrap();
    fs.unlink(dir, "file").unwrap();
    assert_eq!(fs.attr(file).unwrap().links, 1);
    assert_eq!(fs.read(fs.lookup("second").unwrap(), 0, 9), Ok(b"text".to_vec()));
    assert_eq!(fs.link(dir, ROOT, "third"), Err(Errno::EPERM));
}

#[test]
fn a_directory_counts_itself_and_those_in_it() {
    let (fs, dir, _) = with_tree();
    let links = || (fs.attr(ROOT).unwrap().links, fs.attr(dir).unwrap().links);
    assert_eq!(links(), (3, 2));
    fs.mkdir(dir, "inner").unwrap();
    assert_eq!(links(), (3, 3));
    fs.rename(dir, "inner", ROOT, "inner").unwrap();
    assert_eq!(links(), (4, 2));
    fs.mkdir(ROOT, "empty").unwrap();
    fs.rename(ROOT, "inner", ROOT, "empty").unwrap();
    assert_eq!(links(), (4, 2));
    fs.rmdir(ROOT, "empty").unwrap();
    assert_eq!(links(), (3, 2));
}

#[test]
fn unlink_takes_what_was_meant_and_nothing_else() {
    let (fs, dir, _) = with_tree();
    assert_eq!(fs.unlink(ROOT, "dir"), Err(Errno::EISDIR));
    assert_eq!(fs.rmdir(dir, "file"), Err(Errno::ENOTDIR));
    assert_eq!(fs.rmdir(ROOT, "dir"), Err(Errno::ENOTEMPTY));
    assert_eq!(fs.unlink(dir, "none"), Err(Errno::ENOENT));
    assert_eq!(fs.unlink(dir, "file"), Ok(()));
    assert_eq!(fs.rmdir(ROOT, "dir"), Ok(()));
    assert_eq!(fs.list(ROOT), Ok(vec![".".into(), "..".into()]));
}

#[test]
fn a_rename_replaces_what_is_there() {
    let (fs, dir, file) = with_tree();
    let old = fs.touch(ROOT, "old");
    fs.write(old, 0, b"old").unwrap();
    let free = fs.statfs().free;
    assert_eq!(fs.rename(dir, "file", ROOT, "old"), Ok(()));
    assert_eq!(fs.lookup("old"), Ok(file));
    assert_eq!(fs.lookup("dir/file"), Err(Errno::ENOENT));
    assert_eq!(fs.attr(old), Err(Errno::ESTALE));
    assert_eq!(fs.statfs().free, free + 1);
}

#[test]
fn a_rename_keeps_kinds_apart() {
    let (fs, dir, _) = with_tree();
    fs.touch(ROOT, "file");
    let full = fs.mkdir(ROOT, "full").unwrap();
    fs.touch(full, "x");
    assert_eq!(fs.rename(ROOT, "file", ROOT, "dir"), Err(Errno::EISDIR));
    assert_eq!(fs.rename(ROOT, "dir", ROOT, "file"), Err(Errno::ENOTDIR));
    assert_eq!(fs.rename(ROOT, "dir", ROOT, "full"), Err(Errno::ENOTEMPTY));
    fs.unlink(full, "x").unwrap();
    assert_eq!(fs.rename(ROOT, "dir", ROOT, "full"), Ok(()));
    assert_eq!(fs.lookup("full"), Ok(dir));
    assert_eq!(fs.attr(full), Err(Errno::ESTALE));
}

#[test]
fn a_directory_does_not_move_into_itself() {
    let (fs, dir, _) = with_tree();
    let inner = fs.mkdir(dir, "inner").unwrap();
    assert_eq!(fs.rename(ROOT, "dir", dir, "x"), Err(Errno::EINVAL));
    assert_eq!(fs.rename(ROOT, "dir", inner, "x"), Err(Errno::EINVAL));
    assert_eq!(fs.rename(dir, "inner", ROOT, "dir"), Err(Errno::ENOTEMPTY));
    assert_eq!(fs.rename(dir, "inner", ROOT, "x"), Ok(()));
}

#[test]
fn a_rename_between_names_of_one_file_does_nothing() {
    let (fs, dir, file) = with_tree();
    fs.link(file, ROOT, "second").unwrap();
    let before = fs.attr(file);
    assert_eq!(fs.rename(dir, "file", ROOT, "second"), Ok(()));
    assert_eq!(fs.rename(ROOT, "dir", ROOT, "dir"), Ok(()));
    assert_eq!((fs.lookup("dir/file"), fs.lookup("second")), (Ok(file), Ok(file)));
    assert_eq!(fs.attr(file), before);
}

#[test]
fn directories_note_when_their_names_change() {
    let (fs, dir, file) = with_tree();
    let mtime = |node| fs.attr(node).unwrap().mtime;
    let changes = |what: &dyn Fn()| {
        let before = (mtime(ROOT), mtime(dir), mtime(file));
        what();
        (mtime(ROOT) > before.0, mtime(dir) > before.1, mtime(file) > before.2)
    };
    assert_eq!(changes(&|| fs.link(file, dir, "x").unwrap()), (false, true, false));
    assert_eq!(changes(&|| fs.rename(dir, "x", ROOT, "y").unwrap()), (true, true, false));
    assert_eq!(changes(&|| fs.unlink(ROOT, "y").unwrap()), (true, false, false));
    assert_eq!(changes(&|| assert!(fs.mkdir(ROOT, "z").is_ok())), (true, false, false));
    assert_eq!(changes(&|| assert!(fs.mkdir(ROOT, "z").is_err())), (false, false, false));
}

#[test]
fn a_file_notes_when_its_names_change() {
    let (fs, dir, file) = with_tree();
    let notes = |what: &dyn Fn()| {
        let before = fs.attr(file).unwrap();
        what();
        let after = fs.attr(file).unwrap();
        after.ctime > before.ctime && after.mtime == before.mtime
    };
    assert!(notes(&|| fs.link(file, dir, "x").unwrap()));
    assert!(notes(&|| fs.rename(dir, "x", ROOT, "y").unwrap()));
    assert!(notes(&|| fs.unlink(ROOT, "y").unwrap()));
}

#[test]
fn a_listing_finds_what_is_made_after_its_last_entry_is_gone() {
    let (fs, dir, _) = with_tree();
    let (_, end) = fs.readdir(dir, 0, 1000).unwrap();
    fs.unlink(dir, "file").unwrap();
    fs.touch(dir, "new");
    assert_eq!(fs.readdir(dir, end, 1000).unwrap().0, ["new"]);
}

#[test]
fn a_listing_misses_and_repeats_nothing_while_entries_come_and_go() {
    let fs = Fs::new();
    let name = |at: usize| format!("{at:02}");
    for at in 0..40 {
        fs.touch(ROOT, &name(at));
    }
    let (mut seen, mut at, mut round) = (Vec::new(), 0, 0);
    loop {
        let (names, next) = fs.readdir(ROOT, at, 70).unwrap();
        if names.is_empty() {
            break;
        }
        seen.extend(names);
        at = next;
        // One that was listed, one that was not yet, and a new one.
        fs.unlink(ROOT, &name(round)).unwrap();
        let _ = fs.unlink(ROOT, &name(39 - round));
        fs.touch(ROOT, &format!("new{round}"));
        round = (round + 1).min(9);
        if round == 9 {
            break;
        }
    }
    let (rest, _) = fs.readdir(ROOT, at, 1 << 16).unwrap();
    seen.extend(rest);
    let survivors: Vec<String> = (9..31).map(name).collect();
    let count = |name: &String| seen.iter().filter(|other| *other == name).count();
    assert!(survivors.iter().all(|name| count(name) == 1), "{seen:?}");
    assert!(seen.iter().all(|name| count(name) == 1), "{seen:?}");
    assert!((31..40).all(|gone| count(&name(gone)) == 0), "{seen:?}");
}

#[test]
fn a_listing_begins_with_the_dots_and_ends_with_nothing() {
    let (fs, dir, _) = with_tree();
    let (names, end) = fs.readdir(dir, 0, 1000).unwrap();
    assert_eq!(names, [".", "..", "file"]);
    assert_eq!(fs.readdir(dir, end, 1000), Ok((vec![], end)));
    assert_eq!(fs.readdir(dir, u64::MAX, 1000).unwrap().0, Vec::<String>::new());
    assert_eq!(fs.readdir(dir, 1, 1000).unwrap().0, ["..", "file"]);
    assert_eq!(fs.readdir(dir, 0, 10), Err(Errno::EINVAL));
}
