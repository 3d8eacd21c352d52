//! Windows of a service that stands on others: they are delegated, or cost a copy.

use agent::{Data, Lent, MAX_WINDOW, MAX_WINDOWS, Status};
use driver::Op;
use libredox::flag::*;

use crate::{
    common::{World, errno, open},
    shared::{ALL, Agent, MIB, PAGE, ROOT, bytes_of, call},
};

/// Services that stand on each other, the first of which has the disk; the topmost's path.
fn tower(hops: usize) -> (World, String) {
    let mut world = World::serving(ALL);
    let mut path = "/scheme/port/disk".to_string();
    for hop in 0..hops {
        let text = format!("[[driver]]\nname = \"pass\"\nkind = \"pass\"\non = \"{path}\"");
        world.serve(&format!("hop{hop}"), &text).unwrap();
        path = format!("/scheme/hop{hop}/pass");
    }
    (world, path)
}

/// What a service's layers have cost while `work` ran, together.
fn costs(service: &str, work: impl FnOnce()) -> (u32, u32, u32) {
    let figures = open(&format!("/scheme/{service}/.stats"), O_RDONLY, 0).unwrap();
    work();
    let mut text = vec![0; 1 << 16];
    let count = errno(figures.read(&mut text)).unwrap();
    let report: service::StatsReport = serde_json::from_slice(&text[..count]).unwrap();
    let sum = |what: fn(&service::RowReport) -> u32| report.rows.iter().map(what).sum();
    (sum(|row| row.crossings), sum(|row| row.copies), sum(|row| row.maps))
}

#[test]
fn data_in_a_delegated_window_goes_down_any_number_of_services_uncopied() {
    for hops in 1..4 {
        let (world, path) = tower(hops);
        let client = world.process(0, 0);
        client.enter(|| {
            let agent = Agent::connect(&path).unwrap();
            let buffer = agent.buffer(PAGE).unwrap();
            buffer.copy_in(0, &[3; PAGE]).unwrap();
            let work = || {
                let write = Op::Write { node: ROOT, offset: 4096 };
                assert_eq!(call(&agent, write, Data::lent(&buffer), "").0, Status::ok(PAGE));
                buffer.copy_in(0, &[0; PAGE]).unwrap();
                let read = Op::Read { node: ROOT, offset: 4096 };
                let (status, _, counts) = call(&agent, read, Data::lent(&buffer), "");
                assert_eq!((status, counts.copies, counts.maps), (Status::ok(PAGE), 0, 0));
            };
            let mut measured: Box<dyn FnOnce() + '_> = Box::new(work);
            for hop in 0..hops {
                let inner = measured;
                measured = Box::new(move || {
                    let cost = costs(&format!("hop{hop}"), inner);
                    assert_eq!(cost, (2, 0, 0), "hop {hop} of {hops}");
                });
            }
            measured();
            assert_eq!(bytes_of(&buffer, PAGE), [3; PAGE]);
        });
        client.exit();
    }
}

#[test]
fn a_hop_to_a_third_costs_one_copy_where_nothing_is_delegated() {
    let (world, path) = tower(1);
    let client = world.process(0, 0);
    client.enter(|| {
        // The lower service has so many windows for the upper one's handle and no more, one of
        // them small, for names.
        let sizes = [PAGE].into_iter().chain([MAX_WINDOW; MAX_WINDOWS as usize]);
        let taken: Vec<(Agent, Lent)> = sizes
            .map(|size| {
                let agent = Agent::connect(&path).unwrap();
                let buffer = agent.buffer(size).unwrap();
                (agent, buffer)
            })
            .collect();
        let agent = Agent::connect(&path).unwrap();
        let buffer = agent.buffer(PAGE).unwrap();
        let read = Op::Read { node: ROOT, offset: 0 };
        let cost = costs("hop0", || {
            assert_eq!(call(&agent, read, Data::lent(&buffer), "").0, Status::ok(PAGE));
        });
        assert_eq!(cost, (1, 1, 1));
        // What is given back is delegated again.
        drop((taken, buffer, agent));
        let agent = Agent::connect(&path).unwrap();
        let buffer = agent.buffer(PAGE).unwrap();
        let cost = costs("hop0", || {
            assert_eq!(call(&agent, read, Data::lent(&buffer), "").0, Status::ok(PAGE));
        });
        assert_eq!(cost, (1, 0, 0));
    });
    client.exit();
}

#[test]
fn a_delegated_window_shows_nothing_of_what_others_had() {
    let (world, path) = tower(2);
    for round in 1..20 {
        world.root(|| {
            let agent = Agent::connect(&path).unwrap();
            let buffer = agent.buffer(MIB).unwrap();
            assert!(bytes_of(&buffer, MIB).iter().all(|byte| *byte == 0), "{round}");
            buffer.copy_in(0, &vec![round; MIB]).unwrap();
        });
    }
}
