//! Many at once: nothing is lost, nothing hangs.

use crate::common::*;
use libredox::errno::{EBADF, EINTR};

#[test]
fn many_clients_of_one_daemon_all_get_their_own_answers() {
    let echo = Echo::start();
    let clients: Vec<_> = (0..8_u8).map(|n| (n, echo.client())).collect();
    let threads: Vec<_> = clients
        .into_iter()
        .map(|(n, (client, fd))| {
            client.spawn(move || {
                for round in 0..200 {
                    let mut payload = vec![n; 1 + round * 37];
                    let sum = u64::from(n) + round as u64;
                    assert_eq!(call_rw(fd, &mut payload, &[sum]), Ok(sum as usize));
                    assert!(payload.iter().all(|byte| *byte == n + 1));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    echo.stop();
}

#[test]
fn clients_may_be_killed_at_any_time() {
    let echo = Echo::start();
    for round in 0..50 {
        let (client, fd) = echo.client();
        let calls: Vec<_> = (0..3)
            .map(|_| {
                client.spawn(move || {
                    loop {
                        let Err(errno) = call_rw(fd, &mut [1; 100], &[]) else { continue };
                        break errno;
                    }
                })
            })
            .collect();
        for _ in 0..round * 10 {
            std::thread::yield_now();
        }
        client.kill();
        for call in calls {
            assert!(matches!(call.join().unwrap(), EINTR | EBADF));
        }
    }
    let (client, fd) = echo.client();
    assert_eq!(client.enter(|| call_rw(fd, &mut [], &[1])), Ok(1));
    echo.stop();
}
