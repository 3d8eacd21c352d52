//! Services and clients, as processes of the host's Redox ABI.

use std::{sync::mpsc, thread::JoinHandle};

use host::Process;
use service::Service;

/// A namespace with services in it.
pub struct World {
    init: Process,
    services: Vec<(Process, JoinHandle<Result<(), String>>)>,
}

impl Default for World {
    fn default() -> World {
        World::new()
    }
}

impl World {
    /// A namespace without services.
    pub fn new() -> World {
        World { init: Process::isolated("init", 0, 0), services: Vec::new() }
    }

    /// Starts a service in a process of its own, and returns once it is known by its name. The
    /// text of an error is the service's.
    pub fn start(
        &mut self,
        name: &str,
        make: impl FnOnce() -> Result<Service, portd::Error> + Send + 'static,
    ) -> Result<(), String> {
        let process = self.init.child(name, 0, 0);
        let (tell, ready) = mpsc::channel();
        let thread = process.spawn(move || {
            let started = make().and_then(|mut service| {
                service.publish()?;
                service::enter_null_namespace()?;
                Ok(service)
            });
            let service = match started {
                Ok(service) => service,
                Err(error) => {
                    // Whoever waits is told; nobody else would hear of it.
                    let _ = tell.send(Err(error.to_string()));
                    return Ok(());
                }
            };
            let _ = tell.send(Ok(()));
            service.run().map_err(|failure| failure.to_string())
        });
        self.services.push((process, thread));
        ready.recv().unwrap_or_else(|_| Err(format!("the service {name} ended at once")))
    }

    /// Runs a client in a process of its own.
    pub fn client<T>(&self, run: impl FnOnce() -> T) -> T {
        let client = self.init.child("client", 0, 0);
        let result = client.enter(run);
        client.exit();
        result
    }

    /// Ends the services, the topmost first.
    pub fn end(mut self) -> Result<(), String> {
        self.services.drain(..).rev().try_for_each(|(process, thread)| {
            process.exit();
            thread.join().unwrap_or_else(|_| Err("a service panicked".into()))
        })
    }
}
