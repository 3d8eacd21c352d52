//! Random ports and steps.

use proptest::{collection::vec, option, prelude::*};

use crate::script::{Act, Around, Kind, Op, Plan, Way};

fn around() -> impl Strategy<Value = Around> {
    prop_oneof![
        3 => Just(Around::Nothing),
        2 => Just(Around::Containment),
        4 => (0..3_usize, any::<bool>())
            .prop_map(|(limit, contained)| Around::Gate { limit, contained }),
        1 => (0..3_usize, any::<bool>())
            .prop_map(|(limit, contained)| Around::Thread { limit, contained }),
    ]
}

/// How far below a lower port is.
fn lower() -> impl Strategy<Value = u8> {
    prop_oneof![2 => Just(0), 1 => any::<u8>()]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        6 => (around(), lower(), lower())
            .prop_map(|(around, first, second)| Kind::Driver { around, lowers: [first, second] }),
        1 => (0..4_usize).prop_map(|limit| Kind::Mailbox { limit }),
        1 => (0..4_usize).prop_map(|limit| Kind::Spin { limit }),
    ]
}

/// Ports, each above some of those before it; sometimes, a tower of more than may stand.
pub(crate) fn ports() -> impl Strategy<Value = Vec<Kind>> {
    let stood = around().prop_map(|around| Kind::Driver { around, lowers: [0, 0] });
    prop_oneof![4 => vec(kind(), 2..12), 1 => vec(stood, 10..14)]
}

/// Steps, the outermost of a case.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Op>> {
    vec(op(2), 1..30)
}

fn few(level: u32) -> BoxedStrategy<Vec<Op>> {
    if level == 0 {
        return Just(Vec::new()).boxed();
    }
    vec(op(level - 1), 0..4).boxed()
}

fn act(level: u32) -> BoxedStrategy<Act> {
    let simple = prop_oneof![
        3 => (0..5_u8).prop_map(Act::Done),
        1 => Just(Act::Fail),
        6 => Just(Act::Keep),
        1 => Just(Act::LetGo),
        6 => (0..2_u8).prop_map(Act::Down),
        2 => (0..2_u8).prop_map(Act::Pass),
        1 => Just(Act::Panic),
        1 => (0..2_u8).prop_map(Act::LatePanic),
    ];
    if level == 0 {
        return simple.boxed();
    }
    prop_oneof![
        6 => simple,
        2 => few(level).prop_map(Act::First),
        1 => (any::<u8>(), vec(act(level - 1), 0..3)).prop_map(|(to, acts)| Act::Call(to, acts)),
    ]
    .boxed()
}

/// What a message asks for; sometimes, to go further than may be.
fn acts(level: u32) -> BoxedStrategy<Vec<Act>> {
    let hops = |hops| [Act::Keep, Act::Pass(0)].into_iter().cycle().take(hops).collect();
    prop_oneof![
        12 => vec(act(level), 0..5),
        1 => vec(Just(Act::Down(0)), 5..12),
        1 => (10..20_usize).prop_map(hops),
    ]
    .boxed()
}

fn plan(level: u32) -> impl Strategy<Value = Plan> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (option::of(any::<u8>()), flags, acts(level)).prop_map(
        |(again, (priority, receipt, ticket), acts)| Plan {
            again,
            priority,
            receipt,
            ticket,
            acts,
        },
    )
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        4 => Just(Way::Inbox),
        2 => Just(Way::Droppable),
        1 => Just(Way::Right),
        1 => Just(Way::ReplyPort),
        1 => Just(Way::DroppableReplyPort),
        1 => Just(Way::Discard),
    ]
}

fn op(level: u32) -> BoxedStrategy<Op> {
    prop_oneof![
        10 => sends(level),
        8 => looks(level),
        8 => receives(level),
    ]
    .boxed()
}

fn sends(level: u32) -> BoxedStrategy<Op> {
    let call = (any::<u8>(), plan(level), option::of(0..3_u8), any::<bool>(), few(level));
    prop_oneof![
        6 => (any::<u8>(), any::<u8>(), way(), plan(level))
            .prop_map(|(inbox, to, way, plan)| Op::Send { inbox, to, way, plan }),
        2 => (any::<u8>(), plan(level)).prop_map(|(to, plan)| Op::Ask { to, plan }),
        2 => call.prop_map(|(to, plan, until, interrupted, during)| {
            Op::Call { to, plan, until, interrupted, during }
        }),
    ]
    .boxed()
}

fn looks(level: u32) -> BoxedStrategy<Op> {
    prop_oneof![
        4 => (any::<u8>(), 0..3_u8, few(level))
            .prop_map(|(inbox, patience, during)| Op::Get { inbox, patience, during }),
        1 => any::<u8>().prop_map(Op::GetOne),
        1 => any::<u8>().prop_map(Op::TryTake),
        1 => any::<u8>().prop_map(Op::Poll),
        1 => any::<u8>().prop_map(Op::AbortFuture),
        1 => any::<u8>().prop_map(Op::DropFuture),
        1 => any::<u8>().prop_map(Op::DropInbox),
        1 => any::<u8>().prop_map(Op::DropMessage),
        4 => any::<u8>().prop_map(Op::Abort),
    ]
    .boxed()
}

fn receives(level: u32) -> BoxedStrategy<Op> {
    prop_oneof![
        4 => (any::<u8>(), 0..3_u8).prop_map(|(port, patience)| Op::Receive { port, patience }),
        4 => (any::<u8>(), 0..5_u8).prop_map(|(at, count)| Op::Done(at, count)),
        1 => any::<u8>().prop_map(Op::LetGo),
        4 => any::<[u8; 2]>().prop_map(|[at, to]| Op::Forward(at, to)),
        3 => any::<[u8; 2]>().prop_map(|[port, message]| Op::Unqueue { port, message }),
        1 => any::<u8>().prop_map(Op::Close),
        1 => (any::<u8>(), few(level)).prop_map(|(port, during)| Op::Run { port, during }),
    ]
    .boxed()
}
