//! What drivers do and tell of themselves: each that has work of its own is tended by a thread,
//! since one may wait for another; and their reports are put together.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use driver::Driver;
use stack::Stack;

/// How long a driver is left alone that had nothing more to do.
const REST: Duration = Duration::from_millis(50);

/// A driver and its name.
type Named = (String, Arc<dyn Driver>);

/// The drivers of a service, apart from the requests to them.
pub(crate) struct Chores {
    drivers: Arc<[Named]>,
    stop: Arc<AtomicBool>,
    /// One for each driver that has work of its own.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Chores {
    /// Starts the threads that are needed.
    pub(crate) fn start(drivers: Vec<Named>) -> io::Result<Chores> {
        let (drivers, stop) = (Arc::<[Named]>::from(drivers), Arc::new(AtomicBool::new(false)));
        let chores = Chores { drivers, stop, threads: Mutex::default() };
        for (name, driver) in chores.drivers.iter().filter(|(_, driver)| driver.tends()) {
            let (driver, until) = (Arc::clone(driver), Arc::clone(&chores.stop));
            let thread = std::thread::Builder::new().name(format!("chores of {name}"));
            let thread = thread.spawn(move || tend(&*driver, &until))?;
            chores.threads().push(thread);
        }
        Ok(chores)
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the threads, once the pieces of work that they are at are done.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Relaxed);
        let threads = core::mem::take(&mut *self.threads());
        // The topmost first: it may wait for one below, which goes on meanwhile.
        for thread in threads.into_iter().rev() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }

    /// What the drivers tell of themselves: a JSON object a line, each with the driver's name.
    pub(crate) fn report(&self) -> String {
        let mut text = String::new();
        for (name, driver) in self.drivers.iter() {
            let mut own = String::new();
            // What could not be written in full is left out.
            if driver.report(&mut own).is_ok() {
                for line in own.lines() {
                    text += &format!("{{\"driver\":\"{name}\",\"report\":{line}}}\n");
                }
            }
        }
        text
    }
}

impl Drop for Chores {
    fn drop(&mut self) {
        self.stop();
    }
}

fn tend(driver: &dyn Driver, stop: &AtomicBool) {
    while !stop.load(Relaxed) {
        if !driver.tend() {
            std::thread::park_timeout(REST);
        }
    }
}

/// The drivers of a stack, each with its name.
pub(crate) fn of(stack: &Stack) -> Vec<Named> {
    stack.drivers.iter().map(|made| (made.name.clone(), Arc::clone(&made.driver))).collect()
}
