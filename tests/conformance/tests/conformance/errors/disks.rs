//! Errors of block and character devices.

use std::sync::Arc;

use driver::{Class, Data, Driver, Errno, Features, Node, Op, Ready, Status};
use kit::{FLUSH, ask, discard, flush, read, read_at, write, write_at};

/// What goes wrong below is answered as it is.
pub(super) fn broken(driver: &Arc<dyn Driver>) {
    assert_eq!(read(&**driver, 0, &mut [0; 512]), Errno::EIO.into());
    assert_eq!(write(&**driver, 0, &[0; 512]), Errno::EIO.into());
    assert_eq!(flush(&**driver), Errno::EIO.into());
    assert_eq!(discard(&**driver, 0, 512), Errno::EIO.into());
}

/// A transfer that came short where all of it was needed.
pub(super) fn short_read(driver: &Arc<dyn Driver>) {
    assert_eq!(read(&**driver, 0, &mut [0; 4096]), Errno::EIO.into());
}

/// The same of what was to be on all disks.
pub(super) fn short_write(driver: &Arc<dyn Driver>) {
    assert_eq!(write(&**driver, 0, &[0; 4096]), Errno::EIO.into());
}

/// The same of what is written later: the flush is told.
pub(super) fn short_flush(driver: &Arc<dyn Driver>) {
    assert_eq!(write(&**driver, 0, &[0; 4096]), Status::ok(4096));
    assert_eq!(flush(&**driver), Errno::EIO.into());
}

/// A disk that is only to be read.
pub(super) fn locked(driver: &Arc<dyn Driver>) {
    assert_eq!(read(&**driver, 0, &mut [0; 512]), Status::ok(512));
    assert_eq!(write(&**driver, 0, &[0; 512]), Errno::EROFS.into());
    assert_eq!(ask(&**driver, FLUSH, Data::NONE), Status::OK);
    if driver.describe().features.contains(Features::DISCARD) {
        assert_eq!(discard(&**driver, 0, 512), Errno::EROFS.into());
    }
}

/// What no block device does.
pub(super) fn misused(driver: &Arc<dyn Driver>) {
    let described = driver.describe();
    assert_eq!(described.class, Class::Block);
    for (offset, len) in [(1, 512), (511, 1024), (0, 511), (512, 1)] {
        assert_eq!(read(&**driver, offset, &mut vec![0; len]), Errno::EINVAL.into());
        assert_eq!(write(&**driver, offset, &vec![0; len]), Errno::EINVAL.into());
        if described.features.contains(Features::DISCARD) {
            assert_eq!(discard(&**driver, offset, len as u64), Errno::EINVAL.into());
        }
    }
    assert_eq!(write(&**driver, described.size, &[0; 512]), Errno::ENOSPC.into());
    assert_eq!(read(&**driver, described.size, &mut [0; 512]), Status::OK);
    // There is memory of the wrong kind.
    assert_eq!(ask(&**driver, read_at(0), Data::source(&[0; 512])), Errno::EFAULT.into());
    assert_eq!(ask(&**driver, write_at(0), Data::sink(&mut [0; 512])), Errno::EFAULT.into());
    unknown(driver);
    assert_eq!(ask(&**driver, Op::Poll { interest: Ready::READ }, Data::NONE), unsupported());
}

/// What no character device does.
pub(super) fn no_disk(driver: &Arc<dyn Driver>) {
    assert_eq!(driver.describe().class, Class::Character);
    unknown(driver);
    assert_eq!(discard(&**driver, 0, 1), unsupported());
}

fn unsupported() -> Status {
    Errno::EOPNOTSUPP.into()
}

/// Nodes that no device has, and what one asks of files.
fn unknown(driver: &Arc<dyn Driver>) {
    let node = Node(7);
    for op in [Op::Read { node, offset: 0 }, Op::Write { node, offset: 0 }, Op::Flush { node }] {
        assert_eq!(ask(&**driver, op, Data::NONE), Errno::ESTALE.into(), "{op:?}");
    }
    let node = Node::ROOT;
    for op in [
        Op::Statfs,
        Op::Getattr { node },
        Op::Symlink { parent: node },
        Op::Readlink { node },
        Op::Truncate { node, len: 0 },
    ] {
        assert_eq!(ask(&**driver, op, Data::NONE), unsupported(), "{op:?}");
    }
}
