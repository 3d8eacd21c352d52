//! A stack somewhere, each of whose drivers tells what came to it and what that cost, wherever it
//! is: what came is in what the driver reports, costs are in a meter or in a daemon's `.stats`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use agent::{Counts, Lent, Meter, Origin};
use driver::{
    Body, Built, Call, Context, Cred, Data, Description, Driver, Exchange, MessageId, Op, Outcome,
    Port, Request, Secret, Spin, Status,
};
use libredox::{Fd, flag::*};
use serde::{Deserialize, Serialize};
use service::{Remote, StatsReport};
use stack::{Environment, Plan, Stack};

/// A message that came to a driver: what was asked, and where its data lay.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    op: String,
    pub(crate) address: usize,
    pub(crate) len: usize,
}

/// A driver before which is noted what comes to it.
struct Spied {
    driver: Arc<dyn Driver>,
    notes: Mutex<Vec<Note>>,
}

impl Port<Body> for Spied {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        let op = format!("{:?}", request.body().op);
        let note = Note { op, address: request.address(), len: request.len() };
        self.notes.lock().unwrap().push(note);
        request.pass(&*self.driver)
    }

    fn interrupt(&self, message: MessageId) {
        self.driver.interrupt(message);
    }
}

impl Driver for Spied {
    fn describe(&self) -> Description {
        self.driver.describe()
    }

    /// The notes, which are told once.
    fn report(&self, out: &mut dyn std::fmt::Write) -> std::fmt::Result {
        let notes = core::mem::take(&mut *self.notes.lock().unwrap());
        notes.iter().try_for_each(|note| writeln!(out, "{}", serde_json::to_string(note).unwrap()))
    }

    fn passes_data(&self) -> bool {
        self.driver.passes_data()
    }
}

/// An environment in which each driver is spied on.
pub(crate) struct Spying<'e>(pub(crate) &'e dyn Environment);

impl Environment for Spying<'_> {
    fn context(&self) -> Context {
        self.0.context()
    }

    fn connect(&self, path: &str) -> Result<Arc<dyn Driver>, String> {
        self.0.connect(path)
    }

    fn secret(&self, path: &str) -> Result<Secret, String> {
        self.0.secret(path)
    }

    fn place(&self, name: &str, make: &mut dyn FnMut() -> Built) -> Built {
        let driver = self.0.place(name, make)?;
        Ok(Arc::new(Spied { driver, notes: Mutex::default() }))
    }
}

/// Costs by the name of a layer.
type Rows = BTreeMap<String, Counts>;

/// What a message's layers did: their costs, and what came to them, by name.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: Status,
    /// What the message itself counted on this side of a boundary.
    pub(crate) own: Counts,
    pub(crate) rows: Rows,
    pub(crate) notes: BTreeMap<String, Vec<Note>>,
}

/// Where the stack is.
enum At {
    Here(Stack),
    /// The schemes of daemons, the topmost last.
    Daemons(Vec<String>),
}

/// A stack somewhere.
pub(crate) struct Placed {
    pub(crate) place: &'static str,
    pub(crate) top: Arc<dyn Driver>,
    at: At,
}

impl Placed {
    /// In this process, as `environment` places it.
    pub(crate) fn here(place: &'static str, plan: &Plan, environment: &dyn Environment) -> Placed {
        let built = plan.build(&Spying(environment));
        let stack = built.unwrap_or_else(|fault| panic!("{fault}"));
        let top = Arc::clone(&stack.get("top").expect("a driver called top").driver);
        Placed { place, top, at: At::Here(stack) }
    }

    /// Served by daemons, bottom first, that place it so.
    pub(crate) fn served(place: &'static str, schemes: Vec<String>) -> Placed {
        let last = schemes.last().expect("there is a daemon");
        let top = Arc::new(Remote::connect(&format!("/scheme/{last}/top")).unwrap());
        Placed { place, top, at: At::Daemons(schemes) }
    }

    /// True where a driver has its client's own memory, and not what was lent to its process.
    pub(crate) fn is_here(&self) -> bool {
        matches!(self.at, At::Here(_))
    }

    /// Memory in which data goes to the top without being lent; on this side it is nobody's.
    pub(crate) fn window(&self, len: usize) -> Option<Lent> {
        (!self.is_here()).then(|| self.top.share(len).expect("a daemon shares memory"))
    }

    /// Asks as root.
    pub(crate) fn ask(&self, op: Op, name: &str, data: Data<'_>) -> Told {
        self.notes();
        let mut call = Call::new(Body::new(op, Cred::ROOT), data);
        if !name.is_empty() {
            call = call.name(name.as_bytes());
        }
        let (status, rows) = match &self.at {
            At::Here(stack) => metered(stack, &mut call),
            At::Daemons(schemes) => watched(schemes, &*self.top, &mut call),
        };
        Told { status, rows, own: call.counts(), notes: self.notes() }
    }

    /// What came to each driver since this was asked last.
    fn notes(&self) -> BTreeMap<String, Vec<Note>> {
        let mut notes = BTreeMap::<String, Vec<Note>>::new();
        match &self.at {
            At::Here(stack) => {
                for made in &stack.drivers {
                    let mut text = String::new();
                    made.driver.report(&mut text).expect("a text takes all");
                    let own = text.lines().map(|line| serde_json::from_str(line).unwrap());
                    notes.entry(made.name.clone()).or_default().extend(own);
                }
            }
            At::Daemons(schemes) => {
                for line in schemes.iter().flat_map(|scheme| trace(scheme)) {
                    notes.entry(line.driver).or_default().push(line.report);
                }
            }
        }
        notes
    }
}

/// A line of `.trace`.
#[derive(Deserialize)]
struct Line {
    driver: String,
    report: Note,
}

fn trace(scheme: &str) -> Vec<Line> {
    let text = read(&open(&format!("/scheme/{scheme}/.trace")));
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("a note")).collect()
}

fn metered(stack: &Stack, call: &mut Call<'_, Body>) -> (Status, Rows) {
    let mut origin = Origin::root();
    origin.set_meter(Some(Meter::new(stack.rows.len(), || 0)));
    let top = &stack.get("top").expect("a driver called top").port;
    let status = top.call(&mut origin, &Spin, call);
    let meter = origin.set_meter(None).expect("it came back with the message");
    let rows = stack.rows.iter().cloned().zip(meter.rows().iter().map(|row| row.counts)).collect();
    (status, rows)
}

/// Reads the figures of all daemons while it asks.
fn watched(schemes: &[String], top: &dyn Driver, call: &mut Call<'_, Body>) -> (Status, Rows) {
    let figures: Vec<Fd> =
        schemes.iter().map(|scheme| open(&format!("/scheme/{scheme}/.stats"))).collect();
    let (status, mut rows) = (call.run(top, &Spin), Rows::new());
    for file in &figures {
        let report: StatsReport = serde_json::from_slice(&read(file)).expect("a report");
        for row in report.rows {
            let counts = Counts {
                messages: row.messages,
                crossings: row.crossings,
                translations: row.translations,
                copies: row.copies,
                maps: row.maps,
                looks: row.looks,
            };
            *rows.entry(row.layer).or_default() += counts;
        }
    }
    (status, rows)
}

fn open(path: &str) -> Fd {
    Fd::open(path, O_RDONLY | O_CLOEXEC, 0).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All that there is.
fn read(file: &Fd) -> Vec<u8> {
    let (mut text, mut room) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut room).expect("root may read it") {
            0 => return text,
            count => text.extend_from_slice(&room[..count]),
        }
    }
}
